package exfil

import "strings"

// variable is what a name stands for in the commands that follow.
//
//	D=$(cat notes); for i in $(ls); ps aux | while read l; $d = Get-Content notes
type variable struct {
	value string // as it was written, or
	given weight // of what was printed into it
}

// Bounds on what is remembered of a text: names, and bytes of a value.
const (
	maxVariables = 64
	maxValue     = 256
)

// assign remembers what the last command of a pipeline gives names to.
func (s *scan) assign(all []command) {
	c := &all[len(all)-1]
	if len(c.words) == 0 || len(s.variables) >= maxVariables {
		return
	}
	given := c.substituted()
	first := c.words[0]
	if first == "export" && len(c.words) > 1 || first == "local" && len(c.words) > 1 {
		first = c.words[1]
	}
	switch {
	case assignment(first):
		name, value, _ := strings.Cut(first, "=")
		if len(c.subs) > 0 || len(value) > maxValue {
			value = ""
		}
		s.define(name, variable{value, given})
	case first == "for" && len(c.words) > 3:
		v := variable{given: given}
		if len(c.subs) == 0 && len(c.words[3]) <= maxValue {
			v.value = c.words[3]
		}
		s.define(c.words[1], v)
	case strings.HasPrefix(first, "$") && len(c.words) > 2 && c.words[1] == "=":
		rest := *c
		rest.words = c.words[2:]
		switch {
		case rest.takes():
			given = taken
		case strings.HasPrefix(strings.ToLower(rest.words[0]), "get-"):
			given = output
		}
		s.define(first[1:], variable{given: given})
	case c.fed && (first == "read" || len(c.words) > 2 && first == "while" && c.words[1] == "read"):
		s.define(c.words[len(c.words)-1], variable{given: reads(all)})
	}
}

// define remembers one name.
func (s *scan) define(name string, v variable) {
	if s.variables == nil {
		s.variables = map[string]variable{}
	}
	s.variables[name] = v
}

// expand puts what names stand for into a command.
func (s *scan) expand(c *command) {
	if len(s.variables) == 0 {
		return
	}
	for i, w := range c.words {
		at := strings.IndexByte(w, '$')
		if at < 0 || at+1 == len(w) {
			continue
		}
		name := strings.TrimPrefix(w[at+1:], "{")
		end := strings.IndexFunc(name, func(r rune) bool { return r != '_' && (r >= 0x80 || !alnum(byte(r))) })
		if end < 0 {
			end = len(name)
		}
		v, ok := s.variables[name[:end]]
		switch {
		case !ok:
		case v.given > nothing:
			c.given = max(c.given, v.given)
		case v.value != "":
			c.words[i] = w[:at] + v.value + strings.TrimPrefix(name[end:], "}")
		}
	}
}
