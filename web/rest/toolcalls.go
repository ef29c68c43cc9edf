package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"toolward/gateway"
	"toolward/web/problem"
)

// turn is what a model emitted at once.
type turn struct {
	calls []emitted
	cut   string // why the turn is not whole, "" if it is
}

// cutIf keeps the reason for which a provider ended a turn, if it is one that
// leaves it unfinished.
func (t *turn) cutIf(unfinished map[string]bool, reason string) {
	if unfinished[reason] {
		t.cut = reason
	}
}

// emitted is one tool call as a model emitted it.
type emitted struct {
	id     string // the model's own ID of the call, "" where its format has none
	name   string
	args   gateway.Args
	bad    *gateway.Refusal // why it cannot be run
	cut    bool             // its turn is not whole
	kind   string           // how it was written, where a format has several ways to
	caller json.RawMessage  // what the answer has to repeat; nil for nothing
}

// outcome is what became of one tool call: a result or a refusal.
type outcome struct {
	call    *gateway.Call
	result  *gateway.Result
	refusal *gateway.Refusal
}

// toolCalls runs the calls of one model turn, all at once, and answers with
// the messages to append, in the order of the calls.
func (h *Handler) toolCalls(w http.ResponseWriter, r *http.Request, agent *gateway.Agent) {
	turn := h.newCall(r, gateway.KindTool, "tool_calls")
	turn.Agent = agent
	format, calls, refusal := h.read(r, agent)
	var theirs []own
	if refusal == nil {
		calls, theirs, refusal = h.ours(format, calls, r.URL.Query()[local])
	}
	if refusal != nil {
		h.problem(w, r, h.opt.Road.Refused(r.Context(), turn, refusal), turn.ID)
		return
	}
	outcomes := make([]outcome, len(calls))
	var wg sync.WaitGroup
	for i, e := range calls {
		c := h.newCall(r, gateway.KindTool, "tools/call")
		c.Agent, c.Name, c.Args = agent, format.wireName(e.name), e.args
		wg.Go(func() { outcomes[i] = h.do(r.Context(), format, c, e.bad) })
	}
	wg.Wait()
	if len(outcomes) > 0 && allUnserved(outcomes) {
		h.problem(w, r, outcomes[0].refusal, outcomes[0].call.ID)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer(format, calls, outcomes, theirs))
}

// read decodes the body and finds out whose format it is.
func (h *Handler) read(r *http.Request, agent *gateway.Agent) (*format, []emitted, *gateway.Refusal) {
	raw, refusal := h.body(r, agent)
	if refusal != nil {
		return nil, nil, refusal
	}
	// A bare array of calls is wrapped, so that one strict parser sees both:
	// `[…]` -> `{"calls":[…]}`. It must be one value, or what stands after it
	// would be read as a member.
	wrapped := raw
	if trimmed := bytes.TrimSpace(raw); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := gateway.CheckJSON(raw); err != nil {
			return nil, nil, gateway.AsRefusal("surface", err)
		}
		wrapped = append(append([]byte(`{"calls":`), raw...), '}')
	}
	o, err := gateway.ParseObject(wrapped)
	if err != nil {
		return nil, nil, gateway.AsRefusal("surface", err)
	}
	want := r.URL.Query().Get("format")
	for i := range formats {
		f := &formats[i]
		if f.parse == nil || (want != "" && want != f.name) {
			continue
		}
		t := f.parse(o)
		switch {
		case len(t.calls) > h.opt.MaxCalls:
			return nil, nil, gateway.Refuse("surface", gateway.TooLarge, "one request may carry at most "+strconv.Itoa(h.opt.MaxCalls)+" tool calls")
		case len(t.calls) > 0:
			return f, t.runnable(), nil
		}
	}
	return nil, nil, gateway.Refuse("surface", gateway.Malformed,
		"no tool calls found: send what the model emitted (OpenAI tool_calls, Responses function_call items, Anthropic tool_use blocks, Gemini functionCall parts or Interactions function_call steps)")
}

// runnable are the calls, all refused if the turn is not whole.
func (t turn) runnable() []emitted {
	if t.cut != "" {
		for i := range t.calls {
			t.calls[i].bad, t.calls[i].cut = truncated(t.cut), true
		}
	}
	return t.calls
}

// allUnserved reports whether nothing ran for a reason that is the gateway's
// and passes: then the whole request is answered so, and clients that honour
// 429 and 503 wait.
func allUnserved(outcomes []outcome) bool {
	for _, o := range outcomes {
		if o.refusal == nil {
			return false
		}
		switch o.refusal.Code {
		case gateway.RateLimited, gateway.Overloaded, gateway.Unrecorded:
		default:
			return false
		}
	}
	return true
}

// decision tells a program what the messages tell the model.
type decision struct {
	ID         string   `json:"id,omitempty"` // the model's
	Call       string   `json:"call"`         // the record's
	Tool       string   `json:"tool"`
	Effect     string   `json:"effect"`
	Code       string   `json:"code,omitempty"`
	Reasons    []string `json:"reasons,omitempty"`
	Approval   string   `json:"approval,omitempty"`
	RetryAfter int      `json:"retry_after,omitempty"` // seconds
}

func answer(f *format, calls []emitted, outcomes []outcome, theirs []own) []byte {
	decisions := make([]decision, len(outcomes))
	for i, o := range outcomes {
		d := decision{ID: calls[i].id, Call: o.call.ID, Tool: calls[i].name, Effect: string(gateway.EffectAllow)}
		if o.refusal != nil {
			d.Effect, d.Code, d.Reasons = string(problem.Effect(o.refusal.Code)), string(o.refusal.Code), o.refusal.Reasons
			d.Approval = o.refusal.Approval
			d.RetryAfter = int(o.refusal.RetryAfter.Seconds() + 0.999)
		}
		decisions[i] = d
	}
	body := map[string]any{"format": f.name, "messages": []any{}, "decisions": decisions}
	if len(calls) > 0 {
		body["messages"] = f.messages(calls, outcomes)
	}
	if theirs != nil {
		body["local"] = theirs
	}
	return marshal(body)
}

// marshal writes JSON without escaping for HTML: the text is for a model.
func marshal(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("rest: value of ours does not encode: " + err.Error())
	}
	return bytes.TrimSpace(b.Bytes())
}
