package server

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// What a sealed requestState holds: the ID of a parked call, or the round that
// an upstream began ([gateway.Round]).
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

// unsealState opens the requestState of a retry, which agents only ever hold
// sealed: no agent can use, or change, what another was given, nor answer what
// was not asked. parked is the ID of the parked call if that is what the state
// names; else the call goes on from the round that the state holds.
func (x *exchange) unsealState(c *gateway.Call) (parked string, err error) {
	state, has := x.params.Get(memberState)
	if !has {
		return "", nil
	}
	content, err := x.srv.seal.open(mcp.Unquote(state), time.Now(), x.statePurpose(c)...)
	if err != nil || content == "" {
		return "", malformed("requestState is not valid for this request, or has expired: send the request again without it")
	}
	if content[:1] == parkedState {
		return content[1:], nil
	}
	c.Round = new(gateway.Round)
	return "", json.Unmarshal([]byte(content[1:]), c.Round)
}

// sealState gives an input_required result the sealed state of its round,
// instead of the upstream's own.
func (x *exchange) sealState(c *gateway.Call, result json.RawMessage) json.RawMessage {
	if c.Asks == nil {
		return result
	}
	round, _ := json.Marshal(c.Asks) // strings and checked JSON: cannot fail
	closed := x.srv.seal.close(upstreamState+string(round), time.Now().Add(stateTTL), x.statePurpose(c)...)
	if c.Asks.State != nil {
		return edit(result, gateway.Edit{Where: "/" + memberState, With: closed})
	}
	return addMissing(result, []gateway.Member{{Name: memberState, Value: mcp.Quote(closed)}})
}
