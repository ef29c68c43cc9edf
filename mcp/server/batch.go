package server

import (
	"context"
	"encoding/json"
	"net/http"

	"toolward/gateway"
	"toolward/mcp"
)

// maxBatch bounds the elements of a batch.
const maxBatch = 64

// splitBatch cuts a JSON-RPC batch into its messages. The strict parser sees
// each of them by itself.
func splitBatch(body []byte) ([]json.RawMessage, *gateway.Refusal) {
	if err := gateway.CheckJSON(body); err != nil {
		return nil, gateway.AsRefusal("surface", err)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(body, &elements); err != nil || len(elements) == 0 {
		return nil, gateway.Refuse("surface", gateway.Malformed, "a batch must not be empty")
	}
	if len(elements) > maxBatch {
		return nil, gateway.Refuse("surface", gateway.TooLarge, "the batch has more than "+itoa(maxBatch)+" messages")
	}
	return elements, nil
}

// batch serves the messages of a batch one after the other, each as if it had
// come alone but for the form of its answer (MCP 2025-03-26 basic; JSON-RPC 2.0
// section 6).
func (v *visit) batch(body []byte) {
	lead := v.exchange()
	lead.msg.Method = "batch"
	ctx := v.r.Context()
	if o, ok := lead.enter(ctx); !ok {
		v.write(lead, o)
		return
	}
	if lead.modern || lead.revision != mcp.Revision20250326 {
		v.write(lead, lead.refuse(ctx, gateway.Refuse("surface", gateway.Malformed, "only revision 2025-03-26 has batches")))
		return
	}
	elements, refusal := splitBatch(body)
	if refusal != nil {
		v.write(lead, lead.refuse(ctx, refusal))
		return
	}
	ctx, cancel := v.callContext(lead)
	defer cancel()
	p := v.newPostStream(lead)
	lead.out.Store(p.stream)
	defer p.openLater(v.srv.opt.KeepAlive)()
	var answers []json.RawMessage
	for _, element := range elements {
		if answer := v.element(ctx, lead, element); answer != nil {
			answers = append(answers, answer)
		}
	}
	switch unstarted := p.closeUnstarted(); {
	case unstarted && answers == nil:
		v.w.WriteHeader(http.StatusAccepted)
	case unstarted:
		whole, _ := json.Marshal(answers) // each is JSON: cannot fail
		v.json(http.StatusOK, whole)
	default:
		for _, a := range answers {
			_ = p.send(a, true, false) // it is open, and takes every answer
		}
		p.close()
		<-p.done
		lead.session.trimStreams()
	}
}

// element serves one message of a batch; nil if it wants no answer.
func (v *visit) element(ctx context.Context, lead *exchange, raw json.RawMessage) json.RawMessage {
	x := v.exchange()
	x.session, x.revision = lead.session, lead.revision
	x.out.Store(lead.out.Load())
	o, ok := x.read(ctx, raw)
	switch {
	case !ok:
	case x.msg.IsResponse():
		x.response()
		return nil
	case x.msg.IsNotification():
		x.note(ctx)
		return nil
	case x.msg.Method == mcp.MethodInitialize:
		o = x.refuse(ctx, gateway.Refuse("surface", gateway.Malformed, "initialize must not be part of a batch"))
	default:
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if refusal := x.session.begin(x.msg.ID, cancel); refusal != nil {
			o = x.refuse(ctx, refusal)
			break
		}
		defer x.session.running.Done()
		o = x.answer(ctx)
		x.session.end(x.msg.ID)
	}
	body, _ := x.encode(o)
	return body
}
