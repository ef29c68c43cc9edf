package dialect

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// A value is JSON as it was written, in order: object, []any, string, bool, nil
// or number. Models read properties in the order that their author chose, which
// maps would lose.

// object is a JSON object; names do not repeat.
type object []member

type member struct {
	name  string
	value any
}

// number is a JSON number as it was written.
type number string

func (o object) get(name string) any {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

// text is a member that is a string, else "".
func (o object) text(name string) string {
	s, _ := o.get(name).(string)
	return s
}

// list is a member that is an array, else nil.
func (o object) list(name string) []any {
	l, _ := o.get(name).([]any)
	return l
}

// sub is a member that is an object, else nil.
func (o object) sub(name string) object {
	s, _ := o.get(name).(object)
	return s
}

func (o *object) add(name string, value any) { *o = append(*o, member{name, value}) }

// decode reads JSON that passed gateway.CheckJSON.
func decode(raw json.RawMessage) (any, error) {
	return decodeFrom(jsontext.NewDecoder(bytes.NewReader(raw)))
}

func decodeFrom(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case '{':
		o := object{}
		for dec.PeekKind() == '"' {
			name, err := dec.ReadToken()
			if err != nil {
				return nil, err
			}
			key := name.String() // before the next token is read
			v, err := decodeFrom(dec)
			if err != nil {
				return nil, err
			}
			o.add(key, v)
		}
		_, err = dec.ReadToken()
		return o, err
	case '[':
		list := []any{}
		for k := dec.PeekKind(); k != ']' && k != 0; k = dec.PeekKind() {
			v, err := decodeFrom(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.ReadToken()
		return list, err
	case '"':
		return tok.String(), nil
	case '0':
		return number(tok.String()), nil
	case 't', 'f':
		return tok.Bool(), nil
	}
	return nil, nil
}

// encode writes a value. Text is not escaped for HTML: a model reads it.
func encode(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m.name)
			b = append(b, ':')
			b = encode(b, m.value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = encode(b, e)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case number:
		return append(b, v...)
	case bool:
		if v {
			return append(b, "true"...)
		}
		return append(b, "false"...)
	}
	return append(b, "null"...)
}

func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\ufffd"))
	return b
}

// print is a value's bytes, by which two are compared.
func print(v any) string { return string(encode(nil, v)) }
