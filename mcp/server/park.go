package server

import (
	"context"
	"encoding/json"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// parkedCall is a call of a stateless agent that can be asked: it runs apart
// from the request, which an input_required result ends while the call waits.
type parkedCall struct {
	x      *exchange // of the request that began it
	cancel context.CancelFunc
	asks   chan *ask
	done   chan outcome
}

// ask is one question of an upstream.
type ask struct {
	method string
	params json.RawMessage
	answer chan askAnswer // of capacity 1
}

type askAnswer struct {
	result *gateway.Result
	err    error
}

// parkable reports whether the request is a call of an agent that can be asked
// by an input_required result.
func (x *exchange) parkable() bool {
	switch x.msg.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodResourcesRead:
	default:
		return false
	}
	if !x.modern {
		return false
	}
	caps, err := x.meta.Object(mcp.MetaCapabilities)
	if err != nil {
		return false
	}
	for _, m := range caps.Members() {
		switch m.Name {
		case "elicitation", "sampling", "roots":
			return true
		}
	}
	return false
}

// runParkable runs the call on a goroutine of its own, and returns with its
// outcome or with its first question.
func (x *exchange) runParkable(ctx context.Context) outcome {
	callCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &parkedCall{x: x, cancel: cancel, asks: make(chan *ask), done: make(chan outcome, 1)}
	x.park.Store(p)
	x.srv.done.Go(func() {
		defer cancel()
		p.done <- x.guarded(callCtx)
	})
	return x.follow(ctx, p)
}

// follow waits for what a parkable call does next. The agent that goes away
// while its request is open cancels the call.
func (x *exchange) follow(ctx context.Context, p *parkedCall) outcome {
	for {
		select {
		case o := <-p.done:
			return o
		case a := <-p.asks:
			if o, ok := x.inputRequired(p, a); ok {
				return o
			}
			a.answer <- askAnswer{err: gateway.Refuse("surface", gateway.Overloaded, "too many calls wait for answers of agents")}
		case <-ctx.Done():
			p.cancel()
			return <-p.done
		}
	}
}

// askByResult asks a stateless agent: its request is answered with the
// question, and its retry with the answer.
func (x *exchange) askByResult(ctx context.Context, method string, params json.RawMessage) (*gateway.Result, error) {
	p := x.park.Load()
	if p == nil {
		return nil, gateway.Refuse("surface", gateway.Unsupported, "the agent cannot be asked during "+x.msg.Method)
	}
	a := &ask{method: method, params: params, answer: make(chan askAnswer, 1)}
	select {
	case p.asks <- a:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case got := <-a.answer:
		return got.result, got.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// askName is the key of the question in inputRequests.
const askName = "gw-1"

// inputRequired parks the call and makes the result that asks the agent.
func (x *exchange) inputRequired(p *parkedCall, a *ask) (outcome, bool) {
	id, ok := x.srv.parked.put(p, a)
	if !ok {
		return outcome{}, false
	}
	c, _ := x.newCall() // it was valid when the call began
	question := []gateway.Member{{Name: "method", Value: mcp.Quote(a.method)}}
	if a.params != nil {
		question = append(question, gateway.Member{Name: "params", Value: a.params})
	}
	state := x.srv.seal.close(parkedState+id, time.Now().Add(x.srv.opt.ParkTTL), x.statePurpose(c)...)
	return outcome{result: gateway.JoinMembers([]gateway.Member{
		{Name: "resultType", Value: json.RawMessage(`"input_required"`)},
		{Name: "inputRequests", Value: gateway.JoinMembers([]gateway.Member{{Name: askName, Value: gateway.JoinMembers(question)}})},
		{Name: "requestState", Value: mcp.Quote(state)},
	})}, true
}

// resume goes on with a parked call, with the answer in the retry's
// inputResponses. Without one, the question is asked again.
func (x *exchange) resume(ctx context.Context, id string) outcome {
	at := x.srv.parked.take(id)
	if at == nil {
		return x.refuseParams(ctx, "the call that waited for this answer is over: send it again without requestState")
	}
	answers, err := x.params.Object("inputResponses")
	answer, has := answers.Get(askName)
	if err != nil || !has || answer[0] != '{' {
		o, ok := x.inputRequired(at.call, at.ask)
		if !ok {
			at.call.cancel()
			return x.refuse(ctx, gateway.Refuse("surface", gateway.Overloaded, "too many calls wait for answers of agents"))
		}
		return o
	}
	at.call.x.out.Store(x.out.Load())
	at.ask.answer <- askAnswer{result: &gateway.Result{Raw: answer}}
	return x.follow(ctx, at.call)
}
