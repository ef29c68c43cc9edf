package definition

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"toolward/gateway"
)

// Shadow is a sign that a tool reaches for one of another server.
type Shadow struct {
	Rule   string // "shadow.name" or "shadow.description"
	Victim string // wire name of the other tool, or name of the other server
	Where  string // RFC 6901 pointer into the definition
	Span   [2]int // bytes of the text there
}

// Shadows compares a tool with those of other servers. A plain mention of
// another tool is not a sign ("works well with read_file"), nor is a name that
// several servers happen to use.
func Shadows(t *gateway.Tool, others []*gateway.Tool) []Shadow {
	var found []Shadow
	own := map[string]bool{}
	victims := map[string]string{} // name as a description would say it, to wire name
	for _, o := range others {
		if o.Server == t.Server {
			own[strings.ToLower(o.Name)] = true
		}
	}
	for _, o := range others {
		if o.Server == t.Server {
			continue
		}
		if o.Name != t.Name && imitates(t.Name, o.Name) {
			found = append(found, Shadow{Rule: "shadow.name", Victim: o.Wire, Where: "/name"})
		}
		if name := strings.ToLower(o.Name); distinctive(o.Name) && !own[name] && name != strings.ToLower(t.Name) {
			victims[name] = o.Wire
		}
		victims[strings.ToLower(o.Wire)] = o.Wire
	}
	if len(victims) == 0 {
		return found
	}
	texts(gateway.Decode(t.Definition), "", func(where, text string) {
		found = append(found, mentions(where, text, victims)...)
	})
	slices.SortStableFunc(found, func(a, b Shadow) int { return strings.Compare(a.Where, b.Where) })
	return found
}

// distinctive reports whether a name is hardly used for anything else: it has
// parts, as read_file and createIssue have.
func distinctive(name string) bool {
	if len(name) < 6 {
		return false
	}
	for i, r := range name {
		if i > 0 && (r == '_' || r == '-' || r == '.' || unicode.IsUpper(r)) {
			return true
		}
	}
	return false
}

// imitates reports whether two different names look the same.
func imitates(a, b string) bool { return skeleton(a) == skeleton(b) && !(ascii(a) && ascii(b)) }

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// skeleton is a name as the eye takes it (after UTS #39 §4, for the letters
// that names are imitated with).
func skeleton(s string) string {
	return strings.Map(func(r rune) rune {
		if unseen(r) || unicode.Is(unicode.Mn, r) {
			return -1
		}
		if l, ok := confusable[r]; ok {
			return l
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}

var confusable = map[rune]rune{
	'а': 'a', 'е': 'e', 'о': 'o', 'р': 'p', 'с': 'c', 'у': 'y', 'х': 'x', 'і': 'i', 'ј': 'j', 'ѕ': 's', 'ԁ': 'd', 'һ': 'h', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'т': 't', 'в': 'b', 'н': 'h',
	'α': 'a', 'ε': 'e', 'ι': 'i', 'κ': 'k', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'u', 'χ': 'x', 'ı': 'i', 'ɡ': 'g', 'ո': 'n', 'ս': 'u', 'օ': 'o', '‐': '-', '‑': '-', '–': '-', '＿': '_',
}

// texts calls f for every string of a value, with its pointer.
func texts(v any, where string, f func(where, text string)) {
	switch v := v.(type) {
	case string:
		f(where, v)
	case []any:
		for i, e := range v {
			b, _ := json.Marshal(i) // an int always marshals
			texts(e, where+"/"+string(b), f)
		}
	case map[string]any:
		for name, e := range v {
			texts(e, where+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), f)
		}
	}
}

// directives are words that tell a model when to use a tool, or what to do
// about another one.
var directives = []string{"instead of", "rather than", "in place of", "replaces", "replace ", "supersedes", "deprecated", "do not use", "don't use", "never use", "do not call", "don't call",
	"stop using", "avoid ", "before calling", "before using", "before you", "before any", "prior to", "must first", "must be called", "always ", "whenever ", "each time", "every time", "after calling", "after using", "when using", "when calling",
	"is used", "is called", "is present", "is available", "takes precedence", "override", "on behalf of", "its results to", "output of", "recipient", "not be used", "no longer", "broken", "unsafe"}

// reach is how far from a mention a directive may stand, in bytes.
const reach = 80

// mentions finds directives about other servers' tools in a text.
func mentions(where, text string, victims map[string]string) []Shadow {
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // some letters change their length; offsets would be off
		lower = text
	}
	var found []Shadow
	for i := 0; i < len(lower); {
		n := 0
		for i+n < len(lower) && nameByte(lower[i+n]) {
			n++
		}
		if n == 0 {
			i++
			continue
		}
		word := strings.TrimRight(lower[i:i+n], ".-")
		if victim, ok := victims[word]; ok {
			around := lower[max(0, i-reach):min(len(lower), i+n+reach)]
			if slices.ContainsFunc(directives, func(d string) bool { return strings.Contains(around, d) }) {
				found = append(found, Shadow{Rule: "shadow.description", Victim: victim, Where: where, Span: [2]int{i, i + len(word)}})
			}
		}
		i += n
	}
	return found
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c >= 0x80
}
