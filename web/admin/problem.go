package admin

import (
	"errors"
	"fmt"
	"net/http"

	"toolward/gateway"
	"toolward/web/problem"
)

// Problem is why an operation was not done, where that is no refusal of who
// asks: what they name is not there, or is not as they think.
type Problem struct {
	Status int
	Code   string
	Detail string
	Remedy string
	By     string                // who decided before, for code decided
	State  gateway.ApprovalState // and what
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

func malformed(detail string) error {
	return &Problem{Status: http.StatusBadRequest, Code: string(gateway.Malformed), Detail: detail}
}

// asProblem finds the problem in what an operation returned, nil if it is none.
func asProblem(err error) *Problem {
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, gateway.ErrNoApproval):
		return &Problem{Status: http.StatusNotFound, Code: "no_approval", Detail: err.Error()}
	case errors.Is(err, gateway.ErrNoDefinition):
		return &Problem{Status: http.StatusNotFound, Code: "no_definition", Detail: err.Error()}
	case errors.Is(err, gateway.ErrNoBlock):
		return &Problem{Status: http.StatusNotFound, Code: "no_block", Detail: err.Error()}
	case errors.Is(err, gateway.ErrNoSession):
		return &Problem{Status: http.StatusNotFound, Code: "no_session", Detail: err.Error()}
	case errors.Is(err, gateway.ErrNoMeter):
		return &Problem{Status: http.StatusNotFound, Code: "no_meter", Detail: err.Error(), Remedy: "see what there is with `toolward meters list`"}
	case errors.Is(err, gateway.ErrBadBlock):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_block", Detail: err.Error()}
	case errors.Is(err, gateway.ErrNoToken):
		return &Problem{Status: http.StatusNotFound, Code: "no_token", Detail: err.Error(), Remedy: "see what there is with `toolward token list`"}
	case errors.Is(err, gateway.ErrTokenTaken):
		return &Problem{Status: http.StatusConflict, Code: "taken", Detail: err.Error(), Remedy: "take another name, or `toolward token revoke` it first"}
	case errors.Is(err, gateway.ErrBadToken):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "bad_token", Detail: err.Error()}
	case errors.Is(err, gateway.ErrUnseen):
		return &Problem{Status: http.StatusConflict, Code: "changed", Detail: err.Error(), Remedy: "look at it again, and accept what you see"}
	case errors.Is(err, gateway.ErrUnfit):
		return &Problem{Status: http.StatusUnprocessableEntity, Code: "unfit", Detail: err.Error()}
	}
	return nil
}

// decided is the answer to whoever came second.
func decided(a gateway.Approval) error {
	detail := "it is " + string(a.State)
	if a.By != "" {
		detail = fmt.Sprintf("it is %s: %s decided at %s", a.State, a.By, a.Decided.UTC().Format("2006-01-02T15:04:05Z"))
	}
	if a.Note != "" {
		detail += " (" + a.Note + ")"
	}
	return &Problem{Status: http.StatusConflict, Code: "decided", Detail: detail, By: a.By, State: a.State}
}

// write answers with RFC 9457 problem details.
func (p *Problem) write(w http.ResponseWriter) {
	problem.Send(w, p.Status, struct {
		problem.Details
		By    string                `json:"by,omitempty"`
		State gateway.ApprovalState `json:"state,omitempty"`
	}{
		problem.Details{Type: "about:blank", Title: http.StatusText(p.Status), Status: p.Status, Detail: p.Detail, Code: p.Code, Reasons: []string{p.Detail}, Remedy: p.Remedy},
		p.By, p.State,
	})
}
