package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Severity says whether a problem keeps a policy from being used.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // the policy is not loaded
	Warning Severity = "warning" // probably not what was meant
)

// Problem is something wrong with a policy, with its place. Codes are stable:
// those of OPA start with rego_, those of toolward are listed in docs/policy.md.
type Problem struct {
	File     string   `json:"file"`
	Line     int      `json:"line"` // 1-based; 0 if the whole file is meant
	Col      int      `json:"col"`
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // what would help, such as the nearest valid name
}

// String is the problem on one line, and its hint on a second one.
func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d:%d", p.Line, p.Col)
	}
	s += ": " + p.Code + ": " + p.Message
	if p.Severity == Warning {
		s = strings.Replace(s, p.Code, "warning: "+p.Code, 1)
	}
	if p.Hint != "" {
		s += "\n  " + p.Hint
	}
	return s
}

// Problems is every error found in a policy at once, sorted by place. It is
// what [New] returns for a policy that does not load.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// sorted orders problems by place and drops repetitions.
func sorted(ps []Problem) []Problem {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(ps)
}

// failing returns the problems that keep a policy from being used, or nil.
func failing(ps []Problem) error {
	var errs Problems
	for _, p := range ps {
		if p.Severity == Error {
			errs = append(errs, p)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// problemAt places a problem at a location; nil means no place is known.
func problemAt(loc *ast.Location, code string, format string, args ...any) Problem {
	p := Problem{Code: code, Severity: Error, Message: fmt.Sprintf(format, args...)}
	if loc != nil {
		p.File, p.Line, p.Col = loc.File, loc.Row, loc.Col
	}
	return p
}

func (p Problem) hint(format string, args ...any) Problem {
	p.Hint = fmt.Sprintf(format, args...)
	return p
}

// fromOPA turns OPA's errors into problems, with a hint where the mistake is a
// name that nearly exists.
func fromOPA(err error) []Problem {
	var all ast.Errors
	if one := (*ast.Error)(nil); errors.As(err, &one) {
		all = ast.Errors{one}
	} else if !errors.As(err, &all) {
		return []Problem{{Code: "policy_error", Severity: Error, Message: err.Error()}}
	}
	ps := make([]Problem, 0, len(all))
	for _, e := range all {
		p := problemAt(e.Location, e.Code, "%s", e.Message)
		switch d := e.Details.(type) {
		case *ast.RefErrInvalidDetail:
			p.Message = "there is no " + d.Ref[:min(d.Pos+1, len(d.Ref))].String()
			p.Hint = oneOf(d)
		case *ast.RefErrUnsupportedDetail:
			p.Message = d.Ref[:d.Pos].String() + " has no members"
		case *ast.UnificationErrDetail:
			p = neverEqual(p, e.Location, d)
		case *ast.ArgErrDetail:
			p = wrongArgument(p, d)
		default:
			if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
				p.Hint = functionHint(name)
			}
		}
		if d, ok := e.Details.(*ast.ParserErrorDetail); ok && e.Location != nil {
			p.Hint = quotedPackage(d.Line)
		}
		ps = append(ps, p)
	}
	return ps
}

// otherWords are what others call what input has.
var otherWords = map[string]string{
	"arguments": "args", "params": "args", "parameters": "args", "user": "agent", "caller": "agent", "principal": "agent", "subject": "agent",
	"client": "agent", "response": "result", "output": "result", "sub": "id", "groups": "roles", "toolName": "name", "upstream": "server",
}

// ownFirst leaves out what the library says of a policy that is wrong itself: rules
// of the wrong form do not fit what composes them, which helps nobody.
func ownFirst(ps []Problem) []Problem {
	own := func(p Problem) bool { return !libraryFile(p.File) && p.Severity == Error }
	if !slices.ContainsFunc(ps, own) {
		return ps
	}
	return slices.DeleteFunc(ps, func(p Problem) bool { return libraryFile(p.File) })
}

func oneOf(d *ast.RefErrInvalidDetail) string {
	if d.Pos >= len(d.Ref) {
		return ""
	}
	have, ok := d.Ref[d.Pos].Value.(ast.String)
	if !ok {
		return ""
	}
	names := make([]string, 0, len(d.OneOf))
	for _, v := range d.OneOf {
		if s, ok := v.(ast.String); ok {
			names = append(names, string(s))
		}
	}
	if near := nearest(string(have), names); near != "" {
		return didYouMean(near)
	}
	if meant := otherWords[string(have)]; slices.Contains(names, meant) {
		return didYouMean(meant)
	}
	if len(names) == 0 || len(names) > 12 {
		return ""
	}
	slices.Sort(names)
	return "it has " + strings.Join(names, ", ")
}

func didYouMean(name string) string { return fmt.Sprintf("did you mean %q?", name) }

// nearest returns the name that is at most a third of its length away from
// what was written, or differs in case and separators alone, or "".
func nearest(have string, names []string) string {
	for _, n := range names {
		if bare(n) == bare(have) {
			return n
		}
	}
	best, at := "", len(have)
	for _, n := range names {
		if d := distance(have, n); d < at && d <= max(1, len(n)/3) {
			best, at = n, d
		}
	}
	return best
}

// bare is a name without what people get wrong first: list-issues, listIssues.
func bare(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name))
}

// distance is the Levenshtein distance in bytes, with a swap of neighbours as
// one step.
func distance(a, b string) int {
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}
