package shape

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scalars judge a value by itself. It is JSON that was checked before.
var scalars = map[string]func(json.RawMessage) bool{
	"string":   isString,
	"boolean":  func(v json.RawMessage) bool { return v[0] == 't' || v[0] == 'f' },
	"flag":     func(v json.RawMessage) bool { return v[0] == 't' || v[0] == 'f' },
	"number":   isNumber,
	"integer":  isInteger,
	"whole":    func(v json.RawMessage) bool { return isInteger(v) && v[0] != '-' },
	"count":    isCount,
	"token":    func(v json.RawMessage) bool { return isString(v) || isInteger(v) },
	"fraction": isFraction,
	"uri":      func(v json.RawMessage) bool { return isString(v) && scheme.Match(v[1:]) },
	"base64":   isBase64,
	"datetime": isDatetime,
	"url":      isURL,
	"file":     func(v json.RawMessage) bool { return bytes.HasPrefix(v, []byte(`"file://`)) },
	"lifetime": func(v json.RawMessage) bool { return isNumber(v) || v[0] == 'n' },
	"field":    isField,
	"choices":  isChoices,
}

// flags are booleans as some servers write them.
var flags = map[string]string{`"true"`: "true", `"True"`: "true", "1": "true", `"false"`: "false", `"False"`: "false", "0": "false"}

func isString(v json.RawMessage) bool { return v[0] == '"' }

func isNumber(v json.RawMessage) bool { return v[0] == '-' || v[0] >= '0' && v[0] <= '9' }

// isInteger: Go's clients read 1.0 and 1e3 into an integer as little as "1", and
// TypeScript's take none that a float64 does not hold (2^53 - 1).
func isInteger(v json.RawMessage) bool {
	const most = 1<<53 - 1
	n, err := strconv.ParseInt(string(v), 10, 64)
	return err == nil && -most <= n && n <= most
}

// isCount is a whole number that clients read as a number or an int64.
func isCount(v json.RawMessage) bool {
	n, err := strconv.ParseInt(string(v), 10, 64)
	return err == nil && n >= 0 && v[0] != '-'
}

func isFraction(v json.RawMessage) bool {
	f, err := strconv.ParseFloat(string(v), 64)
	return isNumber(v) && err == nil && f >= 0 && f <= 1
}

// RFC 3986 §3.1.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// isURL: one that a browser can be sent to.
func isURL(v json.RawMessage) bool {
	if !isString(v) {
		return false
	}
	u, err := url.Parse(text(v))
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Scheme != "http" && u.Scheme != "https")
}

// isField: what a person can have put into one field of a form (MCP 2025-11-25
// schema, ElicitResult).
func isField(v json.RawMessage) bool {
	if v[0] != '[' {
		return v[0] != '{' && v[0] != 'n'
	}
	var texts []*string
	return json.Unmarshal(v, &texts) == nil && !slices.Contains(texts, nil)
}

// isChoices: what several can be chosen of, with titles or without (MCP 2025-11-25
// schema, MultiSelectEnumSchema).
func isChoices(v json.RawMessage) bool {
	var items struct {
		Type  string
		Enum  []*string
		AnyOf []struct{ Const, Title *string }
	}
	if v[0] != '{' || json.Unmarshal(v, &items) != nil {
		return false
	}
	for _, one := range items.AnyOf {
		if one.Const == nil || one.Title == nil {
			return false
		}
	}
	return items.AnyOf != nil || items.Type == "string" && items.Enum != nil && !slices.Contains(items.Enum, nil)
}

// isDatetime: as clients check it, with seconds and an offset.
func isDatetime(v json.RawMessage) bool {
	if !isString(v) {
		return false
	}
	var t time.Time
	return t.UnmarshalText(v[1:len(v)-1]) == nil
}

// isBase64 allows what all readers take: the standard alphabet with its
// padding, line breaks left aside. An escaped slash is a slash.
func isBase64(v json.RawMessage) bool {
	if !isString(v) {
		return false
	}
	text := v[1 : len(v)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		text = []byte(breaks.Replace(string(text)))
	}
	return padded(text)
}

var breaks = strings.NewReplacer(`\/`, "/", `\n`, "", `\r`, "")

// padded reports whether text is base64 of whole groups of four.
func padded(text []byte) bool {
	if len(text)%4 != 0 {
		return false
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("=")), []byte("="))
	for _, c := range text {
		if !alphabet[c] {
			return false
		}
	}
	return true
}

var alphabet = func() (in [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		in[c] = true
	}
	return in
}()
