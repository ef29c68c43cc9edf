package policy

import (
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Asks reports whether the policy in force could let an upstream ask agents
// something (sampling, elicitation, roots): whether its package reverse.SERVER
// has a rule that can allow. A server for which none has is not told that it
// may ask.
func (e *Engine) Asks(server string) bool {
	asks := e.current.Load().mayAsk
	return asks == nil || asks[server]
}

// asking are the servers whose packages reverse.SERVER can allow, nil if it may
// be any of them: a library of the operator's own, or a data document with
// reverse in it, decides by rules that only an evaluation finds.
func asking(s *sources, modules map[string]*ast.Module) map[string]bool {
	if _, inData := s.data["reverse"]; s.own || inData {
		return nil
	}
	servers := map[string]bool{}
	for m := range maps.Values(modules) {
		a, ok := addressOf(m.Package)
		if !ok || a.root != "reverse" {
			continue
		}
		for _, r := range m.Rules {
			if name := r.Head.Ref()[0].Value.String(); (name == "allow" || name == "approve") && !refuses(r) {
				servers[a.server] = true
			}
		}
	}
	return servers
}

// refuses reports whether a rule says false whatever is asked: `default allow
// := false`, which many policies begin with.
func refuses(r *ast.Rule) bool {
	return r.Head.Value != nil && r.Head.Value.Value.Compare(ast.Boolean(false)) == 0
}
