package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

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

// parking holds the calls that wait for an agent's retry, bounded in number
// and time.
type parking struct {
	most int
	ttl  time.Duration

	mu        sync.Mutex
	places    map[string]*place
	principal map[string]int
	closed    bool
}

type place struct {
	call  *parkedCall
	ask   *ask
	timer *time.Timer
}

func newParking(most int, ttl time.Duration) *parking {
	return &parking{most: most, ttl: ttl, places: map[string]*place{}, principal: map[string]int{}}
}

// put parks a call. One principal gets at most an eighth of the places.

func (p *parking) put(call *parkedCall, a *ask) (id string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owner := call.x.agent.Principal()
	if p.closed || len(p.places) >= p.most || p.principal[owner] >= max(1, p.most/8) {
		return "", false
	}
	p.principal[owner]++
	id = rand.Text()
	p.places[id] = &place{call: call, ask: a, timer: time.AfterFunc(p.ttl, func() {
		if at := p.take(id); at != nil {
			at.call.cancel()
		}
	})}
	return id, true
}

// take returns what is parked, once.
func (p *parking) take(id string) *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.places[id]
	if at != nil {
		p.clear(id, at)
	}
	return at
}

// clear frees a place; the caller holds the lock.
func (p *parking) clear(id string, at *place) {
	at.timer.Stop()
	delete(p.places, id)
	owner := at.call.x.agent.Principal()
	if p.principal[owner]--; p.principal[owner] == 0 {
		delete(p.principal, owner)
	}
}

func (p *parking) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for id, at := range p.places {
		p.clear(id, at)
		at.call.cancel()
	}
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
	args := jsontext.Value(append([]byte(nil), c.Args.Raw()...))
	_ = args.Canonicalize() // strictly parsed JSON has a canonical form
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
