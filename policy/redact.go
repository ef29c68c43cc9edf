package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A place is a path that a redact or reveal rule yields, parsed: "args.body",
// "args.items[*].email", `args["odd name"]`, "result.content[0].text".
type place struct {
	root  string // "args" or "result"
	steps []step
}

// step is one member, one element, or all of them.
type step struct {
	name  string // member name, when index is noIndex
	index int
}

const (
	noIndex  = -1 // the step is a member
	allIndex = -2 // [*]: every element of an array or member of an object
)

// maxSteps bounds a path; arguments are not nested deeper.
const maxSteps = 64

// parsePlace parses a path of the form
//
//	root { "." name | "[" index "]" | "[*]" | "[" quoted "]" }
//
// where a name is a run of letters, digits, "_", "-" and "$", an index has no
// sign, and quoted is a JSON string.
func parsePlace(s string) (place, error) {
	name, rest := cutName(s)
	p := place{root: name}
	if name != "args" && name != "result" {
		return place{}, fmt.Errorf(`a path starts with args or result, not %q`, clip(s))
	}
	for rest != "" {
		if len(p.steps) == maxSteps {
			return place{}, fmt.Errorf("a path has at most %d steps", maxSteps)
		}
		var st step
		var err error
		switch rest[0] {
		case '.':
			st.name, rest = cutName(rest[1:])
			st.index = noIndex
			if st.name == "" {
				err = errors.New("a name is missing after a dot")
			}
		case '[':
			st, rest, err = bracket(rest[1:])
		default:
			err = fmt.Errorf("unexpected %q; names with such characters are written [\"…\"]", rest[:1])
		}
		if err != nil {
			return place{}, fmt.Errorf("%q: %w", clip(s), err)
		}
		p.steps = append(p.steps, st)
	}
	return p, nil
}

func cutName(s string) (name, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool {
		return !(r == '_' || r == '-' || r == '$' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// bracket parses what follows "[".
func bracket(s string) (step, string, error) {
	if rest, ok := strings.CutPrefix(s, "*]"); ok {
		return step{index: allIndex}, rest, nil
	}
	if strings.HasPrefix(s, `"`) {
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return step{}, "", errors.New("a quoted name does not end")
		}
		name, err := strconv.Unquote(quoted)
		rest, ok := strings.CutPrefix(s[len(quoted):], "]")
		if err != nil || !ok {
			return step{}, "", errors.New("] is missing after a quoted name")
		}
		return step{name: name, index: noIndex}, rest, nil
	}
	digits, rest, ok := strings.Cut(s, "]")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return step{}, "", errors.New("brackets hold a number, * or a quoted name")
	}
	return step{index: int(n)}, rest, nil
}

// maxPointers bounds what one path with stars expands to. More is an error,
// which refuses: half a redaction would be none.
const maxPointers = 10_000

var errTooMany = fmt.Errorf("a redact path matches more than %d places", maxPointers)

// pointers appends the RFC 6901 pointers of everything in value that the path
// names. What does not exist is left out.
func (p place) pointers(value any, out []string) ([]string, error) {
	return walk(p.steps, value, "", out)
}

func walk(steps []step, value any, at string, out []string) ([]string, error) {
	if len(steps) == 0 {
		if len(out) == maxPointers {
			return nil, errTooMany
		}
		return append(out, at), nil
	}
	st, rest := steps[0], steps[1:]
	var err error
	switch v := value.(type) {
	case map[string]any:
		if st.index == allIndex {
			for name, child := range v {
				if out, err = walk(rest, child, at+"/"+escape(name), out); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		name := st.name
		if st.index >= 0 {
			name = strconv.Itoa(st.index)
		}
		if child, ok := v[name]; ok {
			return walk(rest, child, at+"/"+escape(name), out)
		}
	case []any:
		if st.index == allIndex {
			for i, child := range v {
				if out, err = walk(rest, child, at+"/"+strconv.Itoa(i), out); err != nil {
					return nil, err
				}
			}
			return out, nil
		}
		if st.index >= 0 && st.index < len(v) {
			return walk(rest, v[st.index], at+"/"+strconv.Itoa(st.index), out)
		}
	}
	return out, nil
}

var escaper = strings.NewReplacer("~", "~0", "/", "~1")

func escape(name string) string { return escaper.Replace(name) }

// clip bounds what a policy's value adds to a message.
func clip(s string) string {
	if len(s) <= 60 {
		return s
	}
	return strings.ToValidUTF8(s[:60], "") + "…"
}
