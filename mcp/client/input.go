package client

import (
	"encoding/json"

	"toolward/gateway"
	"toolward/mcp"
)

// maxRounds is how often a server may ask for input in one call.
const maxRounds = 10

// asksInput reports whether a modern server wants input before it goes on, and
// the agent does not know this form: an agent of a legacy revision is asked by
// requests instead. A modern agent gets the result as it is.
func asksInput(call *gateway.Call, r *gateway.Result) bool {
	if call.Origin == nil || mcp.Modern(call.Protocol) {
		return false
	}
	kind, _ := r.Member("resultType")
	return mcp.Unquote(kind) == "input_required"
}

// giveInput asks the agent what the server wants to know and sends the call
// again with the answers, as MCP 2026-07-28 has it (multi round-trip
// requests). The server did not run the call: it said so.
func (c *Conn) giveInput(clock *clock, call *gateway.Call, r request, p params, result *gateway.Result) (*gateway.Result, error) {
	base := p.members
	for range maxRounds {
		o, err := gateway.Split(result.Raw)
		if err != nil {
			return nil, err
		}
		answers, refused, err := c.inputs(clock, call, o)
		if err != nil || refused != nil {
			return refused, err
		}
		p.members = append(base[:len(base):len(base)], gateway.Member{Name: "inputResponses", Value: answers})
		if state, ok := o.Get("requestState"); ok {
			p.members = append(p.members, gateway.Member{Name: "requestState", Value: state})
		}
		if result, err = c.exchange(clock, call, r, p); err != nil {
			return nil, err
		}
		if !asksInput(call, result) {
			return result, nil
		}
	}
	return nil, c.invalid("with one more request for input than a call may have")
}

// inputs asks the agent each of the requests in turn. If the agent answers one
// with an error, that ends the call: refused is what it is answered.
func (c *Conn) inputs(clock *clock, call *gateway.Call, o gateway.Object) (answers json.RawMessage, refused *gateway.Result, err error) {
	requests, err := o.Object("inputRequests")
	if err != nil {
		return nil, nil, c.invalid("inputRequests that are not an object")
	}
	var members []gateway.Member
	for _, m := range requests.Members() {
		ask, err := gateway.Split(m.Value)
		if err != nil {
			return nil, nil, c.invalid("an input request that is not an object")
		}
		method, _, err := ask.String("method")
		if err != nil {
			return nil, nil, c.invalid("an input request without a method")
		}
		params, _ := ask.Get("params")
		clock.pause()
		answer, err := call.Origin.Request(clock.ctx, call, method, params)
		clock.resume()
		if err != nil {
			return nil, nil, err
		}
		if answer.Error != nil {
			return nil, &gateway.Result{Error: answer.Error, IsError: true}, nil
		}
		members = append(members, gateway.Member{Name: m.Name, Value: answer.Raw})
	}
	return gateway.JoinMembers(members), nil, nil
}
