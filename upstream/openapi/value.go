package openapi

import (
	"bytes"
	"encoding/json"
	"errors"

	"toolward/gateway"
)

// value is an argument as parameter styles see it: a text, a list of texts, or
// an object of texts. Numbers are as they are written, and what is nested
// deeper, which no style has a form for, is its JSON.
//
//	["a", 1.0, {"b": 2}]  ->  "a"  "1.0"  `{"b":2}`
type value struct {
	raw   json.RawMessage
	kind  byte     // '"' for a scalar, '[' or '{'
	names []string // of an object, in order
	texts []string // one for a scalar; null elements and members are not there
	parts []json.RawMessage
}

func readValue(raw json.RawMessage) (value, error) {
	v := value{raw: raw, kind: '"'}
	switch raw[0] {
	case '[':
		v.kind = '['
		var all []json.RawMessage
		if err := json.Unmarshal(raw, &all); err != nil {
			return v, err
		}
		for _, sub := range all {
			v.add("", sub)
		}
	case '{':
		v.kind = '{'
		o, err := gateway.Split(raw)
		if err != nil {
			return v, err
		}
		for _, m := range o.Without() {
			v.add(m.Name, m.Value)
		}
	default:
		v.add("", raw)
	}
	return v, nil
}

func (v *value) add(name string, raw json.RawMessage) {
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" {
		return
	}
	v.names = append(v.names, name)
	v.texts = append(v.texts, plainText(raw))
	v.parts = append(v.parts, raw)
}

// plainText is what a JSON text says, and the JSON of everything else.
func plainText(raw json.RawMessage) string {
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err == nil {
			return s
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return string(raw)
	}
	return compact.String()
}

var (
	errNotText = errors.New("must be a text")
	errTaken   = errors.New("has a member that names another parameter")
)

// escape percent-encodes all but the unreserved characters of RFC 3986. What
// allowReserved lets through as well cannot end a value or begin a parameter:
// neither "&", "#", "+" nor ";", which some servers take for "&".
func escape(s string, reserved bool) string {
	const digits = "0123456789ABCDEF"
	clean := true
	for i := range len(s) {
		clean = clean && passes(s[i], reserved)
	}
	if clean {
		return s
	}
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; passes(c, reserved) {
			out = append(out, c)
		} else {
			out = append(out, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}

func passes(c byte, reserved bool) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	case c == '-', c == '.', c == '_', c == '~':
		return true
	}
	return reserved && bytes.IndexByte([]byte(":/?@!$'()*,="), c) >= 0
}
