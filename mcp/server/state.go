package server

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// What a sealed requestState holds: the ID of a parked call, or the state that
// an upstream gave.
const (
	parkedState   = "p"
	upstreamState = "u"
	// stateTTL is how long an upstream's requestState can be sent back.
	stateTTL = time.Hour
)

// statePurpose binds a requestState to who asked for what.
func (x *exchange) statePurpose(c *gateway.Call) []string {
	args, _ := gateway.Canonical(c.Args.Raw()) // strictly parsed JSON has a canonical form
	sum := sha256.Sum256(args)
	return []string{"state", x.agent.Principal(), x.server, c.Method, c.Name, string(sum[:])}
}

// unsealState replaces the requestState of a retry by the upstream's own.
// Agents only ever hold sealed ones, so that no agent can use, or change, what
// another was given: the upstream cannot tell them apart. parked is the ID of
// the parked call if that is what the state names.
func (x *exchange) unsealState(c *gateway.Call) (parked, reason string) {
	for i, m := range c.Extra {
		if m.Name != "requestState" {
			continue
		}
		content, err := x.srv.seal.open(mcp.Unquote(m.Value), time.Now(), x.statePurpose(c)...)
		if err != nil || content == "" {
			return "", "requestState is not valid for this request, or has expired: send the request again without it"
		}
		if content[:1] == parkedState {
			return content[1:], ""
		}
		c.Extra[i].Value = mcp.Quote(content[1:])
	}
	return "", ""
}

// sealState seals the requestState of an upstream's input_required result.
func (x *exchange) sealState(c *gateway.Call, result json.RawMessage) json.RawMessage {
	if !x.modern || !mayHold(result, "requestState") {
		return result
	}
	o, err := gateway.Split(result)
	if err != nil {
		return result
	}
	state, has, err := o.String("requestState")
	if kind, _, _ := o.String("resultType"); err != nil || !has || kind != "input_required" {
		return result
	}
	closed := x.srv.seal.close(upstreamState+state, time.Now().Add(stateTTL), x.statePurpose(c)...)
	return edit(result, gateway.Edit{Where: "/requestState", With: closed})
}
