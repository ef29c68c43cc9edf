package shape

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// saying holds a block of content, or contents of a resource, against its shape.
// Where it does not fit and cannot be mended either, a text takes its place that says what it was, for the model to know that
// something is missing: clients throw away the whole result for one block that
// they cannot read.
//
//	{"type":"hologram","data":"AAEC","mimeType":"model/x"}
//	{"type":"text","text":"[content that cannot be passed on was left out: type \"hologram\", model/x, 54 bytes; at /content/0/type: …]"}
func (w *walker) saying(t *typ) error {
	start, edits, changed, depth := w.i, len(w.edits), len(w.changed), len(w.path)
	err := w.plain(t)
	if err == nil {
		return nil
	}
	w.edits, w.changed, w.path = w.edits[:edits], w.changed[:changed], w.path[:depth]
	w.i = start
	v := w.Skip()
	if better := mended(v); better != nil {
		again := walker{Cursor: Cursor{b: better}}
		again.path = again.room[:0]
		if again.plain(t) == nil {
			w.note(edit{start, w.i, string(again.apply())})
			return nil
		}
	}
	with := instead(v, err)
	switch t.name {
	case "Contents":
		with = `{"uri":"about:blank","text":` + strings.TrimPrefix(with, `{"type":"text","text":`)
	case "Message":
		with = `{"role":"user","content":` + with + `}`
	}
	w.note(edit{start, w.i, with})
	return nil
}

// instead is the text in place of a block: what was said as a mere string, or
// that something was left out.
func instead(v json.RawMessage, err error) string {
	if v[0] == '"' {
		return `{"type":"text","text":` + string(v) + `}`
	}
	var was strings.Builder
	if v[0] == '{' {
		w := walker{Cursor: Cursor{b: v}}
		m := members{w: &w}
		for m.next() {
			name, v := string(m.name), w.Skip()
			m.keep()
			if v[0] != '"' {
				continue
			}
			switch name {
			case "type":
				fmt.Fprintf(&was, "type %q, ", clip([]byte(text(v))))
			case "mimeType", "uri", "name":
				was.Write(clip([]byte(text(v))))
				was.WriteString(", ")
			}
		}
	}
	said := fmt.Sprintf("[content that cannot be passed on was left out: %s%d bytes; %s]", was.String(), len(v), err)
	quoted, _ := jsontext.AppendQuote(nil, said) // clip leaves no half characters
	return `{"type":"text","text":` + string(quoted) + `}`
}
