package openapi

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A style is how a value becomes part of a request (OpenAPI 3.0.3, Parameter
// Object, Style Values; RFC 6570). With the name color and the values "blue",
// ["blue","black"] and {"R":100,"G":200}, not exploded and exploded:
//
//	simple          blue            blue,black              R,100,G,200         R=100,G=200
//	label           .blue           .blue,black             .R,100,G,200        .R=100.G=200
//	matrix          ;color=blue     ;color=blue,black       ;color=R,100,G,200  ;R=100;G=200
//	form            color=blue      color=blue,black        color=R,100,G,200   R=100&G=200
//	spaceDelimited                  color=blue%20black      color=R%20100%20G%20200
//	pipeDelimited                   color=blue%7Cblack      color=R%7C100%7CG%7C200
//	deepObject                      color[0]=blue&…                             color[R]=100&color[G]=200
//
// Exploded lists repeat the name with form and matrix, and their separator with
// label. What the table does not say: a list or object without any element is
// left out; what is nested is JSON, and with deepObject more brackets.
type encoding struct {
	style    string
	explode  bool
	reserved bool // characters that have a meaning in URLs stay as they are
}

var errDelimiter = errors.New("has an element with the character that separates elements")

// joined is a value as one text, its elements apart by a separator. Names and
// values are of an object.
func joined(v value, separator string, explode bool, esc func(string) string) string {
	var parts []string
	for i, text := range v.texts {
		switch {
		case v.kind == '{' && explode:
			parts = append(parts, esc(v.names[i])+"="+esc(text))
		case v.kind == '{':
			parts = append(parts, esc(v.names[i]), esc(text))
		default:
			parts = append(parts, esc(text))
		}
	}
	return strings.Join(parts, separator)
}

// inPath is a value in the place of a variable of the path: never more or less
// than one segment.
func (e encoding) inPath(name string, v value) (string, error) {
	for i, text := range v.texts {
		if err := fitsSegment(text); err != nil {
			return "", err
		}
		if err := fitsSegment(v.names[i]); err != nil && v.kind == '{' {
			return "", err
		}
	}
	if len(v.texts) == 0 {
		return "", errors.New("must not be empty")
	}
	esc := func(s string) string { return escape(s, false) }
	var out string
	switch {
	case e.style == "label" && e.explode && v.kind != '"' && slices.ContainsFunc(slices.Concat(v.names, v.texts), func(s string) bool { return strings.Contains(s, ".") }):
		return "", errDelimiter // dots are not escaped, and separate here
	case e.style == "label" && e.explode:
		out = "." + joined(v, ".", true, esc)
	case e.style == "label":
		out = "." + joined(v, ",", false, esc)
	case e.style == "matrix" && v.kind == '{' && e.explode:
		out = ";" + joined(v, ";", true, esc)
	case e.style == "matrix" && v.kind == '[' && e.explode:
		out = ";" + esc(name) + "=" + joined(v, ";"+esc(name)+"=", false, esc)
	case e.style == "matrix" && v.kind == '"' && v.texts[0] == "":
		out = ";" + esc(name)
	case e.style == "matrix":
		out = ";" + esc(name) + "=" + joined(v, ",", false, esc)
	default:
		out = joined(v, ",", e.explode, esc)
	}
	if strings.Trim(out, ".") == "" {
		return "", errors.New("must not be empty, or dots alone")
	}
	return out, nil
}

// fitsSegment refuses what would be another path to whoever decodes it once
// more: slashes, and control characters.
func fitsSegment(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError }) {
		return errors.New("has characters that a path cannot hold")
	}
	if strings.Contains(s, "/") {
		return errors.New("must be one segment of a path: it has a slash")
	}
	return nil
}

// inHeader is a value as a header field, which has no escapes.
func (e encoding) inHeader(v value) (string, error) {
	out := joined(v, ",", e.explode, func(s string) string { return s })
	if strings.ContainsFunc(out, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", errors.New("has characters that a header field cannot hold")
	}
	if strings.TrimSpace(out) != out {
		return "", errors.New("begins or ends with a blank, which a header field cannot hold")
	}
	for i, text := range v.texts {
		if v.kind != '"' && strings.Contains(text, ",") || v.kind == '{' && strings.ContainsAny(v.names[i], ",=") {
			return "", errDelimiter
		}
	}
	return out, nil
}

// pairs is a value as name=value pairs of a query, a cookie or a form.
func (e encoding) pairs(name string, v value) ([]string, error) {
	esc := func(s string) string { return escape(s, e.reserved) }
	// A separator in a name or value is escaped also where reserved ones are not.
	part := func(s string) string { return strings.ReplaceAll(esc(s), ",", "%2C") }
	key := escape(name, false) + "="
	switch {
	case len(v.texts) == 0:
		return nil, nil
	case e.style == "deepObject" && v.kind != '"':
		return e.deep(nil, escape(name, false), v)
	case v.kind == '"':
		return []string{key + esc(v.texts[0])}, nil
	case v.kind == '[' && e.explode:
		var all []string
		for _, text := range v.texts {
			all = append(all, key+esc(text))
		}
		return all, nil
	case e.explode:
		var all []string
		for i, text := range v.texts {
			all = append(all, escape(v.names[i], false)+"="+esc(text))
		}
		return all, nil
	case e.style == "spaceDelimited":
		return delimited(key, v, " ", esc)
	case e.style == "pipeDelimited":
		return delimited(key, v, "|", esc)
	case e.style == "tabDelimited": // Swagger 2.0's tsv
		return delimited(key, v, "\t", esc)
	}
	return []string{key + joined(v, ",", false, part)}, nil
}

// delimited joins elements with a character that is escaped like their own, so
// that an element which has it would be two.
func delimited(key string, v value, separator string, esc func(string) string) ([]string, error) {
	for i, text := range v.texts {
		if strings.Contains(text, separator) || strings.Contains(v.names[i], separator) {
			return nil, errDelimiter
		}
	}
	return []string{key + joined(v, escape(separator, false), false, esc)}, nil
}

// deep is deepObject, and what most servers that know it read below that:
//
//	filter = {"a": {"b": 1}, "c": [2, 3]}  ->  filter[a][b]=1&filter[c][0]=2&filter[c][1]=3
func (e encoding) deep(all []string, key string, v value) ([]string, error) {
	for i, part := range v.parts {
		name := v.names[i]
		if v.kind == '[' {
			name = strconv.Itoa(i)
		} else if strings.ContainsAny(name, "[]") {
			return nil, errors.New("has a name with brackets, which cannot be told from nesting")
		}
		at := key + "%5B" + escape(name, false) + "%5D"
		if part[0] != '{' && part[0] != '[' {
			all = append(all, at+"="+escape(v.texts[i], e.reserved))
			continue
		}
		sub, err := readValue(part)
		if err != nil {
			return nil, err
		}
		if all, err = e.deep(all, at, sub); err != nil {
			return nil, err
		}
	}
	return all, nil
}
