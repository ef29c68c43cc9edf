package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"toolward/gateway"
)

// Question is an operation on the record. What can be asked of a record, and in
// which words, is its owner's to say; who may ask, how long an answer may take and
// how many are worked out at once, is said here.
type Question struct {
	ID      string // "audit.calls"
	Path    string // below [Prefix], with {names}
	Summary string
	Role    Role // the least that it takes; zero: [Viewer]
	Query   []Parameter
	Body    any      // pointer to a zero value of what is sent, which makes it a POST; nil for nothing
	Answer  any      // zero value of what comes back; nil for a [Text]
	Media   []string // of a [Text]: those that it may have
	Changes bool     // it changes the record, which is not broken off

	// Ask answers with a value, or with a [Text]. Its errors are a [*Problem], a
	// [*gateway.Refusal], or a fault.
	Ask func(context.Context, Asked) (any, error)
}

// Parameter is one of a question's query.
type Parameter struct {
	Name, About string
	Values      []string // nil for any text
}

// Asked is a question as somebody asks it.
type Asked struct {
	Query url.Values
	Path  func(name string) string
	Body  any
	By    gateway.Operator
}

// Text is an answer that is written as it comes, until its context ends: because the
// client left, its operator may not see it any more, or the gateway stops.
type Text struct {
	Media string // "application/jsonl"
	Write func(context.Context, io.Writer) error
}

const (
	questionTime   = 30 * time.Second // for an answer; it is broken off then
	questionsOnce  = 4                // that are worked out at the same time, for all operators
	questionsOwn   = 3                // and of those, for one
	questionsTexts = 64               // answers that are written as they come
)

func (h *Handler) questionOperations() (ops []operation) {
	for _, q := range h.opt.Record {
		op := operation{id: q.ID, method: http.MethodGet, path: q.Path, role: max(q.Role, Viewer), summary: q.Summary, body: q.Body, answer: q.Answer, media: q.Media}
		if q.Body != nil {
			op.method = http.MethodPost
		}
		for _, p := range q.Query {
			op.query = append(op.query, query{p.Name, p.About, p.Values})
		}
		op.run = func(r *request) (any, error) { return h.answer(r, q) }
		ops = append(ops, op)
	}
	return ops
}

// answer waits for its turn: whoever asks much waits for themselves, and calls have
// the processor that questions do not. Its time begins with the waiting.
func (h *Handler) answer(r *request, q Question) (any, error) {
	asked := Asked{Query: r.URL.Query(), Path: r.PathValue, Body: r.body, By: r.who.Operator}
	if q.Changes {
		return q.Ask(r.Context(), asked)
	}
	ctx, cancel := context.WithTimeout(r.Context(), questionTime)
	defer cancel()
	release, err := h.asking.Take(ctx, r.who.String(), 0)
	if err != nil {
		return nil, gateway.Refuse("admin", gateway.Overloaded, "too many questions are asked of the record")
	}
	defer release()
	v, err := q.Ask(ctx, asked)
	if err != nil && r.Context().Err() == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = &Problem{
			Status: http.StatusUnprocessableEntity, Code: "too_long", Detail: "there was no answer within " + questionTime.String(),
			Remedy: "ask for a shorter time, or for less",
		}
	}
	return v, err
}

// known refuses parameters that an operation does not have: what was asked with a
// slip must not read as what was found.
func (r *request) known(op operation) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("the query cannot be read: " + err.Error())
	}
	names := map[string][]string{}
	for _, p := range op.query {
		names[p.name] = p.values
	}
	for name := range q {
		if _, ok := names[name]; !ok {
			return malformed("this operation has no parameter " + printed(name))
		}
	}
	return nil
}
