package dialect

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a dialect cannot say is put into words at the end of a description. They
// are for the model only: arguments are checked against the original.
const (
	mostWords  = 600  // bytes of all bounds of one schema
	mostValue  = 200  // bytes of one bound; half of a pattern would mislead
	mostValues = 1000 // bytes of an enum's values
)

// phrases are bounds in words.
var phrases = map[string]string{
	"minimum":          "At least %s.",
	"maximum":          "At most %s.",
	"exclusiveMinimum": "More than %s.",
	"exclusiveMaximum": "Less than %s.",
	"multipleOf":       "A multiple of %s.",
	"minLength":        "Length: at least %s.",
	"maxLength":        "Length: at most %s.",
	"pattern":          "Pattern: %s",
	"format":           "Format: %s.",
	"contentEncoding":  "Encoding: %s.",
	"contentMediaType": "Content: %s.",
	"minItems":         "Elements: at least %s.",
	"maxItems":         "Elements: at most %s.",
	"uniqueItems":      "No element twice.",
	"minProperties":    "Members: at least %s.",
	"maxProperties":    "Members: at most %s.",
	"default":          "Default: %s.",
	"examples":         "For example: %s.",
}

// words are sentences about one schema, within the bound.
type words []string

func (w *words) say(sentence string) {
	if len(w.String())+1+len(sentence) <= mostWords {
		*w = append(*w, sentence)
	}
}

func (w words) String() string { return strings.Join(w, " ") }

// bound says {"minLength": 3} as "Length: at least 3." What says nothing of a
// value of the types is left out: the default of another alternative, a length
// of 0, a format of numbers where there are none.
func (w *words) bound(kinds types, name string, v any) {
	text := ""
	switch name {
	case "minLength", "minItems", "minProperties":
		if v == number("0") {
			return
		}
		text = print(v)
	case "uniqueItems":
		if v == false {
			return
		}
		w.say(phrases[name])
		return
	case "format":
		if kinds&(tString|tNumber) == 0 || kinds&tString == 0 != isNumeric(v.(string)) {
			return
		}
		text = v.(string)
	case "pattern", "contentEncoding", "contentMediaType":
		if kinds&tString == 0 {
			return
		}
		text = v.(string)
	case "default":
		if typeOf(v)&kinds == 0 {
			return
		}
		text = print(v)
	case "examples":
		if text = listed(v.([]any), mostValue-len("…")); text == "" {
			return
		}
	default:
		text = print(v)
	}
	if text != "" && len(text) <= mostValue {
		w.say(fmt.Sprintf(phrases[name], strings.ToValidUTF8(text, "\ufffd")))
	}
}

// isNumeric reports whether a format is one of numbers (OpenAPI 3.1 §4.4, and
// what generators write): int32, uint8, float, double, decimal.
func isNumeric(format string) bool {
	for _, prefix := range []string{"int", "uint", "float", "double", "decimal", "number"} {
		if strings.HasPrefix(format, prefix) {
			return true
		}
	}
	return false
}

// further says what members are that have no name: {"type": "string"} as
// "Further members may have any name. Each is of type string."
func (w *words) further(n *node) {
	sentence := "Further members may have any name."
	if kinds := n.types.names(); n.types != tAny && len(kinds) > 0 {
		sentence += " Each is of type " + strings.Join(kinds, " or ") + "."
	}
	w.say(sentence)
}

// oneOf says which values there are, the first at least.
func oneOf(values []any) string { return "One of: " + listed(values, mostValues) }

// listed are values as JSON, as many as fit.
func listed(values []any, most int) string {
	var b strings.Builder
	for i, v := range values {
		text := print(v)
		if b.Len()+len(text) > most {
			b.WriteString("…")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(text)
	}
	return b.String()
}

// withWords adds sentences to a description, unless it ends in them already: a
// schema that was projected once is projected into itself.
func withWords(description, said string) string {
	if said == "" || strings.HasSuffix(description, said) {
		return description
	}
	description = strings.TrimRightFunc(description, unicode.IsSpace)
	switch last, _ := utf8.DecodeLastRuneInString(description); {
	case description == "":
		return said
	case unicode.IsLetter(last) || unicode.IsDigit(last):
		return description + ". " + said
	}
	return description + " " + said
}
