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
// lists of literals one. Most texts with a rule's keyword lack another part of
// its wording, and to see that costs a fiftieth of trying the pattern.
type need struct {
	machine *literal.Machine // nil if nothing is known to be needed
	lists   []uint64         // by literal: the lists that it is in, as bits
	all     uint64
}

// Bounds on what a need is made of.
const (
	mostLists    = 64
	mostLiterals = 512 // of one list
	leastLiteral = 2   // bytes: shorter ones are everywhere
)

// newNeed derives the need of a pattern.
func newNeed(pattern string) (need, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return need{}, err
	}
	i := factsOf(re.Simplify())
	i.close()
	var n need
	var literals []string
	for k, list := range i.lists[:min(len(i.lists), mostLists)] {
		n.all |= 1 << k
		for _, lit := range list {
			at := slices.Index(literals, lit)
			if at < 0 {
				at = len(literals)
				literals, n.lists = append(literals, lit), append(n.lists, 0)
			}
			n.lists[at] |= 1 << k
		}
	}
	if len(literals) > 0 {
		n.machine = literal.New(literals)
	}
	return n, nil
}

// unusual are the letters beyond ASCII that fold to one of ASCII, which the
// literals do not match and a pattern does.
const longS, kelvin = "\u017f", "\u212a"

// met reports whether the pattern may match somewhere in s.
func (n *need) met(s string) bool {
	if n.machine == nil {
		return true
	}
	var seen uint64
	row, hit := 0, false
	for i := range len(s) {
		if row, hit = n.machine.Step(row, s[i]); hit {
			for _, lit := range n.machine.Ends(row) {
				seen |= n.lists[lit]
			}
			if seen == n.all {
				return true
			}
		}
	}
	return strings.Contains(s, longS) || strings.Contains(s, kelvin)
}

// facts is what is known of the texts that an expression matches.
type facts struct {
	exact []string   // all of them, lower case; nil if that is not known
	lists [][]string // if it is not: each text holds one of every list
}

// close turns exact texts into a list.
func (f *facts) close() {
	if f.exact != nil {
		f.lists = appendList(f.lists, f.exact)
		f.exact = nil
	}
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
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
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
	all := facts{exact: []string{""}}
	open, whole := []string{""}, true
	for _, part := range parts {
		f := factsOf(part)
		if f.exact != nil && len(open)*len(f.exact) <= mostLiterals {
			open = product(open, f.exact)
			continue
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
	return facts{lists: appendList(all.lists, open)}
}

// alternate knows what all branches know.
func alternate(branches []*syntax.Regexp) facts {
	var exact, list []string
	known, listed := true, true
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
	}
	switch {
	case known && len(exact) <= mostLiterals:
		return facts{exact: exact}
	case listed:
		return facts{lists: appendList(nil, list)}
	}
	return facts{}
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
