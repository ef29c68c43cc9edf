package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
)

// Rego has no answer for a comparison that cannot hold: the rule is silent, which
// for allow is a refusal that nobody understands and for deny is no rule at all.

// checkMembers finds names that a spot does not have.
func (p *spots) checkMembers(rule *ast.Rule) (ps []Problem) {
	ast.WalkRefs(rule, func(ref ast.Ref) bool {
		at, i, how := p.walk(ref)
		if how != missing && how != never {
			return false
		}
		if !p.better(at.path) {
			return false // the compiler has said so
		}
		ps = append(ps, p.absent(locationOf(ref[0], ref[i], rule), at, ref[i], how))
		return false
	})
	return ps
}

func locationOf(candidates ...any) *ast.Location {
	for _, c := range candidates {
		switch c := c.(type) {
		case *ast.Term:
			if c.Location != nil && c.Location.File != "" {
				return c.Location
			}
		case *ast.Expr:
			if c.Location != nil {
				return c.Location
			}
		case *ast.Rule:
			return c.Location
		}
	}
	return nil
}

// better reports whether a path is in what is known beside the input's schema.
func (p *spots) better(path string) bool {
	path = strings.TrimPrefix(path, "input.")
	for over := range p.over {
		if path == over || strings.HasPrefix(path, over) && strings.ContainsAny(path[len(over):len(over)+1], ".[") {
			return true
		}
	}
	return false
}

// absent says that a spot has no such member.
func (p *spots) absent(loc *ast.Location, at spot, t *ast.Term, how access) Problem {
	name, text := t.Value.(ast.String)
	code := "unknown_argument"
	if !strings.HasPrefix(at.path, "input.args") {
		code = "unknown_member"
	}
	switch {
	case !text || at.schema.only("string", "number", "boolean", "null"):
		return problemAt(loc, "value_impossible", "%s is %s, which has no members", at.path, kindOf(at.schema))
	case at.schema.only("array", "null"):
		return problemAt(loc, "value_impossible", "%s is a list, which has no member %q", at.path, string(name)).
			hint("look into its elements: %s[_]%s", at.path, member(string(name)))
	}
	names := at.schema.names()
	pr := problemAt(loc, code, "%s has no member %q", at.path, string(name))
	if at.path == "input.args" {
		pr.Message = fmt.Sprintf("%s has no argument %q", p.tool(), string(name))
	}
	if how == missing {
		pr.Severity = Warning // it may be sent all the same
	}
	switch near := nearest(string(name), names); {
	case near != "":
		pr.Hint = didYouMean(near)
	case len(names) > 0 && len(names) <= 12:
		pr.Hint = "it has " + strings.Join(names, ", ")
	}
	return pr
}

// tool is how the tool is called whose arguments are known.
func (p *spots) tool() string {
	if values := p.over["tool.wire"].values(); len(values) == 1 {
		return strings.Trim(values[0], `"`)
	}
	return "the tool"
}

// checkValues finds comparisons with what a spot never holds.
func (p *spots) checkValues(rule *ast.Rule) (ps []Problem) {
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		if !e.IsCall() || len(e.With) > 0 {
			return false
		}
		var found *Problem
		switch name := e.Operator().String(); name {
		case "eq", "equal", "neq", "gt", "gte", "lt", "lte":
			if len(e.Operands()) != 2 {
				return false
			}
			if found = p.compared(e, e.Operand(0), e.Operand(1)); found == nil {
				found = p.compared(e, e.Operand(1), e.Operand(0))
			}
			if found == nil && name != "neq" && !p.words {
				found = p.apart(e)
			}
		case "internal.member_2":
			found = p.contained(e)
		default:
			if !p.words {
				found = p.applied(e)
			}
		}
		if found != nil {
			ps = append(ps, *found)
		}
		return false
	})
	return ps
}

// compared finds a constant that is never at a spot.
func (p *spots) compared(e *ast.Expr, a, b *ast.Term) *Problem {
	at, ok := p.of(a)
	value := p.constant(b)
	if !ok || value == nil {
		return nil
	}
	if e.Operator().String() == "neq" && value.Compare(ast.NullValue) == 0 {
		return nil // whether it is there is what is asked
	}
	return p.impossible(e, at, value)
}

// impossible is the problem with a value at a spot, nil if it can be there.
func (p *spots) impossible(e *ast.Expr, at spot, value ast.Value) *Problem {
	kind := ast.ValueName(value)
	if kind == "set" || kind == "null" && !p.better(at.path) || p.words && at.schema.values() == nil {
		return nil
	}
	loc := locationOf(e)
	if !at.schema.can(kind) {
		pr := problemAt(loc, "value_impossible", "%s is %s, and never %s%s", at.path, kindOf(at.schema), inWords(value), always(e.Operator().String()))
		pr.Hint = mend(at, value)
		return &pr
	}
	values := at.schema.values()
	op := e.Operator().String()
	if values == nil || slices.Contains(values, value.String()) || kind != "string" || slices.Contains([]string{"gt", "gte", "lt", "lte"}, op) {
		return nil
	}
	code := at.schema.code
	if code == "" {
		code = "value_impossible"
	}
	pr := problemAt(loc, code, "%s is never %s%s", at.path, value, always(op))
	if code == "unknown_label" {
		pr.Message = fmt.Sprintf("no tool has the label %s, and no rule adds it", value)
	}
	plain := make([]string, len(values))
	for i, v := range values {
		plain[i] = strings.Trim(v, `"`)
	}
	slices.Sort(plain)
	text := string(value.(ast.String))
	_, after, _ := strings.Cut(text, "__")
	switch near := nearest(text, plain); {
	case code == "unknown_tool" && slices.Contains(plain, after):
		pr.Hint = didYouMean(after)
	case near != "":
		pr.Hint = didYouMean(near)
	case len(plain) <= 12:
		pr.Hint = "it is one of " + strings.Join(plain, ", ")
	}
	if code == "unknown_label" && !strings.HasPrefix(pr.Hint, "did you mean") {
		pr.Severity = Warning // another configuration may have it
	}
	return &pr
}

// always is what a comparison by != comes to.
func always(op string) string {
	if op == "neq" {
		return ", so that this always holds"
	}
	return ""
}

// mend is what was probably meant by a value of another type.
func mend(at spot, value ast.Value) string {
	text, isText := value.(ast.String)
	switch {
	case at.schema.only("array") && at.schema.element().can(ast.ValueName(value)):
		return fmt.Sprintf("write `%s in %s`, or `every x in %s { … }` for all of them", value, at.path, at.path)
	case at.schema.only("number") && isText && jsonNumber(string(text)):
		return "write it without quotes: " + string(text)
	case at.schema.only("boolean") && isText && (text == "true" || text == "false"):
		return "write it without quotes: " + string(text)
	case at.schema.only("string") && ast.ValueName(value) != "string" && ast.IsConstant(value):
		return fmt.Sprintf("write it in quotes: %q", value.String())
	case at.schema.only("object"):
		if names := at.schema.names(); len(names) > 0 && len(names) <= 12 {
			return "it has members: " + strings.Join(names, ", ")
		}
	}
	return ""
}

func jsonNumber(s string) bool {
	v, err := ast.ParseTerm(s)
	if err != nil {
		return false
	}
	_, ok := v.Value.(ast.Number)
	return ok
}

// apart finds two spots that never hold the same.
func (p *spots) apart(e *ast.Expr) *Problem {
	a, ok := p.of(e.Operand(0))
	b, okB := p.of(e.Operand(1))
	if !ok || !okB {
		return nil
	}
	if strings.HasPrefix(a.path, "each of ") {
		a, b = b, a
	}
	if strings.HasPrefix(b.path, "each of ") {
		for _, v := range b.schema.values() {
			if term, err := ast.ParseTerm(v); err == nil && !strings.HasPrefix(a.path, "each of ") {
				if pr := p.impossible(e, a, term.Value); pr != nil {
					return pr
				}
			}
		}
		return nil
	}
	for _, kind := range []string{"string", "number", "boolean", "null", "array", "object"} {
		if a.schema.can(kind) && b.schema.can(kind) {
			return nil
		}
	}
	pr := problemAt(locationOf(e), "value_impossible", "%s is %s, and %s is %s: they are never the same", a.path, kindOf(a.schema), b.path, kindOf(b.schema))
	switch {
	case b.schema.only("array"):
		pr.Hint = fmt.Sprintf("write `%s in %s`", a.path, b.path)
	case a.schema.only("array"):
		pr.Hint = fmt.Sprintf("write `%s in %s`", b.path, a.path)
	}
	return &pr
}

// contained finds `x in xs` that never holds.
func (p *spots) contained(e *ast.Expr) *Problem {
	needle, haystack := e.Operand(0), e.Operand(1)
	if in, ok := p.of(haystack); ok {
		if in.schema.only("string", "number", "boolean", "null") && !p.words {
			pr := problemAt(locationOf(e), "value_impossible", "%s is %s, and `in` looks into lists", in.path, kindOf(in.schema))
			if in.schema.can("string") {
				pr.Hint = fmt.Sprintf("for a part of a text write `contains(%s, %s)`", in.path, p.shown(needle))
			}
			return &pr
		}
		element := spot{in.schema.element(), in.path + "[_]"}
		if s, ok := p.over[strings.TrimPrefix(element.path, "input.")]; ok {
			element.schema = s
		}
		if value := p.constant(needle); value != nil {
			return p.impossible(e, element, value)
		}
	}
	at, ok := p.of(needle)
	if !ok {
		return nil
	}
	if text, is := p.constant(haystack).(ast.String); is {
		pr := problemAt(locationOf(e), "value_impossible", "%s is text, and `in` looks into lists", text).
			hint("for the same text write `%s == %s`, for a part of it `contains(%s, %s)`", at.path, text, text, at.path)
		return &pr
	}
	var found *Problem
	check := func(t *ast.Term) {
		if found == nil {
			found = p.impossible(e, at, t.Value)
		}
	}
	switch list := p.constant(haystack).(type) {
	case *ast.Array:
		list.Foreach(check)
	case ast.Set:
		list.Foreach(check)
	}
	if found != nil && at.schema.only("array") {
		found.Hint = fmt.Sprintf("look at each: `some x in %s`, then `x in %s`, or `every x in %s { … }`", at.path, p.shown(haystack), at.path)
	}
	return found
}

func (p *spots) shown(t *ast.Term) string {
	if v := p.constant(t); v != nil {
		return clip(v.String())
	}
	if at, ok := p.of(t); ok {
		return at.path
	}
	return "x"
}

// applied finds functions that are given what they cannot take.
func (p *spots) applied(e *ast.Expr) *Problem {
	builtin := ast.BuiltinMap[e.Operator().String()]
	if builtin == nil {
		return nil
	}
	params := builtin.Decl.FuncArgs().Args
	for i, param := range params {
		if i >= len(e.Operands()) {
			break
		}
		at, ok := p.of(e.Operand(i))
		if !ok || len(at.schema.types()) == 0 {
			continue
		}
		if !slices.ContainsFunc(at.schema.types(), func(kind string) bool { return takes(param, kind) }) {
			pr := problemAt(locationOf(e), "value_impossible", "%s cannot be given %s, which is %s", builtin.Name, at.path, kindOf(at.schema))
			if at.schema.only("array") {
				pr.Hint = fmt.Sprintf("look at each: `every x in %s { … }`, or `some x in %s` for one of them", at.path, at.path)
			}
			return &pr
		}
	}
	return nil
}

// takes reports whether a function's parameter can be of a JSON type.
func takes(want types.Type, kind string) bool {
	if named, ok := want.(*types.NamedType); ok {
		want = named.Type
	}
	switch want := want.(type) {
	case types.Any:
		return len(want) == 0 || slices.ContainsFunc(want, func(t types.Type) bool { return takes(t, kind) })
	case types.String:
		return kind == "string"
	case types.Number:
		return kind == "number"
	case types.Boolean:
		return kind == "boolean"
	case *types.Array:
		return kind == "array"
	case *types.Object:
		return kind == "object"
	case *types.Set:
		return false
	}
	return true
}

// kindOf is what can stand at a spot, in words.
func kindOf(s schema) string {
	words := map[string]string{"string": "text", "number": "a number", "boolean": "true or false", "array": "a list", "object": "an object", "null": "null"}
	var out []string
	for _, t := range s.types() {
		if w := words[t]; w != "" && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return strings.Join(out, " or ")
}

// inWords is a value for a message.
func inWords(v ast.Value) string {
	switch ast.ValueName(v) {
	case "string":
		return "the text " + clip(v.String())
	case "array":
		return "the list " + clip(v.String())
	}
	return clip(v.String())
}
