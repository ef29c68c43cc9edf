package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// Role is what an operator may do. Each may do what those before it may.
type Role int

// The roles. The zero Role is nobody's.
const (
	Viewer   Role = 1 + iota // looks
	Approver                 // decides calls that wait for a person
	Admin                    // accepts definitions, and whatever else there is
)

// String is the role's name, "none" for the zero Role.
func (r Role) String() string { return [...]string{"none", "viewer", "approver", "admin"}[r] }

// Roles says which roles of a token make an operator. The zero Roles make none.
type Roles struct {
	Viewers   []string
	Approvers []string
	Admins    []string
	Issuers   []string // whose tokens count; nil counts those of all issuers that the gateway accepts
}

// Of is the most that a token's roles allow.
func (rs Roles) Of(a *gateway.Agent) Role {
	if rs.Issuers != nil && !slices.Contains(rs.Issuers, a.Issuer) {
		return 0
	}
	for _, level := range []struct {
		role  Role
		names []string
	}{{Admin, rs.Admins}, {Approver, rs.Approvers}, {Viewer, rs.Viewers}} {
		if slices.ContainsFunc(level.names, func(name string) bool { return slices.Contains(a.Roles, name) }) {
			return level.role
		}
	}
	return 0
}

// who is an operator, and what they may do.
type who struct {
	gateway.Operator
	role    Role
	agent   *gateway.Agent // as limits and the record know them
	expires time.Time
	token   string // "" for the local operator, whose credential does not expire
}

// admit says who asks. What is refused is recorded.
func (h *Handler) admit(r *http.Request) (*who, *gateway.Refusal) {
	stranger := func(err error) *gateway.Refusal {
		c := gateway.NewCall(gateway.SurfaceREST, gateway.KindLifecycle, "authenticate")
		c.Peer = h.opt.Peer(r)
		return h.opt.Road.Stranger(r.Context(), c, gateway.AsRefusal("auth", err))
	}
	token, err := h.opt.Token(r)
	if err != nil {
		return nil, stranger(err)
	}
	if h.opt.Local != nil && isCredential(token) {
		switch {
		case !h.opt.Nearby(r):
			return nil, stranger(gateway.Refuse("auth", gateway.Unauthenticated, "the operator's credential works from this machine only, over loopback").Because(gateway.ErrCredential))
		case !h.opt.Local.Credential.is(token):
			return nil, stranger(gateway.Refuse("auth", gateway.Unauthenticated, "this is not the operator's credential of this gateway").Because(gateway.ErrCredential))
		}
		return h.local(), nil
	}
	agent, refusal := h.opt.Road.AdmitPerson(r.Context(), gateway.Credentials{
		Token: token, Resource: h.opt.Resource, Peer: h.opt.Peer(r), Surface: gateway.SurfaceREST,
	})
	if refusal != nil {
		return nil, refusal
	}
	return &who{Operator: operatorOf(agent), role: h.opt.Roles().Of(agent), agent: agent, expires: agent.Expires, token: token}, nil
}

// still says why an operator would not be let in now, nil if they would: a token may
// have expired, lost its issuer's keys or its role, or have been blocked, since a
// stream began.
func (h *Handler) still(r *request) error {
	if r.who.token == "" {
		return nil
	}
	switch now, refusal := h.admit(r.Request); {
	case refusal != nil:
		return errors.New(strings.Join(refusal.Reasons, "; ")) // not its cause
	case now.role < r.needs:
		return errors.New(strings.Join(lacks(now.role, r.needs).Reasons, "; "))
	}
	return nil
}

// local is whoever can read the credential beside the record.
func (h *Handler) local() *who {
	op := gateway.Operator{Issuer: gateway.LocalOperators, Subject: h.opt.Local.User}
	return &who{
		Operator: op, role: Admin, expires: time.Now().Add(year),
		agent: &gateway.Agent{ID: op.Subject, Issuer: op.Issuer},
	}
}

const year = 365 * 24 * time.Hour

// operatorOf is the person of a token. Where another claim than sub names the
// agent (the program that a person uses), the person is still sub.
func operatorOf(a *gateway.Agent) gateway.Operator {
	return gateway.Operator{Issuer: a.Issuer, Subject: a.Person(), Roles: a.Roles}
}

// own reports whether an approval is for a call of the operator's own identity: of a
// token that names them too, as agent, person or actor.
func (w *who) own(a gateway.Approval) bool {
	mine := w.agent.Identities()
	return slices.ContainsFunc(a.Identities, func(id string) bool { return slices.Contains(mine, id) })
}

func lacks(has, needs Role) *gateway.Refusal {
	if has == 0 {
		r := gateway.Refuse("admin", gateway.Forbidden, "no role of this token is an operator's")
		r.Remedy = "name a role of the token in admin.viewers, admin.approvers or admin.admins"
		return r
	}
	return gateway.Refuse("admin", gateway.Forbidden, "a "+has.String()+" may not do that; it takes the role "+needs.String())
}
