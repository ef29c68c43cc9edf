package server

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"toolward/gateway"
	"toolward/mcp"
)

// exchange is one message of an agent, and everything that its answer depends on.
type exchange struct {
	srv     *Server
	agent   *gateway.Agent
	surface gateway.Surface
	peer    string      // host of the peer
	server  string      // the endpoint's upstream, "" on /mcp
	header  http.Header // nil where there is none
	// How it speaks, and to whom; see "The modes of an exchange".
	era      era
	bond     bond
	revision string // what the agent speaks, "" while that is not known

	msg    mcp.Message
	params gateway.Object
	meta   gateway.Object

	// out is where what belongs to this request goes; nil if it cannot. It is
	// set before the request is answered.
	out outlet
	// park is the call that this request began, if it can be parked. It is set
	// before the call runs.
	park *parkedCall
	// cancelled says that the agent wants to hear no more of its request.
	cancelled atomic.Bool
}

// exchange is a message that is not read yet, and belongs to no session.
func (s *Server) exchange(a *gateway.Agent, sur gateway.Surface, peer, server string) *exchange {
	return &exchange{srv: s, agent: a, surface: sur, peer: peer, server: server, era: legacy{}, bond: alone{s}}
}

// join puts the exchange into a session.
func (x *exchange) join(ss *session) {
	x.era, x.bond, x.revision = legacy{}, ss, ss.said().revision
}

// standAlone makes it one of a stateless agent, whatever connection it is on.
func (x *exchange) standAlone(revision string) { x.era, x.revision = modern{}, revision }

// begin is [bond] begin for this request.
func (x *exchange) begin(cancel context.CancelFunc) *gateway.Refusal {
	return x.bond.begin(x.msg.ID, func() {
		x.cancelled.Store(true)
		cancel()
	})
}

// newCallOf begins the call of this exchange.
func (x *exchange) newCallOf(kind gateway.Kind, method string) *gateway.Call {
	c := gateway.NewCall(x.surface, kind, method)
	c.Protocol, c.Peer, c.Agent, c.Server = x.revision, x.peer, x.agent, x.server
	return c
}

// outcome is what a request comes to: one of result, failure and refusal.
type outcome struct {
	result  json.RawMessage  // complete for the agent's revision
	failure json.RawMessage  // a JSON-RPC error object
	refusal *gateway.Refusal // and the ID of the call that it is about
	call    string
	code    int // JSON-RPC code in place of the table's, 0 for the table's
	status  int // HTTP status in place of the table's, 0 for the table's
}

// Members of params that the gateway reads. One that differs from them only in
// case is refused.
var knownParams = []string{
	"_meta", "name", "arguments", "uri", "cursor", "ref", "argument", "context", "task", "taskId", "level",
	"requestId", "inputResponses", "requestState", "notifications", "protocolVersion", "capabilities", "clientInfo",
}

// decode splits params and _meta.
func (x *exchange) decode() error {
	if x.msg.Params != nil {
		var err error
		if x.msg.Body != nil {
			x.params = *x.msg.Body
		} else if x.params, err = gateway.Split(x.msg.Params); err != nil {
			return err
		}
		if err := x.params.RefuseFolded(knownParams...); err != nil {
			return err
		}
		if x.meta, err = x.params.Object("_meta"); err != nil {
			return err
		}
	}
	return nil
}

// metaString is a string member of _meta, "" if it is missing or no string.
func (x *exchange) metaString(name string) string {
	raw, _ := x.meta.Get(name)
	return mcp.Unquote(raw)
}

// answer is [exchange.answerTo], apart from the request where the agent may
// have to be asked.
func (x *exchange) answer(ctx context.Context) outcome {
	if ctx.Err() != nil {
		return x.refuseBegin(ctx, gateway.Refuse("surface", gateway.Cancelled, "the agent cancelled the request before it began"))
	}
	if x.era.parkable(x) {
		return x.runParkable(ctx)
	}
	return x.guarded(ctx)
}

// guarded turns a panic into a refusal: one call must not end the others.
func (x *exchange) guarded(ctx context.Context) (o outcome) {
	defer func() {
		if p := recover(); p != nil {
			x.srv.log.Error("panic", "method", clip(x.msg.Method), "panic", p, "stack", string(debug.Stack()))
			o = x.refuse(context.WithoutCancel(ctx), gateway.Refuse("surface", gateway.Internal, "the gateway failed on this request"))
		}
	}()
	return x.answerTo(ctx)
}

// answerTo does what a request asks for. It has no other effect on the agent
// than what it sends through x.out.
func (x *exchange) answerTo(ctx context.Context) outcome {
	answer := methods[x.msg.Method]
	if answer == nil || !x.era.has(x.msg.Method) {
		return x.unknownMethod(ctx)
	}
	return answer(x, ctx)
}

func (x *exchange) unknownMethod(ctx context.Context) outcome {
	return x.refuse(ctx, gateway.Refuse("surface", gateway.Unsupported, "the method "+clip(x.msg.Method)+" is not offered"))
}

// charge takes from the agent's limit what a call takes, for what is work but
// no call.
func (x *exchange) charge(ctx context.Context) *gateway.Refusal {
	return x.srv.road.Charge(ctx, x.newCallOf(gateway.KindLifecycle, clip(x.msg.Method)))
}

// refuse records a refusal that is not about a call on the road. It takes from
// the agent's limit like a call: a flood of broken messages is one of calls.
func (x *exchange) refuse(ctx context.Context, r *gateway.Refusal) outcome {
	if over := x.charge(ctx); over != nil {
		r = over
	}
	return x.refused(ctx, r)
}

// refused is [exchange.refuse] for what was charged already.
func (x *exchange) refused(ctx context.Context, r *gateway.Refusal) outcome {
	c := x.newCallOf(gateway.KindLifecycle, x.msg.Method)
	return outcome{refusal: x.srv.road.Refused(ctx, c, r), call: c.ID}
}

// refuseAs is [exchange.refuse] with another JSON-RPC code and HTTP status than
// the table's (0 for the table's), unless something else refused before.
func (x *exchange) refuseAs(ctx context.Context, r *gateway.Refusal, code, status int) outcome {
	o := x.refuse(ctx, r)
	if o.refusal == r {
		o.code, o.status = code, status
	}
	return o
}

// refuseParams is a refusal of well-formed JSON that is not what the method takes.
func (x *exchange) refuseParams(ctx context.Context, reason string) outcome {
	return x.refuseAs(ctx, gateway.Refuse("surface", gateway.Malformed, reason), mcp.CodeInvalidParams, 0)
}

// translateError gives an upstream's error the code that the agent's revision
// has for it. All else stays as it was written.
func (x *exchange) translateError(failure json.RawMessage) (json.RawMessage, int) {
	code := mcp.ErrorCode(failure)
	other := x.era.errorCode(code)
	if other == code {
		return failure, code
	}
	return replaceMember(failure, "code", json.RawMessage(itoa(other))), other
}

// clip bounds what an agent's text adds to a message or a record.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
