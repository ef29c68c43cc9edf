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
	Victim string // wire name of the other tool
	Where  string // RFC 6901 pointer into the definition
	Span   [2]int // bytes of the text there
}

// Reach is what of a definition may reach for other servers' tools, whichever those
// are: it is read once, and looked up in the [Names] of each moment.
//
//	{"name":"x","description":"Use it instead of read_file."}   "read_file", at bytes 18 to 27 of /description
type Reach struct {
	skeleton string
	mentions []mention
}

// mention is a word beside which a directive stands.
type mention struct {
	word  string // in small letters
	where string
	span  [2]int
}

// ReachOf reads a definition.
func ReachOf(t *gateway.Tool) *Reach {
	r := &Reach{skeleton: skeleton(t.Name)}
	texts(gateway.Decode(t.Definition), "", func(where, text string) { r.mentions = append(r.mentions, mentions(where, text)...) })
	slices.SortStableFunc(r.mentions, func(a, b mention) int { return strings.Compare(a.where, b.where) }) // members come in no order
	return r
}

// Names are what the tools of all servers are called, as others can speak of them.
type Names struct {
	said map[string][]called // by name, and by name on /mcp, in small letters
	seen map[string][]called // by skeleton
}

// called is a tool by one of its names.
type called struct {
	tool *gateway.Tool
	wire bool // its name on /mcp
}

// NamesOf are the names of tools, of which reaches are what they reach for. What a
// server says beside its lists has none.
func NamesOf(tools []*gateway.Tool, reaches []*Reach) *Names {
	n := &Names{said: make(map[string][]called, 2*len(tools)), seen: make(map[string][]called, len(tools))}
	for i, t := range tools {
		if t.Kind == gateway.KindLifecycle {
			continue
		}
		// Of a server's many names that are one to the reader, two tell all: a server can make as many
		// as it likes, and the tools of others are held against each.
		add(n.said, strings.ToLower(t.Name), called{t, false}, 1)
		add(n.said, strings.ToLower(t.Wire), called{t, true}, 1)
		add(n.seen, reaches[i].skeleton, called{t, false}, 2)
	}
	return n
}

// add keeps the first names of a server that stand under a key: so many that differ.
func add(to map[string][]called, key string, c called, most int) {
	of := 0
	for _, o := range to[key] {
		if o.tool.Server == c.tool.Server && o.wire == c.wire {
			if of++; of == most || o.tool.Name == c.tool.Name {
				return
			}
		}
	}
	to[key] = append(to[key], c)
}

// Shadows compares a tool, and what it reaches for, with those of other servers, among
// which its own may be. A plain mention of another tool is not a sign ("works well with
// read_file"), nor is a name that several servers happen to use. What comes out depends
// on what there is, not on what was there first.
func (n *Names) Shadows(t *gateway.Tool, r *Reach) (found []Shadow) {
	if t.Kind != gateway.KindLifecycle {
		for _, o := range n.seen[r.skeleton] {
			if o.tool.Server != t.Server && imitates(t.Name, o.tool.Name) {
				found = append(found, Shadow{Rule: "shadow.name", Victim: o.tool.Wire, Where: "/name"})
				break
			}
		}
	}
	for _, m := range r.mentions {
		if victim := n.victim(t, m.word); victim != nil {
			found = append(found, Shadow{Rule: "shadow.description", Victim: victim.Wire, Where: m.where, Span: m.span})
		}
	}
	return found
}

// victim is the tool of another server that a word in a tool's definition means; nil if
// there is none. A name that its own server has as well means that one.
func (n *Names) victim(t *gateway.Tool, word string) (victim *gateway.Tool) {
	all := n.said[word]
	if len(all) == 0 {
		return nil
	}
	own := word == strings.ToLower(t.Name) || slices.ContainsFunc(all, func(o called) bool { return !o.wire && o.tool.Server == t.Server })
	for _, o := range all {
		if o.tool.Server != t.Server && (o.wire || !own && distinctive(o.tool.Name)) {
			return o.tool
		}
	}
	return nil
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

// imitates reports whether a name looks like another and is not it. Of the two, the one
// that is written in more alphabets imitates: whoever lists a name that looks like
// somebody's must not be able to say that it is theirs that does.
func imitates(name, other string) bool {
	return name != other && skeleton(name) == skeleton(other) && oddity(name) > 0 && oddity(name) >= oddity(other)
}

// oddity is how many alphabets a name mixes: none if it is ASCII. What nobody sees is
// one more.
func oddity(name string) (n int) {
	if ascii(name) {
		return 0
	}
	var in [5]bool
	for _, r := range name {
		switch {
		case unseen(r) || unicode.Is(unicode.Mn, r):
			in[0] = true
		case !unicode.IsLetter(r) && r <= unicode.MaxASCII:
		case unicode.Is(unicode.Latin, r):
			in[1] = true
		case unicode.Is(unicode.Cyrillic, r):
			in[2] = true
		case unicode.Is(unicode.Greek, r):
			in[3] = true
		default:
			in[4] = true
		}
	}
	for _, is := range in {
		if is {
			n++
		}
	}
	return n
}

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

// shortest is the fewest bytes of a name that a mention is taken for; a name on /mcp
// may be shorter.
const shortest = 6

// mentions finds the words of a text, long enough to be a name, that have a directive
// beside them, each once: a text of nothing else is one reason, not a million.
func mentions(where, text string) (found []mention) {
	lower := strings.ToLower(text)
	if len(lower) != len(text) { // some letters change their length; offsets would be off
		lower = text
	}
	said := directed(lower)
	if len(said) == 0 {
		return nil
	}
	known := map[string]bool{}
	for i := 0; i < len(lower); {
		n := 0
		for i+n < len(lower) && nameByte(lower[i+n]) {
			n++
		}
		if n == 0 {
			i++
			continue
		}
		if word := strings.TrimRight(lower[i:i+n], ".-"); (len(word) >= shortest || strings.Contains(word, "__")) && !known[word] && beside(said, i-reach, i+n+reach) {
			known[word] = true
			found = append(found, mention{word, where, [2]int{i, i + len(word)}})
		}
		i += n
	}
	return found
}

// directed are the places of all directives in a text, in their order.
func directed(lower string) (at [][2]int) {
	for _, d := range directives {
		for i := 0; ; i++ {
			n := strings.Index(lower[i:], d)
			if n < 0 {
				break
			}
			i += n
			at = append(at, [2]int{i, i + len(d)})
		}
	}
	slices.SortFunc(at, func(a, b [2]int) int { return a[0] - b[0] })
	return at
}

// beside reports whether one of the places lies between two others.
func beside(at [][2]int, from, to int) bool {
	i, _ := slices.BinarySearchFunc(at, from, func(p [2]int, from int) int { return p[0] - from })
	for ; i < len(at) && at[i][0] < to; i++ {
		if at[i][1] <= to {
			return true
		}
	}
	return false
}

func nameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c >= 0x80
}
