// Package rules finds wordings of injections that can be named: chat-template
// delimiters, fake turns, orders to set instructions aside, secrecy from the
// user, false preconditions.
//
// A rule is an entry in [Table]: keywords, of which one must occur, and a
// regular expression that is tried in a bounded window around it. One machine
// looks for all keywords of all rules in one pass over the text. The samples of
// a rule, which it must and must not find, are part of it and tested.
//
// A hit is evidence, not a verdict: guard/classify weighs it together with the
// rest of the window, on the surface where it was met.
package rules

import (
	"regexp"

	"toolward/guard/literal"
)

// Severity of a rule says how often its wording is met in honest text: high is
// nearly never.
type Severity uint8

// The severities.
const (
	Low Severity = iota
	Medium
	High
)

// Rule is a wording.
type Rule struct {
	ID       string // stable, "injection.override"
	Severity Severity
	Words    []string // lower case; one of them must occur for the rule to be tried
	Pattern  string   // RE2, case-insensitive; the hit is all that it matches
	Find     []string // must be found
	Spare    []string // must not be found
}

// Hit is a place where a rule's wording stands.
type Hit struct {
	Rule       int // index in the set's rules
	Start, End int // byte offsets in the text
}

// Window around a keyword in which a pattern is tried, in bytes. A pattern must
// fit into it.
const (
	before = 96
	after  = 160
)

// Reach is the size of that window: hits of a set are in order of their place
// but for it.
const Reach = before + after

// Set is compiled rules. It is safe for concurrent use.
type Set struct {
	rules    []Rule
	patterns []*regexp.Regexp
	anchored []*regexp.Regexp // the same behind one character, at the start
	needs    []need
	words    *literal.Finder
	ruleOf   []int // by word
	longest  int   // bytes of a word
}

// New compiles rules, [Table] for the built-in ones. It fails on a pattern that
// is no regular expression.
func New(table []Rule) (*Set, error) {
	s := &Set{rules: table, patterns: make([]*regexp.Regexp, len(table)), anchored: make([]*regexp.Regexp, len(table)), needs: make([]need, len(table))}
	var words []string
	for i := range table {
		pattern := "(?is)" + table[i].Pattern
		re, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		s.patterns[i] = re
		if s.anchored[i], err = regexp.Compile(`(?is)\A.(?:` + table[i].Pattern + `)`); err != nil {
			return nil, err
		}
		if s.needs[i], err = newNeed(pattern); err != nil {
			return nil, err
		}
		for _, w := range table[i].Words {
			words, s.ruleOf, s.longest = append(words, w), append(s.ruleOf, i), max(s.longest, len(w))
		}
	}
	s.words = literal.NewFinder(words)
	return s, nil
}

// Rules returns the rules of the set, by index.
func (s *Set) Rules() []Rule { return s.rules }

// Bounds on what text made of keywords can cost: how many windows are looked
// through for what a pattern needs, and how many patterns are then tried in vain,
// which costs a hundred times as much. Ordinary text needs less than one of
// each per KiB. Patterns that match are not counted but as windows.
const (
	freeWindows, windowsPerKiB = 64, 32
	freeMisses, missesPerKiB   = 64, 4
)

// partBytes is how much of a text is looked through for keywords at once: a text made of
// nothing else has memory for those of a part, and none is looked for over the bounds.
const partBytes = 16 << 10

// Find appends the hits in text to hits, in the order of their keywords. Where
// one rule hits again within a hit, it is one hit.
func (s *Set) Find(text string, hits []Hit) []Hit {
	hits, _, _ = s.FindNear(text, hits, nil)
	return hits
}

// FindNear is [Set.Find], and appends to near where a window held all that a
// pattern needs and the pattern did not match: the words of an order may stand
// there with something between them. It reports whether it read all of the text:
// what is made of nothing but words of rules may go over the bounds.
func (s *Set) FindNear(text string, hits []Hit, near []int) (_ []Hit, _ []int, all bool) {
	windows, misses := freeWindows+windowsPerKiB*(len(text)>>10), freeMisses+missesPerKiB*(len(text)>>10)
	var tried [64]int // by rule: the end of the last window tried
	var few [32]literal.Hit
	words := few[:0]
	for part := 0; part < len(text); part += partBytes {
		first := max(0, part-s.longest)
		words = s.words.Find(text[first:min(len(text), part+partBytes)], words[:0])
		for _, word := range words {
			rule, end := s.ruleOf[word.Literal], first+int(word.End)
			if end <= part || end < tried[rule&63] { // of the part before, or looked through
				continue
			}
			if windows--; windows < 0 {
				return hits, near, false
			}
			from, to := max(0, end-before), min(len(text), end+after)
			from = max(from, min(tried[rule&63], end-32))
			tried[rule&63] = end + after/2
			if !s.needs[rule].met(text[from:to]) {
				continue
			}
			start, stop, ok := s.match(rule, text[from:to])
			if !ok {
				near = append(near, end)
				if misses--; misses < 0 {
					return hits, near, false
				}
				continue
			}
			hits = append(hits, Hit{rule, from + start, from + stop})
			tried[rule&63] = from + stop
		}
	}
	return hits, near, true
}

// match returns the first match of a rule's pattern. It is tried where one may
// begin, with the character before, which says whether a word begins there:
// trying it at every other byte in vain is what patterns cost.
func (s *Set) match(rule int, window string) (start, stop int, ok bool) {
	var places [mostBegins]int
	begins, known := s.needs[rule].begins(window, places[:0])
	if !known || len(begins) > 0 && begins[0] == 0 {
		m := s.patterns[rule].FindStringIndex(window)
		if m == nil {
			return 0, 0, false
		}
		return m[0], m[1], true
	}
	for _, at := range begins {
		if m := s.anchored[rule].FindStringIndex(window[at-1:]); m != nil {
			return at, at - 1 + m[1], true
		}
	}
	return 0, 0, false
}
