package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// Check holds the policy against what upstreams offer: packages for servers and
// tools that do not exist, and arguments that a tool's schema does not have.
// Servers without a tool in the list are taken to be down if they are in down,
// and nothing is said about their tools.
func (e *Engine) Check(tools []*gateway.Tool, down []string) []Problem {
	r := e.current.Load()
	cat := newCatalogNames(tools, down)
	ps := append([]Problem(nil), r.problems...)
	for name, m := range r.parsed {
		if !libraryFile(name) && speaks(m.Package) {
			ps = append(ps, cat.check(m)...)
		}
	}
	return sorted(ps)
}

type catalogNames struct {
	servers map[string]bool
	byKey   map[string]*gateway.Tool // kind, server, name
	names   map[string][]string      // kind, server -> names
	down    map[string]bool
}

func newCatalogNames(tools []*gateway.Tool, down []string) *catalogNames {
	c := &catalogNames{servers: map[string]bool{}, byKey: map[string]*gateway.Tool{}, names: map[string][]string{}, down: map[string]bool{}}
	for _, t := range tools {
		c.servers[t.Server] = true
		of := string(t.Kind) + "s\x00" + t.Server
		c.names[of] = append(c.names[of], t.Name)
		c.byKey[of+"\x00"+t.Name] = t
	}
	for _, s := range down {
		c.servers[s], c.down[s] = true, true
	}
	return c
}

func (c *catalogNames) check(m *ast.Module) []Problem {
	a, ok := addressOf(m.Package)
	if !ok || a.root == "gateway" {
		return nil
	}
	if !c.servers[a.server] {
		return []Problem{unknownName(m.Package, "unknown_server", fmt.Sprintf("there is no upstream %q", a.server), nearest(a.server, slices.Collect(maps.Keys(c.servers))))}
	}
	if a.root == "servers" || a.root == "reverse" || a.root == "resources" || c.down[a.server] {
		return nil // a resource may be one of a template
	}
	of := a.root + "\x00" + a.server
	t := c.byKey[of+"\x00"+a.name]
	if t == nil {
		return []Problem{unknownName(m.Package, "unknown_tool", fmt.Sprintf("upstream %s offers no %s %q", a.server, a.kind(), a.name), nearest(a.name, c.names[of]))}
	}
	return checkArgs(m, t)
}

func unknownName(p *ast.Package, code, message, near string) Problem {
	pr := problemAt(p.Location, code, "%s", message)
	if near != "" {
		pr.Hint = didYouMean(near)
	}
	return pr
}

// checkArgs finds input.args.X where the tool's schema has no X. A schema that
// says additional properties are welcome is believed.
func checkArgs(m *ast.Module, t *gateway.Tool) []Problem {
	var def struct {
		InputSchema struct {
			Properties           map[string]json.RawMessage `json:"properties"`
			AdditionalProperties json.RawMessage            `json:"additionalProperties"`
			PatternProperties    json.RawMessage            `json:"patternProperties"`
		} `json:"inputSchema"`
	}
	if json.Unmarshal(t.Definition, &def) != nil || len(def.InputSchema.Properties) == 0 || def.InputSchema.PatternProperties != nil {
		return nil
	}
	if more := string(def.InputSchema.AdditionalProperties); more != "" && more != "false" {
		return nil
	}
	var names []string
	for n := range def.InputSchema.Properties {
		names = append(names, n)
	}
	var ps []Problem
	ast.WalkRefs(m, func(ref ast.Ref) bool {
		if len(ref) < 3 || !ref.HasPrefix(ast.MustParseRef("input.args")) {
			return false
		}
		name, ok := ref[2].Value.(ast.String)
		if !ok || def.InputSchema.Properties[string(name)] != nil {
			return false
		}
		p := problemAt(ref[0].Location, "unknown_argument", "%s has no argument %q", t.Wire, string(name))
		if string(def.InputSchema.AdditionalProperties) != "false" {
			p.Severity = Warning // it may be passed all the same
		}
		if near := nearest(string(name), names); near != "" {
			p.Hint = didYouMean(near)
		}
		ps = append(ps, p)
		return false
	})
	return ps
}
