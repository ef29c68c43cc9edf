package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// address is what a package of an operator speaks about, from its name:
//
//	gateway                       every call
//	servers.SERVER                every call to an upstream
//	tools.SERVER.TOOL             one tool; likewise prompts and resources
//	reverse.SERVER                what an upstream asks of agents
//
// A part that is not an identifier is quoted, as Rego does it:
// package tools.files["read-file"].
type address struct{ root, server, name string }

// parts is how many names follow each root.
var parts = map[string]int{"gateway": 0, "servers": 1, "reverse": 1, "tools": 2, "prompts": 2, "resources": 2}

func roots() []string {
	return []string{"gateway", "servers", "tools", "prompts", "resources", "reverse"}
}

// addressOf reads a package's name. ok is false if no decision asks it.
func addressOf(p *ast.Package) (a address, ok bool) {
	names := pathOf(p)
	if len(names) == 0 {
		return address{}, false
	}
	n, known := parts[names[0]]
	if !known || len(names) != n+1 {
		return address{}, false
	}
	a.root = names[0]
	if n > 0 {
		a.server = names[1]
	}
	if n > 1 {
		a.name = names[2]
	}
	return a, true
}

func pathOf(p *ast.Package) []string {
	if len(p.Path) < 2 {
		return nil
	}
	names := make([]string, 0, len(p.Path)-1)
	for _, t := range p.Path[1:] {
		s, ok := t.Value.(ast.String)
		if !ok {
			return nil
		}
		names = append(names, string(s))
	}
	return names
}

// speaks reports whether decisions ask a package.
func speaks(p *ast.Package) bool {
	_, ok := addressOf(p)
	return ok
}

// isLibrary reports whether a package belongs to the composing library.
func isLibrary(p *ast.Package) bool {
	names := pathOf(p)
	return len(names) > 0 && names[0] == "toolward"
}

// packageName is the name as it is written in a file.
func packageName(p *ast.Package) string { return strings.TrimPrefix(p.Path.String(), "data.") }

// covers reports whether a package speaks about calls of a tool.
func (a address) covers(t *gateway.Tool) bool {
	switch a.root {
	case "gateway":
		return true
	case "servers", "reverse":
		return a.server == t.Server
	}
	return a.server == t.Server && a.name == t.Name && a.kind() == t.Kind
}

// about are the compiled modules that speak about calls of a tool, in the order of
// their files.
func (r *revision) about(t *gateway.Tool) []*ast.Module {
	of := []address{{root: "gateway"}, {root: "servers", server: t.Server}}
	for _, root := range []string{"tools", "prompts", "resources"} {
		if a := (address{root, t.Server, t.Name}); a.kind() == t.Kind {
			of = append(of, a)
		}
	}
	var all []*ast.Module
	for _, a := range of {
		all = append(all, r.spoken[a]...)
	}
	slices.SortFunc(all, func(a, b *ast.Module) int { return strings.Compare(a.Package.Location.File, b.Package.Location.File) })
	return all
}

// kind is what the name of a package with one is the name of.
func (a address) kind() gateway.Kind {
	switch a.root {
	case "tools":
		return gateway.KindTool
	case "prompts":
		return gateway.KindPrompt
	case "resources":
		return gateway.KindResource
	}
	return ""
}

func isPublic(name string) bool { return slices.Contains(publicRules, name) }
