package admin

import (
	"net/http"
	"slices"
	"strings"

	"toolward/gateway"
)

// Done is what a command of this machine did to the gateway's files, beside which
// the record lies: a token was made, an exception of guard's, a login.
type Done struct {
	What   string         `json:"what"`   // type of the event
	Detail map[string]any `json:"detail"` // of its body; who did it is added
}

// Noted is who a doing is recorded under.
type Noted struct {
	By gateway.Operator `json:"by"`
}

// doings are the events that commands may say of themselves. All others come from
// what happened in this process.
var doings = []string{"guard.excepted", "guard.exception_removed", "token.minted", "upstream.login"}

func (h *Handler) noteOperations() []operation {
	return []operation{{
		id: "notes.add", method: http.MethodPost, path: "notes", role: Admin, local: true, body: &Done{}, answer: Noted{}, run: h.note,
		summary: "Put on record what a command did to the gateway's files; for the operator of this machine only",
	}}
}

func (h *Handler) note(r *request) (any, error) {
	done := r.body.(*Done)
	if !slices.Contains(doings, done.What) {
		return nil, malformed("what is one of " + strings.Join(doings, ", "))
	}
	if done.Detail == nil {
		return nil, malformed("what was done is not said")
	}
	done.Detail["by"] = r.who.Operator
	if err := h.opt.Note(r.Context(), done.What, done.Detail); err != nil {
		return nil, err
	}
	return Noted{r.who.Operator}, nil
}
