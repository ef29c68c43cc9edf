package policy

import (
	"regexp"
	"strings"
)

// native is a function of OPA's, or of the library, in Go. run gives doubt where
// OPA's fails, and absent where it gives nothing.
type native struct {
	operands int
	run      func(a, b any) (any, state)
}

// functions are those by the name under which rules call them. Each does what the
// one of that name does; random operands hold it to that.
var functions = map[string]native{
	"contains":    twoTexts(strings.Contains),
	"startswith":  twoTexts(strings.HasPrefix),
	"endswith":    twoTexts(strings.HasSuffix),
	"lower":       oneText(strings.ToLower),
	"upper":       oneText(strings.ToUpper),
	"trim_space":  oneText(strings.TrimSpace),
	"trim":        twoTexts(strings.Trim),
	"trim_left":   twoTexts(strings.TrimLeft),
	"trim_right":  twoTexts(strings.TrimRight),
	"trim_prefix": twoTexts(strings.TrimPrefix),
	"trim_suffix": twoTexts(strings.TrimSuffix),
	"split":       twoTexts(strings.Split),

	"gt":  ordered(func(c int) bool { return c > 0 }),
	"gte": ordered(func(c int) bool { return c >= 0 }),
	"lt":  ordered(func(c int) bool { return c < 0 }),
	"lte": ordered(func(c int) bool { return c <= 0 }),
	"neq": ordered(func(c int) bool { return c != 0 }),

	"count": {1, func(v, _ any) (any, state) {
		n, ok := length(v)
		return n, sureIf(ok)
	}},
	"internal.member_2": {2, func(x, of any) (any, state) {
		yes, ok := isIn(x, of)
		return yes, sureIf(ok)
	}},

	"is_string":  kind(func(v any) bool { return rank(v) == 4 }),
	"is_number":  kind(func(v any) bool { return rank(v) == 3 }),
	"is_boolean": kind(func(v any) bool { return rank(v) == 1 || rank(v) == 2 }),
	"is_null":    kind(func(v any) bool { return v == nil }),
	"is_array":   kind(func(v any) bool { return rank(v) == 5 }),
	"is_object":  kind(func(v any) bool { return rank(v) == 6 }),
	"is_set":     kind(func(v any) bool { return rank(v) == 7 }),

	"data.toolward.lib.path.under":      {2, func(path, root any) (any, state) { return holds(pathUnder(path, root)) }},
	"data.toolward.lib.path.under_any":  {2, pathUnderAny},
	"data.toolward.lib.path.all_under":  {2, pathAllUnder},
	"data.toolward.lib.path.clean":      {1, pathClean},
	"data.toolward.lib.path.relative":   {1, pathRelative},
	"data.toolward.lib.path.extension":  {1, pathExtension},
	"data.toolward.lib.path.hidden":     {1, pathHidden},
	"data.toolward.lib.path.plain":      {1, func(v, _ any) (any, state) { s, ok := v.(string); return holds(ok && plainPath(s)) }},
	"data.toolward.lib.url.host":        {1, urlHost},
	"data.toolward.lib.url.on_any":      {2, urlOnAny},
	"data.toolward.lib.mail.domain":     {1, mailDomain},
	"data.toolward.lib.mail.all_within": {2, mailAllWithin},
	"data.toolward.lib.shell.plain":     {1, func(v, _ any) (any, state) { s, ok := v.(string); return holds(ok && plainCommand(s)) }},
	"data.toolward.lib.shell.words":     {1, shellWords},
	"data.toolward.lib.shell.program":   {1, shellProgram},
	"data.toolward.lib.shell.runs":      {2, shellRuns},
	"data.toolward.lib.shell.options":   {1, shellOptions},
	"data.toolward.lib.shell.operands":  {1, shellOperands},
	"data.toolward.lib.sql.bare":        {1, sqlBare},
	"data.toolward.lib.sql.read_only":   {1, sqlReadOnly},
	"data.toolward.lib.sql.limited":     {2, sqlLimited},
}

// sureIf is the state of what a function gives.
func sureIf(ok bool) state {
	if ok {
		return given
	}
	return doubt
}

// holds is the value of a rule that is true or nothing.
func holds(yes bool) (any, state) {
	if yes {
		return true, given
	}
	return nil, absent
}

func oneText[T any](f func(string) T) native {
	return native{1, func(v, _ any) (any, state) {
		s, ok := v.(string)
		if !ok {
			return nil, doubt
		}
		return f(s), given
	}}
}

func twoTexts[T any](f func(s, t string) T) native {
	return native{2, func(a, b any) (any, state) {
		s, ok := a.(string)
		t, both := b.(string)
		if !ok || !both {
			return nil, doubt
		}
		return f(s, t), given
	}}
}

func ordered(holds func(c int) bool) native {
	return native{2, func(a, b any) (any, state) {
		c, ok := order(a, b)
		return holds(c), sureIf(ok)
	}}
}

func kind(is func(any) bool) native {
	return native{1, func(v, _ any) (any, state) {
		if v != nil && rank(v) < 0 {
			return nil, doubt
		}
		return is(v), given
	}}
}

// matching is regex.match with a pattern that is known. ok is false for one that
// is none: OPA says so.
func matching(pattern string) (run func(a, b any) (any, state), ok bool) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, false
	}
	return oneText(re.MatchString).run, true
}
