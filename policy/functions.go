package policy

import "strings"

// native is a function of OPA's, or of the library, in Go. run gives doubt where
// OPA's fails, and absent where it gives nothing.
type native struct {
	operands int
	run      func(a, b any) (any, state)
	with     func(b any) func(a, _ any) (any, state) // run with a second operand that is known; nil if that is no gain
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

	"count": {operands: 1, run: func(v, _ any) (any, state) {
		n, ok := length(v)
		return n, sureIf(ok)
	}},
	"internal.member_2": {operands: 2, run: func(x, of any) (any, state) {
		yes, ok := isIn(x, of)
		return yes, sureIf(ok)
	}},

	"is_string":  kind(func(v any) bool { return rank(v) == rankText }),
	"is_number":  kind(func(v any) bool { return rank(v) == rankNumber }),
	"is_boolean": kind(func(v any) bool { return rank(v) == rankFalse || rank(v) == rankTrue }),
	"is_null":    kind(func(v any) bool { return v == nil }),
	"is_array":   kind(func(v any) bool { return rank(v) == rankList }),
	"is_object":  kind(func(v any) bool { return rank(v) == rankObject }),
	"is_set":     kind(func(v any) bool { return rank(v) == rankSet }),

	"data.toolward.lib.path.under":      {operands: 2, run: func(path, root any) (any, state) { return holds(pathUnder(path, root)) }, with: pathUnderThis},
	"data.toolward.lib.path.under_any":  {operands: 2, run: pathUnderAny},
	"data.toolward.lib.path.all_under":  {operands: 2, run: pathAllUnder},
	"data.toolward.lib.path.clean":      {operands: 1, run: pathClean},
	"data.toolward.lib.path.relative":   {operands: 1, run: pathRelative},
	"data.toolward.lib.path.extension":  {operands: 1, run: pathExtension},
	"data.toolward.lib.path.hidden":     {operands: 1, run: pathHidden},
	"data.toolward.lib.path.plain":      {operands: 1, run: func(v, _ any) (any, state) { s, ok := v.(string); return holds(ok && plainPath(s)) }},
	"data.toolward.lib.url.host":        {operands: 1, run: urlHost},
	"data.toolward.lib.url.on_any":      {operands: 2, run: urlOnAny},
	"data.toolward.lib.mail.domain":     {operands: 1, run: mailDomain},
	"data.toolward.lib.mail.all_within": {operands: 2, run: mailAllWithin},
	"data.toolward.lib.shell.plain":     {operands: 1, run: func(v, _ any) (any, state) { s, ok := v.(string); return holds(ok && plainCommand(s)) }},
	"data.toolward.lib.shell.words":     {operands: 1, run: shellWords},
	"data.toolward.lib.shell.program":   {operands: 1, run: shellProgram},
	"data.toolward.lib.shell.runs":      {operands: 2, run: shellRuns},
	"data.toolward.lib.shell.options":   {operands: 1, run: shellOptions},
	"data.toolward.lib.shell.operands":  {operands: 1, run: shellOperands},
	"data.toolward.lib.sql.bare":        {operands: 1, run: sqlBare},
	"data.toolward.lib.sql.read_only":   {operands: 1, run: sqlReadOnly},
	"data.toolward.lib.sql.limited":     {operands: 2, run: sqlLimited},
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
	return native{operands: 1, run: func(v, _ any) (any, state) {
		s, ok := v.(string)
		if !ok {
			return nil, doubt
		}
		return f(s), given
	}}
}

func twoTexts[T any](f func(s, t string) T) native {
	return native{operands: 2, run: func(a, b any) (any, state) {
		s, ok := a.(string)
		t, both := b.(string)
		if !ok || !both {
			return nil, doubt
		}
		return f(s, t), given
	}}
}

func ordered(holds func(c int) bool) native {
	return native{operands: 2, run: func(a, b any) (any, state) {
		c, ok := order(a, b)
		return holds(c), sureIf(ok)
	}}
}

func kind(is func(any) bool) native {
	return native{operands: 1, run: func(v, _ any) (any, state) {
		if v != nil && rank(v) < 0 {
			return nil, doubt
		}
		return is(v), given
	}}
}

// matching is regex.match with a pattern that is known. ok is false for one that
// is none: OPA says so.
func matching(expr string) (run func(a, b any) (any, state), ok bool) {
	p, err := newPattern(expr)
	if err != nil {
		return nil, false
	}
	return oneText(p.match).run, true
}
