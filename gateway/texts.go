package gateway

import (
	"encoding/json"
	"strconv"
)

// eachText visits all strings of a checked JSON value in order, names of members
// among them. Where, until the next, is what the visitor may ask for: the place
// (RFC 6901), for a name that of its value.
func eachText(raw json.RawMessage, visit func(where func() string, key bool, text string)) {
	w := texts{reader: reader{in: string(raw)}, visit: visit}
	w.where = func() string { return string(w.path) }
	w.space()
	w.value()
}

type texts struct {
	reader
	path  []byte
	where func() string
	visit func(where func() string, key bool, text string)
}

// value visits what is in the value that begins here, and passes the space behind it.
func (w *texts) value() {
	if w.at == len(w.in) {
		return
	}
	switch w.in[w.at] {
	case '{':
		w.object()
		return
	case '[':
		w.array()
		return
	case '"':
		w.visit(w.where, false, w.text())
	default:
		w.word()
	}
	w.space()
}

func (w *texts) object() {
	w.on('{')
	length := len(w.path)
	for w.at < len(w.in) && w.in[w.at] == '"' {
		name := w.text()
		w.path = AppendPointer(w.path[:length], name)
		w.visit(w.where, true, name)
		w.space()
		w.on(':')
		w.value()
		w.on(',')
	}
	w.path = w.path[:length]
	w.on('}')
}

func (w *texts) array() {
	w.on('[')
	length := len(w.path)
	for i := 0; w.at < len(w.in) && w.in[w.at] != ']'; i++ {
		w.path = strconv.AppendInt(append(w.path[:length], '/'), int64(i), 10)
		before := w.at
		w.value()
		if !w.on(',') && w.at == before {
			break // never in checked JSON
		}
	}
	w.path = w.path[:length]
	w.on(']')
}
