package rules

import (
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"toolward/guard/literal"
)

// need is what any text must hold that a pattern matches: of each of several
// lists of literals one, one behind the other. Most texts with a rule's keyword lack
// another part of its wording, or have it before, and to see that costs a fiftieth
// of trying the pattern.
//
//	\bagents?\b.{0,9}\bmust\b    "must ask an agent" lacks a "must" behind "agent"
type need struct {
	machine *literal.Machine // nil if nothing is known to be needed
	lists   []uint64         // by literal: the lists that it is in, as bits
	size    []int            // by literal: its length
	count   int              // of lists
	opens   bool             // the literals are known that a match begins with
}

// Bounds on what a need is made of.
const (
	mostLists    = 62
	mostLiterals = 512 // of one list
	leastLiteral = 2   // bytes: shorter ones are everywhere

	opening = mostLists + 1 // the bit of those that a match begins with
)

// newNeed derives the need of a pattern.
func newNeed(pattern string) (need, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return need{}, err
	}
	f := factsOf(re.Simplify())
	f.close()
	n := need{count: min(len(f.lists), mostLists)}
	var literals []string
	add := func(lit string, list int) {
		at := slices.Index(literals, lit)
		if at < 0 {
			at = len(literals)
			literals, n.lists, n.size = append(literals, lit), append(n.lists, 0), append(n.size, len(lit))
		}
		n.lists[at] |= 1 << list
	}
	for k, list := range f.lists[:n.count] {
		for _, lit := range list {
			add(lit, k)
		}
	}
	if len(literals) == 0 {
		return n, nil
	}
	for _, lit := range f.opens {
		add(lit, opening)
		n.opens = true
	}
	n.machine = literal.New(literals)
	return n, nil
}

// The letters beyond ASCII that fold to one of ASCII, which the literals do not
// match and a pattern does.
const longS, kelvin = "\u017f", "\u212a"

// met reports whether the pattern may match somewhere in s.
func (n *need) met(s string) bool {
	if n.machine == nil {
		return true
	}
	opened, next, behind := !n.opens, 0, 0 // the list that is looked for, and where the one before ended
	for row, end, hit := n.machine.Run(0, s, 0); hit; row, end, hit = n.machine.Run(row, s, end) {
		for _, lit := range n.machine.Ends(row) {
			opened = opened || n.lists[lit]>>opening != 0
			if n.lists[lit]>>next&1 != 0 && end-n.size[lit] >= behind {
				next, behind = next+1, end
				break
			}
		}
		if next == n.count && opened {
			return true
		}
	}
	return unusual(s)
}

// mostBegins is how many places of one window a pattern is tried at one by one.
const mostBegins = 32

// begins appends the places in s where the pattern may match, in order. ok is false if
// that is not known, or there are too many.
func (n *need) begins(s string, dst []int) (_ []int, ok bool) {
	if !n.opens || unusual(s) {
		return dst, false
	}
	for row, end, hit := n.machine.Run(0, s, 0); hit; row, end, hit = n.machine.Run(row, s, end) {
		for _, lit := range n.machine.Ends(row) {
			at := end - n.size[lit]
			if n.lists[lit]>>opening == 0 || slices.Contains(dst, at) {
				continue
			}
			if len(dst) == mostBegins {
				return dst, false
			}
			dst = append(dst, at)
		}
	}
	slices.Sort(dst)
	return dst, true
}

func unusual(s string) bool { return strings.Contains(s, longS) || strings.Contains(s, kelvin) }

// facts is what is known of the texts that an expression matches.
type facts struct {
	exact []string   // all of them, lower case; nil if that is not known
	lists [][]string // if it is not: each text holds one of every list, one behind the other
	opens []string   // and begins with one of these; nil if that is not known
}

// close turns exact texts into a list.
func (f *facts) close() {
	if f.exact != nil {
		f.lists = appendList(f.lists, f.exact)
		f.opens = opened(f.exact)
		f.exact = nil
	}
}

// opened is the exact texts as what others begin with, nil if one is empty.
func opened(exact []string) []string {
	if slices.Contains(exact, "") {
		return nil
	}
	return exact
}

// best is the list that says most: the one whose shortest literal is longest.
func (f facts) best() []string {
	f.close()
	var best []string
	for _, list := range f.lists {
		if best == nil || shortest(list) > shortest(best) {
			best = list
		}
	}
	return best
}

func shortest(list []string) int {
	n := len(list[0])
	for _, lit := range list {
		n = min(n, len(lit))
	}
	return n
}

// appendList adds a list if it says anything.
func appendList(lists [][]string, list []string) [][]string {
	if len(list) == 0 || len(list) > mostLiterals || shortest(list) < leastLiteral {
		return lists
	}
	return append(lists, list)
}

func factsOf(re *syntax.Regexp) facts {
	switch re.Op {
	case syntax.OpEmptyMatch, syntax.OpEndLine, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary: // and not where a text begins, which may be cut
		return facts{exact: []string{""}}
	case syntax.OpLiteral:
		if s := strings.ToLower(string(re.Rune)); ascii(s) {
			return facts{exact: []string{s}}
		}
	case syntax.OpCharClass:
		return facts{exact: classOf(re.Rune)}
	case syntax.OpCapture:
		return factsOf(re.Sub[0])
	case syntax.OpQuest:
		if sub := factsOf(re.Sub[0]); sub.exact != nil && len(sub.exact) < mostLiterals {
			return facts{exact: union([]string{""}, sub.exact)}
		}
	case syntax.OpPlus:
		sub := factsOf(re.Sub[0])
		sub.close()
		return sub
	case syntax.OpConcat:
		return concat(re.Sub)
	case syntax.OpAlternate:
		return alternate(re.Sub)
	}
	return facts{}
}

// concat knows what each part knows, and of neighbours that are known exactly
// what they are together.
func concat(parts []*syntax.Regexp) facts {
	var all facts
	open, whole := []string{""}, true
	for _, part := range parts {
		f := factsOf(part)
		if f.exact != nil && len(open)*len(f.exact) <= mostLiterals {
			open = product(open, f.exact)
			continue
		}
		if whole {
			if all.opens = opened(open); len(open) == 1 && open[0] == "" {
				all.opens = f.begins()
			}
		}
		whole = false
		all.lists = appendList(all.lists, open)
		if open = f.exact; open == nil {
			all.lists, open = append(all.lists, f.lists...), []string{""}
		}
	}
	if whole {
		return facts{exact: open}
	}
	all.lists = appendList(all.lists, open)
	return all
}

// begins is what the texts begin with.
func (f facts) begins() []string {
	f.close()
	return f.opens
}

// alternate knows what all branches know.
func alternate(branches []*syntax.Regexp) facts {
	var exact, list, opens []string
	known, listed, begun := true, true, true
	for _, branch := range branches {
		f := factsOf(branch)
		if f.exact == nil {
			known = false
		} else if known {
			exact = union(exact, f.exact)
		}
		best := f.best()
		if best == nil {
			listed = false
		} else if listed {
			list = union(list, best)
		}
		begins := f.begins()
		begun, opens = begun && begins != nil, union(opens, begins)
	}
	if known && len(exact) <= mostLiterals {
		return facts{exact: exact}
	}
	var all facts
	if listed {
		all.lists = appendList(nil, list)
	}
	if begun && len(opens) <= mostLiterals {
		all.opens = opens
	}
	return all
}

// classOf lists the characters of a small class of ASCII, nil if it is another.
// Letters beyond ASCII that fold into it are what [need.met] looks for itself.
func classOf(ranges []rune) []string {
	var list []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			if s := string(r); s == longS || s == kelvin {
				continue
			}
			if r >= utf8.RuneSelf || len(list) > 8 {
				return nil
			}
			list = union(list, []string{string(unicode.ToLower(r))})
		}
	}
	return list
}

func product(a, b []string) []string {
	out := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			out = append(out, x+y)
		}
	}
	return union(nil, out)
}

// union adds to a what it lacks of b.
func union(a, b []string) []string {
	for _, s := range b {
		if !slices.Contains(a, s) {
			a = append(a, s)
		}
	}
	return a
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
