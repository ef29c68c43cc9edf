package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkAllowed finds rules that let through more than whoever wrote them will have
// meant.
func checkAllowed(r *revision, m *ast.Module) (ps []Problem) {
	a, ok := addressOf(m.Package)
	if !ok {
		return nil
	}
	reader := newReader(r.compiler)
	for _, rule := range m.Rules {
		if ruleName(rule) != ruleAllow || neverAllows(rule) {
			continue
		}
		if rule.Default {
			ps = append(ps, problemAt(rule.Location, "allow_all", "`default allow := true` allows everybody whatever no rule speaks about").
				hint("leave it out: what no rule allows is refused; `allow if true` says that everybody may"))
			continue
		}
		reads := reader.of(rule)
		warn := func(code, format string, args ...any) *Problem {
			p := problemAt(rule.Location, code, format, args...)
			p.Severity = Warning
			ps = append(ps, p)
			return &ps[len(ps)-1]
		}
		if reads[pathTo("tool", "annotations")] || readsBelow(reads, pathTo("tool", "annotations")) {
			warn("allow_annotations", "what input.tool.annotations says are the upstream's own words: it can make any tool look harmless").
				Hint = "name the tools: `input.tool.name in {\"…\"}`"
		}
		switch whole := a.root == "servers" || a.root == "gateway"; {
		case whole && !readsBelow(reads, "agent") && !readsBelow(reads, "args") &&
			!readsBelow(reads, pathTo("tool", "name")) && !readsBelow(reads, pathTo("tool", "wire")):
			warn("allow_all", "%s, also what is offered from tomorrow on", everybody(a)).
				Hint = "say who: `allow if \"a-role\" in input.agent.roles`, or name the tools: `input.tool.name in {\"…\"}`"
		case onlyExcludes(rule):
			warn("allow_except", "this allows whatever it does not name").
				Hint = "say what is allowed; what is not shall be a `deny contains \"why\" if …`"
		}
	}
	return ps
}

func everybody(a address) string {
	if a.root == "servers" {
		return "this allows everybody everything of upstream " + a.server
	}
	return "this allows everybody everything"
}

// readsBelow reports whether a path or something below it is read, or all of input.
func readsBelow(reads map[string]bool, path string) bool {
	for p := range reads {
		if p == "" || p == path || strings.HasPrefix(p, path+between) {
			return true
		}
	}
	return false
}

// neverAllows reports whether a rule is written not to hold: `allow if false`, or
// `allow := false`.
func neverAllows(rule *ast.Rule) bool {
	if rule.Else != nil {
		return false
	}
	no := func(t *ast.Term) bool { return t != nil && t.Value.Compare(ast.Boolean(false)) == 0 }
	return no(rule.Head.Value) || slices.ContainsFunc([]*ast.Expr(rule.Body), func(e *ast.Expr) bool {
		t, ok := e.Terms.(*ast.Term)
		return ok && no(t)
	})
}

// onlyExcludes reports whether a rule has conditions, and each of them is about
// what something is not.
//
//	allow if input.args.path != "/etc/passwd"
func onlyExcludes(rule *ast.Rule) bool {
	conditions := 0
	for _, e := range rule.Body {
		switch {
		case e.IsCall() && e.Operator().String() == fireName, e.Generated, e.IsEquality() && isVar(e.Operand(0)) != isVar(e.Operand(1)), !e.Negated && e.IsCall() && lastIsVar(e):
		case e.Negated || e.IsCall() && e.Operator().String() == "neq":
			conditions++
		default:
			return false
		}
	}
	return conditions > 0
}

func isVar(t *ast.Term) bool {
	_, ok := t.Value.(ast.Var)
	return ok
}

// lastIsVar reports whether a call only computes a value for what follows.
func lastIsVar(e *ast.Expr) bool {
	n := len(e.Operands())
	b := ast.BuiltinMap[e.Operator().String()]
	return n > 0 && b != nil && n > len(b.Decl.FuncArgs().Args) && isVar(e.Operand(n-1))
}

// checkPrefixes finds paths, addresses and mail addresses that are compared as
// plain text.
func (p *spots) checkPrefixes(rule *ast.Rule) (ps []Problem) {
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if !e.IsCall() || len(e.Operands()) < 2 {
			return false
		}
		name := e.Operator().String()
		text, pattern := e.Operand(0), e.Operand(1)
		if name == "regex.match" || name == "glob.match" {
			text, pattern = e.Operand(len(e.Operands())-1), e.Operand(0)
			if name == "glob.match" && len(e.Operands()) > 2 {
				text = e.Operand(2)
			}
		}
		at, ok := p.of(text)
		if !ok || !strings.HasPrefix(at.path, "input.args") || !at.schema.can("string") {
			return false
		}
		if p.helped(rule, at) {
			return false
		}
		if pr := prefixed(name, at, p.constant(pattern)); pr != nil {
			pr.File, pr.Line, pr.Col = e.Location.File, e.Location.Row, e.Location.Col
			ps = append(ps, *pr)
		}
		return false
	})
	return ps
}

// helped reports whether a rule looks at a text by a function of the library too,
// which refuses what could be read in two ways: path.relative(p); startswith(p, "team/").
func (p *spots) helped(rule *ast.Rule, at spot) bool {
	library, found := ast.MustParseRef("data.toolward.lib"), false
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if e.IsCall() && e.Operator().HasPrefix(library) && !e.Negated && len(e.Operands()) > 0 {
			looked, ok := p.of(e.Operand(0))
			found = found || ok && looked.path == at.path
		}
		return found
	})
	return found
}

// prefixed is the problem with comparing a text by its beginning, end or pattern.
func prefixed(function string, at spot, pattern ast.Value) *Problem {
	value, _ := pattern.(ast.String)
	want := string(value)
	last := at.path[strings.LastIndex(at.path, ".")+1:]
	each := strings.TrimSuffix(at.path, "[_]")
	under := "path.under(" + at.path
	if each != at.path {
		under = "path.all_under(" + each
	}
	says := func(format, hint string) *Problem {
		quoted := "what it starts with"
		if want != "" {
			quoted = ast.String(want).String()
		}
		p := problemAt(nil, "text_compared", format, at.path, quoted)
		p.Severity, p.Hint = Warning, hint
		return &p
	}
	starts := slices.Contains([]string{"startswith", "strings.any_prefix_match", "regex.match", "glob.match"}, function)
	switch bare := strings.TrimPrefix(want, "^"); {
	case !starts && function != "endswith" && function != "contains":
		return nil
	case starts && (strings.HasPrefix(bare, "http://") || strings.HasPrefix(bare, "https://")) || starts && pattern == nil && named(last, "url", "uri", "href", "endpoint"):
		return says("%s is compared as text: %s is also the beginning of another host's address", "`import data.toolward.lib.url`, then `url.on_any("+at.path+", {\"example.com\"})`")
	case starts && (strings.HasPrefix(bare, "/") || strings.HasPrefix(bare, "./") || strings.HasPrefix(bare, "~") || named(last, "path", "file", "dir", "directory", "folder", "root", "source", "destination", "cwd")):
		if want != "" && !strings.HasPrefix(bare, "/") {
			return says("%s is compared as text: %s is also the beginning of what leads out by \"..\"", "`import data.toolward.lib.path`, and `path.relative("+at.path+")` beside it")
		}
		return says("%s is compared as text: %s is also the beginning of its neighbours, and of what leads out by \"..\"", "`import data.toolward.lib.path`, then `"+under+", "+root(want)+")`")
	case (function == "contains" || function == "regex.match" && !(strings.HasPrefix(want, "^") && strings.HasSuffix(want, "$"))) && strings.Contains(want, "@"):
		return says("%s is compared as text: %s stands in addresses of others too", "`import data.toolward.lib.mail`, then `mail.all_within("+each+", {\"example.com\"})`")
	case function == "endswith" && (strings.Contains(want, "@") || named(last, "to", "cc", "bcc", "email", "recipient", "recipients")):
		return says("%s is compared as text: a name in front or a second address ends with %s too", "`import data.toolward.lib.mail`, then `mail.all_within("+each+", {\"example.com\"})`")
	case (function != "regex.match" || pattern != nil && !strings.HasPrefix(want, "^")) && named(last, "url", "uri", "href", "endpoint", "host", "hostname"):
		return says("%s is compared as text: %s stands in addresses of other hosts too", "`import data.toolward.lib.url`, then `url.on_any("+at.path+", {\"example.com\"})`")
	case function != "glob.match" && named(last, "sql", "query") && strings.HasPrefix(strings.ToLower(bare), "select"):
		return says("%s is compared as text: what starts with %s can go on with another statement", "`import data.toolward.lib.sql`, then `sql.read_only("+at.path+")`")
	case function != "glob.match" && named(last, "command", "cmd", "script"):
		return says("%s is compared as text: what starts with %s can go on with another command", "`import data.toolward.lib.shell`, then `shell.runs("+at.path+", {\"ls\"})`")
	}
	return nil
}

// root is the directory of a prefix, as Rego.
func root(prefix string) string {
	prefix = strings.TrimSuffix(strings.TrimPrefix(prefix, "^"), "/")
	if prefix == "" || strings.ContainsAny(prefix, `*[](){}\|?`) {
		prefix = "/srv/docs"
	}
	return ast.String(prefix).String()
}

// named reports whether a name is one of these, or ends with one: file_path, srcDir.
func named(name string, words ...string) bool {
	name = strings.ToLower(strings.TrimRight(name, "[_]0123456789\""))
	return slices.ContainsFunc(words, func(w string) bool {
		return name == w || name == w+"s" || len(w) > 3 && strings.HasSuffix(name, w)
	})
}
