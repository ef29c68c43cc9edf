package upstream

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"toolward/gateway"
)

// A client in JavaScript cannot write an integer beyond 2^53: it has the 64-bit
// ID of a message as text, if at all. Where a schema wants an integer and nothing
// else, such a text can mean nothing but the number, so it becomes the number
// before guard and policy judge it: they see what the tool gets.
//
//	{"id":"1234567890123456789"}  ->  {"id":1234567890123456789}

// withDigits returns the arguments with such texts as numbers; ok is false if an
// error is about anything else.
func withDigits(args gateway.Args, err error) (fit gateway.Args, ok bool) {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return args, false
	}
	var places [][]string
	if !onlyDigits(v, args.Value(), &places) {
		return args, false
	}
	raw := args.Raw()
	for _, place := range places {
		if raw = unquoteAt(raw, place); raw == nil {
			return args, false
		}
	}
	fit, err = gateway.ParseArgs(raw)
	return fit, err == nil
}

// onlyDigits collects the places of the texts that an error is about.
func onlyDigits(v *jsonschema.ValidationError, args any, places *[][]string) bool {
	switch v.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf: // one of them is enough: `int | None` in Python
		return slices.ContainsFunc(v.Causes, func(c *jsonschema.ValidationError) bool { return onlyDigits(c, args, places) })
	}
	for _, c := range v.Causes {
		if !onlyDigits(c, args, places) {
			return false
		}
	}
	if len(v.Causes) > 0 {
		return true
	}
	t, isType := v.ErrorKind.(*kind.Type)
	if !isType || !slices.Contains(t.Want, "integer") || slices.Contains(t.Want, "number") {
		return false
	}
	text, isText := at(args, v.InstanceLocation).(string)
	if !isText || !beyondDoubles(text) {
		return false
	}
	*places = append(*places, v.InstanceLocation)
	return true
}

// beyondDoubles reports whether a text is an integer as JSON writes it that a
// double may not hold (RFC 7493 §2.2).
func beyondDoubles(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if len(digits) < 16 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return len(digits) > 16 || digits > "9007199254740992"
}

// at is the value at a place, nil if there is none.
func at(v any, place []string) any {
	for _, name := range place {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// unquoteAt takes the quotes off the text at a place; every other value stays as
// it is written. It returns nil if there is no such place.
func unquoteAt(raw json.RawMessage, place []string) json.RawMessage {
	if len(place) == 0 {
		return json.RawMessage(strings.Trim(string(raw), `"`))
	}
	if raw[0] == '[' {
		items, _ := gateway.Elements(raw)
		i, err := strconv.Atoi(place[0])
		if err != nil || i < 0 || i >= len(items) {
			return nil
		}
		if items[i] = unquoteAt(items[i], place[1:]); items[i] == nil {
			return nil
		}
		out := []byte{'['}
		for i, item := range items {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, item...)
		}
		return append(out, ']')
	}
	o, err := gateway.Split(raw)
	if err != nil {
		return nil
	}
	members := slices.Clone(o.Members())
	i := slices.IndexFunc(members, func(m gateway.Member) bool { return m.Name == place[0] })
	if i < 0 {
		return nil
	}
	if members[i].Value = unquoteAt(members[i].Value, place[1:]); members[i].Value == nil {
		return nil
	}
	return gateway.JoinMembers(members)
}
