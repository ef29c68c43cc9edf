package guard

import (
	"encoding/json"
	"math/bits"
	"strconv"
	"strings"

	"toolward/gateway"
)

// A leaf is one text inside a JSON value: a string, the name of a member, or a
// number long enough to be somebody's.
type leaf struct {
	path []byte // RFC 6901 pointer
	name string // of the nearest member around it, its last maxName bytes; "" if none
	text string // as a reader of the JSON gets it

	// What of the path detectors may heed, beside the name: how many lists the text is in
	// below the member of that name, and the member around that member's object, "" if that
	// is in a list.
	listed int
	around string

	key   bool // it is the member's name
	whole bool // it is not a string: a span of it means all of it
	kind  leafKind
}

// maxName is how much of the end of a name or pointer detectors look at, in
// bytes: it is there for every text below it, and may be as long as all of them.
const maxName = 128

// where is what names the text for detectors that know names: its place, so
// that {"credentials": {"value": …}} says what the value is, or its own name.
func (l *leaf) where() string {
	if l.key || len(l.path) == 0 {
		return l.name
	}
	return string(l.path[max(0, len(l.path)-maxName):])
}

type leafKind uint8

const (
	leafText     leafKind = iota
	leafNumber            // digits as written
	leafMedia             // base64 of an image or a sound, as its sibling mimeType says
	leafBlob              // base64 of a resource
	leafTextBlob          // likewise, and its mimeType says that it is text
)

// minNumber is the fewest characters of a number that is looked at: fewer hold
// neither a card nor an account.
const minNumber = 9

// walker goes once over a JSON value that was checked before ([gateway.CheckJSON]):
// it relies on balanced brackets and well-formed strings, and stops at the end
// of the input whatever it finds. Strings without escapes are passed as parts
// of the input, not copied.
type walker struct {
	in    string
	at    int
	path  []byte // pointer to the current value
	visit func(*leaf)
	leaf  leaf

	listed int    // lists around the current value, within …
	around string // … the object that is the value of this member
}

// walk calls visit for every leaf of raw, in order. The leaf is only valid
// during the call.
func walk(raw json.RawMessage, visit func(*leaf)) { walkAt("", raw, visit) }

// walkAt is walk for a value that stands at a pointer.
func walkAt(at string, raw json.RawMessage, visit func(*leaf)) {
	w := walker{in: string(raw), visit: visit, path: []byte(at)}
	w.space()
	w.value("", -1)
}

func (w *walker) space() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ' ', '\t', '\n', '\r':
			w.at++
		default:
			return
		}
	}
}

// value reads one value and the space after it. parent is where the members of
// the object around it start, -1 if that is an array.
func (w *walker) value(name string, parent int) {
	if w.at >= len(w.in) {
		return
	}
	switch c := w.in[w.at]; {
	case c == '{' && parent >= 0:
		w.object(name)
	case c == '{':
		w.object("")
	case c == '[':
		w.array(name)
	case c == '"':
		text := w.str()
		w.emit(name, text, w.media(name, parent), false)
	case c == '-' || c >= '0' && c <= '9':
		start := w.at
		w.word()
		if w.at-start >= minNumber {
			w.emit(name, w.in[start:w.at], leafNumber, false)
		}
	default:
		w.word()
	}
	w.space()
}

// media tells strings that hold bytes from those that hold text.
func (w *walker) media(name string, parent int) leafKind {
	switch name {
	case "blob":
		if textual(w.mimeType(parent)) {
			return leafTextBlob
		}
		return leafBlob
	case "data":
		if mime := w.mimeType(parent); strings.HasPrefix(mime, "image/") || strings.HasPrefix(mime, "audio/") {
			return leafMedia
		}
	}
	return leafText
}

// textual reports whether a media type is text for a model.
func textual(mime string) bool {
	mime, _, _ = strings.Cut(strings.ToLower(mime), ";")
	return strings.HasPrefix(mime, "text/") || strings.HasSuffix(mime, "json") || strings.HasSuffix(mime, "xml") || strings.HasSuffix(mime, "yaml") ||
		strings.HasSuffix(mime, "javascript") || strings.HasSuffix(mime, "markdown")
}

func (w *walker) emit(name, text string, kind leafKind, key bool) {
	if text == "" {
		return
	}
	w.leaf = leaf{path: w.path, name: name, text: text, listed: w.listed, around: w.around, key: key, whole: kind == leafNumber, kind: kind}
	w.visit(&w.leaf)
}

// word skips a number or a literal.
func (w *walker) word() {
	for w.at < len(w.in) {
		switch w.in[w.at] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return
		}
		w.at++
	}
}

// object reads an object, the value of a member or, if around is "", of none.
func (w *walker) object(around string) {
	w.at++ // {
	w.space()
	outer, listed := w.around, w.listed
	w.around, w.listed = around, 0
	length, start := len(w.path), w.at
	for w.at < len(w.in) && w.in[w.at] == '"' {
		name := w.str()
		w.path = gateway.AppendPointer(w.path[:length], name)
		short := name[max(0, len(name)-maxName):]
		w.emit(short, name, leafText, true)
		w.space()
		w.at++ // :
		w.space()
		w.value(short, start)
		if w.at < len(w.in) && w.in[w.at] == ',' {
			w.at++
			w.space()
		}
	}
	w.at++ // }
	w.path, w.around, w.listed = w.path[:length], outer, listed
}

func (w *walker) array(name string) {
	w.at++ // [
	w.space()
	length := len(w.path)
	w.listed++
	for i := 0; w.at < len(w.in) && w.in[w.at] != ']'; i++ {
		w.path = strconv.AppendInt(append(w.path[:length], '/'), int64(i), 10)
		before := w.at
		w.value(name, -1)
		if w.at < len(w.in) && w.in[w.at] == ',' {
			w.at++
			w.space()
		} else if w.at == before {
			w.at++ // never happens in checked JSON; do not stand still
		}
	}
	w.at++ // ]
	w.path = w.path[:length]
	w.listed--
}

// str reads a string.
func (w *walker) str() string {
	w.at++ // "
	start, escaped := w.at, false
	for {
		if w.at = special(w.in, w.at); w.at >= len(w.in) || w.in[w.at] == '"' {
			break
		}
		escaped = true
		w.at += 2
	}
	end := min(w.at, len(w.in))
	w.at = end + 1
	if !escaped {
		return w.in[start:end]
	}
	return gateway.Unquote(w.in[start-1 : min(end+1, len(w.in))])
}

// special returns where the first quote or backslash stands in s[i:], len(s) if none does.
// Most strings are short, and these eight bytes at a time are cheaper than two searches,
// each of which looks little farther than the other needs: one to the end of the text at
// each of the other's finds would take the square of its length.
func special(s string, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for far := i + 64; i+8 <= len(s) && i < far; i += 8 {
		t := s[i : i+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56 // one load
		quote, slash := x^'"'*each, x^'\\'*each
		if hits := ((quote-each)&^quote | (slash-each)&^slash) & high; hits != 0 { // exact for the first
			return i + bits.TrailingZeros64(hits)/8
		}
	}
	for reach := 256; i < len(s); reach *= 2 {
		part := s[i:min(len(s), i+reach)]
		quote := strings.IndexByte(part, '"')
		if quote >= 0 {
			part = part[:quote]
		}
		if slash := strings.IndexByte(part, '\\'); slash >= 0 {
			return i + slash
		}
		if quote >= 0 {
			return i + quote
		}
		i += len(part)
	}
	return len(s)
}

// mimeType is the member of that name of the object whose members start at
// start; "" if it has none before the first nested value, or there is no object.
func (w *walker) mimeType(start int) string {
	if start < 0 {
		return ""
	}
	sub := walker{in: w.in, at: start}
	for sub.at < len(sub.in) && sub.in[sub.at] == '"' {
		name := sub.str()
		sub.space()
		sub.at++ // :
		sub.space()
		if sub.at >= len(sub.in) || sub.in[sub.at] == '{' || sub.in[sub.at] == '[' {
			return ""
		}
		if sub.in[sub.at] != '"' {
			sub.word()
		} else if value := sub.str(); name == "mimeType" {
			return value
		}
		sub.space()
		sub.at++ // ,
		sub.space()
	}
	return ""
}
