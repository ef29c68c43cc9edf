package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"toolward/gateway"
	"toolward/mcp"
)

// maxBatch bounds the elements of a batch.
const maxBatch = 64

// isBatch reports whether a body is a JSON array.
func isBatch(body []byte) bool {
	first := bytes.TrimLeft(body, " \t\r\n")
	return len(first) > 0 && first[0] == '['
}

// splitBatch cuts a JSON-RPC batch into its messages, for an agent of a revision
// that has them. The strict parser sees each of them by itself.
func splitBatch(revision string, body []byte) ([]json.RawMessage, *gateway.Refusal) {
	if revision != mcp.Revision20250326 {
		return nil, gateway.Refuse("surface", gateway.Malformed, "only revision 2025-03-26 has batches")
	}
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
	elements, refusal := splitBatch(lead.revision, body)
	if refusal != nil {
		v.write(lead, lead.refuse(ctx, refusal))
		return
	}
	p := v.newPostStream(lead)
	lead.out = p
	ctx, cancel := lead.bond.callContext(v.r.Context(), p)
	defer cancel()
	defer p.openLater(v.srv.opt.KeepAlive)()
	answers := v.elements(ctx, lead, elements)
	switch unstarted := p.closeUnstarted(); {
	case unstarted && answers == nil:
		v.w.WriteHeader(http.StatusAccepted)
	case unstarted:
		whole := append([]byte{'['}, bytes.Join(answers, []byte{','})...) // as they were written
		v.json(http.StatusOK, append(whole, ']'))
	default:
		for _, a := range answers {
			_ = p.send(a, true, false) // it is open, and takes every answer
		}
		p.close()
		<-p.done
		lead.bond.leave(p.stream)
	}
}

// elements serves the messages of a batch and returns their answers in order.
// Requests are known before the first of them runs, so that a cancellation
// that comes with its request is not lost; then they run one after the other.
func (v *visit) elements(ctx context.Context, lead *exchange, elements []json.RawMessage) [][]byte {
	var answers []func() []byte
	for _, element := range elements {
		if answer := v.element(ctx, lead, element); answer != nil {
			answers = append(answers, answer)
		}
	}
	var sent [][]byte
	for _, answer := range answers {
		sent = append(sent, answer())
	}
	return sent
}

// element takes one message of a batch. What it returns serves it, nil if it
// wants no answer, and has to be called.
func (v *visit) element(ctx context.Context, lead *exchange, raw json.RawMessage) (answer func() []byte) {
	x := v.exchange()
	x.era, x.bond, x.revision, x.out = lead.era, lead.bond, lead.revision, lead.out
	var o outcome
	code, err := x.read(raw)
	switch {
	case err != nil:
		o = x.refuseAs(ctx, gateway.AsRefusal("surface", err), code, 0)
	case x.msg.IsResponse():
		x.bond.answered(x.msg)
		return nil
	case x.msg.IsNotification():
		x.bond.note(ctx, x)
		return nil
	case x.msg.Method == mcp.MethodInitialize:
		o = x.refuse(ctx, gateway.Refuse("surface", gateway.Malformed, "initialize must not be part of a batch"))
	default:
		ctx, cancel := context.WithCancel(ctx)
		refusal := x.begin(cancel)
		if refusal == nil {
			return func() []byte {
				defer x.bond.sent()
				defer cancel()
				return x.serve(ctx)
			}
		}
		o = x.refuseBegin(ctx, refusal)
		cancel()
	}
	return func() []byte {
		body, _ := x.encode(o)
		return body
	}
}

// serve answers a request that was begun.
func (x *exchange) serve(ctx context.Context) []byte {
	o := x.answer(ctx)
	x.bond.end(x.msg.ID)
	body, _ := x.encode(o)
	return body
}
