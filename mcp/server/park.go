package server

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// parkedCall is a call of an agent that can be asked only by an input_required
// result (MCP 2026-07-28, multi round-trip requests). It runs apart from the
// requests that carry it one after the other: the first, and the retries.
//
//	          question            no other comes: input_required
//	carried ───────────▶ asking ────────────────────────▶ parked
//	   ▲                    │ withdrawn                     │
//	   ├────────────────────┘                               │
//	   └──────────────────── retry with answers ────────────┘
//
//	any ── the upstream's answer ──▶ over; where it is parked, the retry gets it
//	any ── its request is closed, ParkTTL, Close ──▶ cancelled, then over
//
// Questions may come at any time, several at once too: those that are on their
// way together come in one result, and each retry is asked what is open then. What the upstream tells while the call is parked comes with the
// retry. It is safe for concurrent use.
type parkedCall struct {
	x      *exchange // of the request that began it
	cancel context.CancelFunc
	asked  chan struct{} // of capacity 1: there may be a question
	done   chan outcome  // of capacity 1
	coming atomic.Int32  // questions that are being judged or are open, and answers that are being judged

	mu      sync.Mutex
	carrier *exchange // of the request that is open now; nil while parked
	open    []*ask    // questions without an answer, oldest first
	asks    int       // questions so far
	told    []told    // while parked, oldest first
	bytes   int       // of told
}

// ask is one question of an upstream.
type ask struct {
	name   string // its key in inputRequests
	method string
	params json.RawMessage
	answer chan json.RawMessage // of capacity 1
}

// told is a notification that came while nobody listened.
type told struct {
	method string
	params json.RawMessage
}

// Bounds of what is told while a call is parked: the oldest makes room.
const (
	maxTold      = 256
	maxToldBytes = 256 << 10
)

// Questions that come together are put together: the agent is not asked the
// first before none has come for a moment, nor longer than that if one is long
// in being judged.
const (
	gatherQuiet = 50 * time.Millisecond
	gatherMost  = time.Second
)

// runParkable runs the call on a goroutine of its own, and returns with its
// outcome or with its first questions.
func (x *exchange) runParkable(ctx context.Context) outcome {
	callCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &parkedCall{x: x, carrier: x, cancel: cancel, asked: make(chan struct{}, 1), done: make(chan outcome, 1)}
	x.park = p
	x.srv.done.Go(func() {
		defer cancel()
		p.done <- x.guarded(callCtx)
	})
	return x.follow(ctx, p)
}

// follow carries a call until its outcome is there or it asks something. The
// agent that goes away while its request is open cancels the call.
func (x *exchange) follow(ctx context.Context, p *parkedCall) outcome {
	for {
		select {
		case o := <-p.done:
			return o
		case <-p.asked:
			if over := p.gather(ctx); over != nil {
				return *over
			}
			if ctx.Err() != nil {
				continue
			}
			if o, parked := x.inputRequired(p); parked {
				return o
			}
		case <-ctx.Done():
			p.cancel()
			return <-p.done
		}
	}
}

// gather waits for the questions that come with the one that is there. It
// returns the call's outcome if that comes first.
func (p *parkedCall) gather(ctx context.Context) *outcome {
	late := time.NewTimer(gatherMost)
	defer late.Stop()
	quiet := time.NewTimer(gatherQuiet)
	defer quiet.Stop()
	for {
		select {
		case <-p.asked:
			quiet.Reset(gatherQuiet)
		case <-quiet.C:
			p.mu.Lock()
			all := int(p.coming.Load()) <= len(p.open)
			p.mu.Unlock()
			if all {
				return nil
			}
			quiet.Reset(gatherQuiet)
		case o := <-p.done:
			return &o
		case <-late.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// request asks the agent, and waits for the retry that answers.
func (p *parkedCall) request(ctx context.Context, method string, params json.RawMessage) (*gateway.Result, error) {
	a := &ask{method: method, params: params, answer: make(chan json.RawMessage, 1)}
	p.mu.Lock()
	p.asks++
	a.name = "gw-" + itoa(p.asks)
	p.open = append(p.open, a)
	p.mu.Unlock()
	p.poke()
	select {
	case raw := <-a.answer:
		if raw == nil {
			return nil, gateway.Refuse("surface", gateway.Overloaded, "too many calls wait for answers of agents")
		}
		return &gateway.Result{Raw: raw}, nil
	case <-ctx.Done():
		p.mu.Lock()
		p.open = slices.DeleteFunc(p.open, func(b *ask) bool { return a == b })
		p.mu.Unlock()
		return nil, ctx.Err()
	}
}

func (p *parkedCall) poke() {
	select {
	case p.asked <- struct{}{}:
	default:
	}
}

// inputRequired parks the call and makes the result that asks the agent what is
// open; parked is false if nothing is, or if there is no room: then whoever
// asked is told so.
func (x *exchange) inputRequired(p *parkedCall) (o outcome, parked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) == 0 {
		return outcome{}, false
	}
	id, ok := x.srv.parked.put(p)
	if !ok {
		for _, a := range p.open {
			a.answer <- nil
		}
		p.open = nil
		return outcome{}, false
	}
	p.carrier = nil
	c, _ := x.newCall() // it was valid when the call began
	var requests []gateway.Member
	for _, a := range p.open {
		question := []gateway.Member{{Name: "method", Value: mcp.Quote(a.method)}}
		if a.params != nil {
			question = append(question, gateway.Member{Name: "params", Value: a.params})
		}
		requests = append(requests, gateway.Member{Name: a.name, Value: gateway.JoinMembers(question)})
	}
	state := x.srv.seal.close(parkedState+id, time.Now().Add(x.srv.opt.ParkTTL), x.statePurpose(c)...)
	return outcome{result: gateway.JoinMembers([]gateway.Member{
		{Name: "resultType", Value: json.RawMessage(`"input_required"`)},
		{Name: "inputRequests", Value: gateway.JoinMembers(requests)},
		{Name: "requestState", Value: mcp.Quote(state)},
	})}, true
}

// resume goes on with a parked call, with the answers in the retry's
// inputResponses. What they leave open is asked again.
func (x *exchange) resume(ctx context.Context, id string) outcome {
	answers, err := x.params.Object("inputResponses")
	if err != nil || len(answers.Members()) == 0 {
		// It moves nothing, and could be sent for ever.
		if over := x.charge(ctx); over != nil {
			return x.refused(ctx, over)
		}
	}
	p := x.srv.parked.take(id)
	if p == nil {
		return x.refuseParams(ctx, "no call waits for this answer: it was given already, or the call is over")
	}
	p.carry(x, answers)
	return x.follow(ctx, p)
}

// carry takes a retry for the call's request, with its answers, and tells it
// what it missed.
func (p *parkedCall) carry(x *exchange, answers gateway.Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.carrier = x
	for _, t := range p.told {
		_ = p.tell(t) // it is gone if the agent takes no streams
	}
	p.told, p.bytes = nil, 0
	p.open = slices.DeleteFunc(p.open, func(a *ask) bool {
		answer, has := answers.Get(a.name)
		if has = has && answer[0] == '{'; has {
			a.answer <- answer
		}
		return has
	})
	if len(p.open) > 0 {
		p.poke()
	}
}

// notify tells the agent something, now or with its retry.
func (p *parkedCall) notify(method string, params json.RawMessage) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := told{method, params}
	if p.carrier != nil {
		return p.tell(t)
	}
	p.told, p.bytes = append(p.told, t), p.bytes+len(params)
	for len(p.told) > maxTold || p.bytes > maxToldBytes {
		p.bytes -= len(p.told[0].params)
		p.told = slices.Delete(p.told, 0, 1)
	}
	return nil
}

// tell sends a notification on the request that is open. Progress names the
// token of that request: the one of an earlier request is not valid any more,
// and an agent that gave none now wants none (basic/utilities/progress). The
// caller holds the lock.
func (p *parkedCall) tell(t told) error {
	if t.method == mcp.NoteProgress && p.carrier != p.x {
		token, wanted := p.carrier.meta.Get(mcp.MetaProgressToken)
		if !wanted {
			return nil
		}
		t.params = replaceMember(t.params, mcp.MetaProgressToken, token)
	}
	return p.carrier.emit(mcp.AppendNotification(nil, t.method, t.params), false)
}

// speaker is the exchange that says how the agent wants to be told things now.
func (x *exchange) speaker() *exchange {
	if x.park == nil {
		return x
	}
	x.park.mu.Lock()
	defer x.park.mu.Unlock()
	if x.park.carrier == nil {
		return x
	}
	return x.park.carrier
}
