package admin

import (
	"errors"
	"slices"
	"strings"

	"toolward/gateway"
)

// ApprovalList is what a list answers with.
type ApprovalList struct {
	Approvals []ListedApproval `json:"approvals"`
}

// ListedApproval is an approval in a list. Arguments that are too long for one
// are left out; showing it shows them.
type ListedApproval struct {
	gateway.Approval
	Bytes int  `json:"bytes"`         // of what it would send
	Cut   bool `json:"cut,omitempty"` // args and beside are left out
}

// Decision is what comes with one.
type Decision struct {
	Note string `json:"note,omitempty"` // why, for the record; a denial's is shown to the agent
}

// states that a list can ask for.
var states = []string{
	string(gateway.ApprovalOpen), string(gateway.ApprovalGiven), string(gateway.ApprovalRefused),
	string(gateway.ApprovalUsed), string(gateway.ApprovalRevoked), string(gateway.ApprovalExpired),
}

const (
	mostListed = 1000     // approvals in a list
	mostShown  = 16 << 10 // bytes of arguments of each
	mostNote   = 2000     // bytes of a note
)

// filter says which approvals are listed.
type filter struct {
	state       gateway.ApprovalState // "" is all
	agent, tool string
}

func (f filter) holds(a gateway.Approval) bool {
	return (f.state == "" || a.State == f.state) && (f.agent == "" || a.Agent == f.agent) && (f.tool == "" || a.Tool == f.tool)
}

func (h *Handler) listApprovals(r *request) (any, error) {
	q := r.URL.Query()
	f := filter{state: gateway.ApprovalOpen, agent: q.Get("agent"), tool: q.Get("tool")}
	switch s := q.Get("state"); {
	case s == "all":
		f.state = ""
	case s != "" && !slices.Contains(states, s):
		return nil, malformed("state is all, " + strings.Join(states, ", "))
	case s != "":
		f.state = gateway.ApprovalState(s)
	}
	goesOn, err := r.flag("watch")
	if err != nil {
		return nil, err
	}
	if goesOn {
		return h.watchApprovals(r, f), nil
	}
	list, err := h.approvals(r, f)
	return ApprovalList{list}, err
}

func (h *Handler) approvals(r *request, f filter) ([]ListedApproval, error) {
	all, err := h.opt.Approvals.Approvals(r.Context(), f.state, 10*mostListed)
	if err != nil {
		return nil, err
	}
	list := make([]ListedApproval, 0, min(len(all), mostListed))
	for _, a := range all {
		if f.holds(a) && len(list) < mostListed {
			list = append(list, listed(a))
		}
	}
	return list, nil
}

func listed(a gateway.Approval) ListedApproval {
	l := ListedApproval{Approval: a, Bytes: len(a.Args) + len(a.Beside)}
	if l.Bytes > mostShown {
		l.Args, l.Beside, l.Cut = nil, nil, true
	}
	return l
}

// watchApprovals emits those that the filter holds for, oldest first, then each
// again whenever its state changes, and each that comes.
func (h *Handler) watchApprovals(r *request, f filter) lines {
	return func(emit func(any) bool, wait func(<-chan struct{}) bool) error {
		seen := map[string]gateway.ApprovalState{} // those that were emitted and may still change
		for {
			changed := h.opt.Approvals.Changed()
			all, err := h.approvals(r, filter{agent: f.agent, tool: f.tool})
			if err != nil {
				if r.Context().Err() != nil {
					return nil
				}
				return err
			}
			for _, a := range slices.Backward(all) {
				was, known := seen[a.ID]
				if known && was == a.State || !known && !f.holds(a.Approval) {
					continue
				}
				seen[a.ID] = a.State
				if !emit(a) {
					return nil
				}
			}
			if !wait(changed) {
				return nil
			}
		}
	}
}

func (h *Handler) showApproval(r *request) (any, error) {
	return h.opt.Approvals.Approval(r.Context(), r.PathValue("id"))
}

// decide is approve, deny and revoke. Whose call it is, and what policy says of
// the operator, matters for a yes only: anybody in the role may say no.
func (h *Handler) decide(r *request, state gateway.ApprovalState) (any, error) {
	note := r.body.(*Decision).Note
	if len(note) > mostNote {
		return nil, malformed("a note is at most 2000 bytes")
	}
	id := r.PathValue("id")
	a, err := h.opt.Approvals.Approval(r.Context(), id)
	if err != nil {
		return nil, err
	}
	if state == gateway.ApprovalGiven {
		if err := h.mayApprove(r, a); err != nil {
			return nil, err
		}
	}
	a, err = h.opt.Approvals.Decide(r.Context(), id, state, r.who.Operator, note)
	if errors.Is(err, gateway.ErrDecided) {
		return nil, decided(a)
	}
	return a, err
}

// mayApprove refuses who must not say yes to this call.
func (h *Handler) mayApprove(r *request, a gateway.Approval) error {
	if r.who.own(a) {
		return gateway.Refuse("admin", gateway.Forbidden, "nobody approves a call of their own identity: the token of "+a.Agent+" that made it names you too")
	}
	if h.opt.Permit == nil {
		return nil
	}
	reasons, err := h.opt.Permit(r.Context(), r.who.Operator, r.who.role.String(), a)
	if err != nil {
		return err
	}
	if len(reasons) > 0 {
		return &gateway.Refusal{Step: "admin", Code: gateway.Forbidden, Reasons: reasons, Remedy: "rules of package operators say who may approve what"}
	}
	return nil
}
