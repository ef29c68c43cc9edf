package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/gateway"
	"toolward/rego"
)

// Offered is what upstreams offer, as far as it is known.
type Offered struct {
	Tools   []*gateway.Tool // and prompts and resources
	Servers []string        // all upstreams there are; nil if that is not known, and then none is said to be missing
	Down    []string        // those of which nothing is known
}

// Check finds what a policy that loads gets wrong all the same: packages for
// servers and tools that do not exist, names and values that a tool's schema does
// not have, comparisons that never hold, rules that allow more than they say. With
// nil, nothing is held against what upstreams offer.
func (e *Engine) Check(o *Offered) []Problem {
	r := e.current.Load()
	cat := newCatalogNames(o)
	ps := append([]Problem(nil), r.problems...)
	data := &dataNames{compiler: r.compiler, data: r.data}
	labels := cat.labels(r.compiler)
	for name, m := range r.compiler.Modules {
		if libraryFile(name) {
			continue
		}
		ps = append(ps, data.check(m)...)
		if !speaks(m.Package) && !isOperators(m.Package) {
			continue
		}
		ps = append(ps, cat.check(m)...)
		ps = append(ps, checkAllowed(r, m)...)
		ps = append(ps, checkLabelNames(m, labels)...)
		for _, rule := range m.Rules {
			if !rule.Default {
				ps = append(ps, cat.checkRule(r.compiler, m, rule, labels)...)
			}
		}
	}
	return sorted(ps)
}

// catalogNames are the names that upstreams offer.
type catalogNames struct {
	known   bool
	all     bool // no other upstreams
	input   schema
	servers map[string]bool
	byKey   map[string]*gateway.Tool // kind, server, name
	names   map[string][]string      // kind, server -> names
	byWire  map[string]*gateway.Tool
	down    map[string]bool
}

func newCatalogNames(o *Offered) *catalogNames {
	c := &catalogNames{known: o != nil, input: inputSchema(), servers: map[string]bool{}, byKey: map[string]*gateway.Tool{}, names: map[string][]string{}, byWire: map[string]*gateway.Tool{}, down: map[string]bool{}}
	if o == nil {
		return c
	}
	for _, t := range o.Tools {
		c.servers[t.Server] = true
		of := string(t.Kind) + "s\x00" + t.Server
		c.names[of] = append(c.names[of], t.Name)
		c.byKey[of+"\x00"+t.Name] = t
		c.byWire[t.Wire] = t
	}
	c.all = o.Servers != nil
	for _, s := range o.Servers {
		c.servers[s] = true
	}
	for _, s := range o.Down {
		c.servers[s], c.down[s] = true, true
	}
	return c
}

// check finds packages that speak about what nobody offers.
func (c *catalogNames) check(m *ast.Module) []Problem {
	a, ok := addressOf(m.Package)
	if !ok || a.root == "gateway" || !c.known {
		return nil
	}
	if !c.servers[a.server] && !c.all {
		return nil
	}
	if !c.servers[a.server] {
		return []Problem{unknownName(m.Package, "unknown_server", "there is no upstream \""+a.server+"\"", a.server, slices.Sorted(maps.Keys(c.servers)))}
	}
	if a.root == "servers" || a.root == "reverse" || a.root == "resources" || c.down[a.server] {
		return nil // a resource may be one of a template
	}
	of := a.root + "\x00" + a.server
	if c.byKey[of+"\x00"+a.name] != nil {
		return nil
	}
	if t := c.byWire[a.name]; t != nil {
		return []Problem{problemAt(m.Package.Location, "unknown_tool", "%s is the name on /mcp", a.name).
			hint("write `package %s`", packageOf(t))}
	}
	return []Problem{unknownName(m.Package, "unknown_tool", "upstream "+a.server+" offers no "+string(a.kind())+" \""+a.name+"\"", a.name, c.names[of])}
}

func unknownName(p *ast.Package, code, message, have string, names []string) Problem {
	pr := problemAt(p.Location, code, "%s", message)
	if near := nearest(have, names); near != "" {
		pr.Hint = didYouMean(near)
	} else if len(names) > 0 && len(names) <= 12 {
		pr.Hint = "it is one of " + strings.Join(names, ", ")
	}
	return pr
}

// checkRule holds one rule against what is known of the calls that it speaks about.
func (c *catalogNames) checkRule(compiler *ast.Compiler, m *ast.Module, rule *ast.Rule, labels []string) (ps []Problem) {
	over := map[string]schema{
		"tool.labels[_]":    among("unknown_label", labels),
		"session.labels[_]": among("unknown_label", labels),
		"tool.annotations":  schemaOf([]byte(hints)),
	}
	a, _ := addressOf(m.Package)
	c.aboutTool(over, a, rule)
	rules := []*ast.Rule{rule}
	if a.root == "tools" || over["args"].doc == nil { // else a helper may be there for several tools
		rules = append(rules, callees(compiler, rule)...)
	}
	spots := newSpots(compiler, c.input, over, rules)
	for _, r := range rules {
		ps = append(ps, spots.checkMembers(r)...)
		ps = append(ps, spots.checkValues(r)...)
		ps = append(ps, spots.checkTogether(r)...)
		ps = append(ps, spots.checkPrefixes(r)...)
	}
	return append(ps, spots.checkPlaces(rule)...)
}

// hints are the annotations that MCP has (2025-11-25 schema, ToolAnnotations).
const hints = `{"type": "object", "properties": {"title": {"type": "string"}, "readOnlyHint": {"type": "boolean"},
	"destructiveHint": {"type": "boolean"}, "idempotentHint": {"type": "boolean"}, "openWorldHint": {"type": "boolean"}}}`

// results are what calls of tools answer (2025-11-25 schema, CallToolResult), or the
// error in its place.
const results = `{"type": "object", "properties": {
	"content": {"type": "array", "items": {"type": "object", "properties": {
		"type": {"type": "string"}, "text": {"type": "string"}, "data": {"type": "string"}, "mimeType": {"type": "string"},
		"uri": {"type": "string"}, "name": {"type": "string"}, "title": {"type": "string"}, "description": {"type": "string"},
		"size": {"type": "number"}, "resource": {}, "annotations": {}, "icons": {}, "_meta": {}}}},
	"structuredContent": {}, "isError": {"type": "boolean"}, "_meta": {}, "code": {"type": "number"}, "message": {"type": "string"}, "data": {},
	"resultType": {}, "task": {}, "inputRequests": {}, "requestState": {}}}`

// inputSchema is the embedded schema, read.
func inputSchema() schema {
	s := schemaOf(rego.InputSchema)
	if s.doc == nil {
		panic("policy: the embedded input schema is not JSON")
	}
	return s
}

// aboutTool adds what is known of the tools that a rule speaks about: those of its
// package, or those that it names.
func (c *catalogNames) aboutTool(over map[string]schema, a address, rule *ast.Rule) {
	if !c.known {
		return
	}
	if c.all {
		over["tool.server"] = among("unknown_server", slices.Sorted(maps.Keys(c.servers)))
		over["restored[_].server"] = over["tool.server"]
	}
	if c.all && len(c.down) == 0 {
		over["tool.wire"] = among("unknown_tool", slices.Sorted(maps.Keys(c.byWire)))
	}
	if c.all && len(c.down) == 0 && !c.hasResources() {
		over["session.recent[_].tool"] = over["tool.wire"]
	}
	server := a.server
	if names := mentioned(rule, "server"); server == "" && len(names) == 1 {
		server = names[0]
	}
	if server != "" && c.servers[server] && !c.down[server] && a.root != "reverse" {
		var names []string
		for _, kind := range []string{"tools", "prompts", "resources"} {
			names = append(names, c.names[kind+"\x00"+server]...)
		}
		if len(c.names["resources\x00"+server]) == 0 { // names of resources come from templates too
			over["tool.name"] = among("unknown_tool", names)
		}
	}
	if len(mentioned(rule, "server")) == 0 && a.root == "gateway" && c.all && len(c.down) == 0 && !c.hasResources() {
		over["tool.name"] = among("unknown_tool", c.everyName())
	}
	var about []*gateway.Tool
	switch {
	case a.root == "tools":
		about = append(about, c.byKey["tools\x00"+a.server+"\x00"+a.name])
	case server != "" && (a.root == "servers" || a.root == "gateway"):
		for _, name := range mentioned(rule, "name") {
			about = append(about, c.byKey["tools\x00"+server+"\x00"+name])
		}
	}
	if len(about) == 0 && (a.root == "servers" || a.root == "gateway") {
		for _, wire := range mentioned(rule, "wire") {
			about = append(about, c.byWire[wire])
		}
	}
	if len(about) == 0 || slices.Contains(about, nil) {
		return
	}
	over["result"] = schemaOf([]byte(results))
	if len(about) > 1 {
		return // what one does not have the other may
	}
	var def struct{ InputSchema, OutputSchema json.RawMessage }
	if json.Unmarshal(about[0].Definition, &def) != nil {
		return
	}
	over["args"] = schemaOf(def.InputSchema)
	over["tool.wire"] = among("unknown_tool", []string{about[0].Wire})
	if def.OutputSchema != nil {
		over["result.structuredContent"] = schemaOf(def.OutputSchema)
	}
}

// hasResources reports whether some upstream has resources, whose names can come from
// templates too.
func (c *catalogNames) hasResources() bool {
	for of, names := range c.names {
		if strings.HasPrefix(of, "resources\x00") && len(names) > 0 {
			return true
		}
	}
	return false
}

// everyName is what all upstreams offer, by their own names.
func (c *catalogNames) everyName() (all []string) {
	for _, names := range c.names {
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// mentioned are the names that a rule wants a member of input.tool to have: of
// those alternatives that it writes out.
//
//	input.tool.name == "refund"             ->  refund
//	input.tool.name in {"refund", "order"}  ->  order, refund
func mentioned(rule *ast.Rule, of string) (names []string) {
	want := ast.MustParseRef("input.tool." + of)
	vars := map[ast.Var]bool{}
	is := func(t *ast.Term) bool {
		v, isVar := t.Value.(ast.Var)
		return t.Value.Compare(want) == 0 || isVar && vars[v]
	}
	for _, e := range rule.Body {
		if e.Negated || !e.IsCall() || len(e.Operands()) != 2 {
			continue
		}
		for i, other := range []int{1, 0} {
			if v, ok := e.Operand(other).Value.(ast.Var); ok && is(e.Operand(i)) && e.IsEquality() {
				vars[v] = true
			}
			if s, ok := e.Operand(other).Value.(ast.String); ok && is(e.Operand(i)) && e.IsEquality() {
				names = append(names, string(s))
			}
		}
		if e.Operator().String() == "internal.member_2" && is(e.Operand(0)) {
			add := func(t *ast.Term) {
				if s, ok := t.Value.(ast.String); ok {
					names = append(names, string(s))
				}
			}
			switch v := e.Operand(1).Value.(type) {
			case ast.Set:
				v.Foreach(add)
			case *ast.Array:
				v.Foreach(add)
			}
		}
	}
	return names
}

// callees are the operator's functions and other rules that a rule uses in its own
// package.
func callees(c *ast.Compiler, rule *ast.Rule) (rules []*ast.Rule) {
	seen := map[*ast.Rule]bool{rule: true}
	var add func(r *ast.Rule)
	add = func(r *ast.Rule) {
		for branch := r; branch != nil; branch = branch.Else {
			deps := c.Graph.Dependencies(branch)
			for _, dep := range sortedRules(deps) {
				if seen[dep] || dep.Module == nil || isPublic(ruleName(dep)) || !dep.Module.Package.Equal(rule.Module.Package) {
					continue
				}
				seen[dep] = true
				rules = append(rules, dep)
				add(dep)
			}
		}
	}
	add(rule)
	return rules
}

func sortedRules(deps map[util.T]struct{}) (rules []*ast.Rule) {
	for dep := range deps {
		if r, ok := dep.(*ast.Rule); ok {
			rules = append(rules, r)
		}
	}
	slices.SortFunc(rules, func(a, b *ast.Rule) int { return a.Location.Compare(b.Location) })
	return rules
}
