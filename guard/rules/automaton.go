package rules

// keyword leads to a rule.
type keyword struct {
	word string
	rule int
}

// automaton is Aho-Corasick as a dense table over classes of bytes, with
// letters folded.
type automaton struct {
	class [256]uint8
	width int
	next  []uint16 // state*width + class
	rules [][]int  // by state: the rules whose keyword ends here
}

func newAutomaton(words []keyword) *automaton {
	a := &automaton{width: 1}
	for _, k := range words {
		for i := range len(k.word) {
			if c := k.word[i]; a.class[c] == 0 {
				a.class[c] = uint8(a.width)
				a.width++
			}
		}
	}
	for c := byte('a'); c <= 'z'; c++ {
		a.class[c-'a'+'A'] = a.class[c]
	}
	a.state()
	for _, k := range words {
		at := 0
		for i := range len(k.word) {
			to := &a.next[at*a.width+int(a.class[k.word[i]])]
			if *to == 0 {
				n := a.state()
				a.next[at*a.width+int(a.class[k.word[i]])] = uint16(n)
				at = n
				continue
			}
			at = int(*to)
		}
		a.rules[at] = append(a.rules[at], k.rule)
	}
	a.link()
	return a
}

// state adds a state and returns it.
func (a *automaton) state() int {
	a.next = append(a.next, make([]uint16, a.width)...)
	a.rules = append(a.rules, nil)
	return len(a.rules) - 1
}

// link fills in the transitions of failed matches, breadth first.
func (a *automaton) link() {
	fail := make([]int, len(a.rules))
	var queue []int
	for c := range a.width {
		if to := int(a.next[c]); to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		a.rules[at] = append(a.rules[at], a.rules[fail[at]]...)
		for c := range a.width {
			to := &a.next[at*a.width+c]
			other := a.next[fail[at]*a.width+c]
			if *to == 0 {
				*to = other
				continue
			}
			fail[*to] = int(other)
			queue = append(queue, int(*to))
		}
	}
}

// run reports every keyword that ends in text, until found returns false.
func (a *automaton) run(text string, found func(rule, end int) bool) {
	state, width := 0, a.width
	for i := range len(text) {
		state = int(a.next[state*width+int(a.class[text[i]])])
		for _, rule := range a.rules[state] {
			if !found(rule, i+1) {
				return
			}
		}
	}
}
