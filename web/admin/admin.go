// Package admin is the operators' API: what people look at and decide while the
// gateway runs. The commands are its first client.
//
//	GET  /v1/admin/approvals                  calls that wait for a person; ?watch=true goes on as JSON lines
//	POST /v1/admin/approvals/{id}/approve     {"note": "…"}; the body may be left out
//	GET  /v1/admin/openapi.json               all of it, as OpenAPI 3.1
//
// Every operation is one entry of the table in operations.go: method, path, the
// role that it needs, and what runs. The description is made from the table, and
// a test walks it with every role.
//
// Who may do what:
//
//   - A person shows a token of an issuer that agents' tokens come from too. It
//     counts for nothing here unless one of its roles stands in [Roles].
//   - Whoever can read the credential beside the record ([Credential]) is admin,
//     from this machine only. So one person on one machine needs no set-up.
//   - A viewer looks, an approver decides calls as well, an admin everything.
//   - Nobody approves a call of their own identity ([gateway.Agent.Identities]),
//     whatever their role, and policy (package operators) can refuse more.
//
// A decision names who made it as they were verified, never as they say. Answers
// are JSON, errors RFC 9457 problem details. There is no CORS: pages of other
// origins are kept out by package web, and there are no cookies.
//
// It decides nothing itself about calls: what an approval or a pin means is the
// rooms' to say, which it knows as [Approvals], [Tools], [Blocks],
// [Sessions], [Meters] and [Tokens], and the record's: [Question].
package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"

	"toolward/gateway"
	"toolward/gateway/fair"
	"toolward/web/problem"
)

// Approvals are the calls that wait for a person.
type Approvals interface {
	// Approvals lists those of a state, all of them if it is "", newest first.
	Approvals(ctx context.Context, state gateway.ApprovalState, most int) ([]gateway.Approval, error)
	// Approval returns one, or [gateway.ErrNoApproval].
	Approval(ctx context.Context, id string) (gateway.Approval, error)
	// Decide approves or denies one that is pending, or revokes one that is
	// approved. It returns [gateway.ErrNoApproval], or [gateway.ErrDecided] with the
	// approval as it is.
	Decide(ctx context.Context, id string, state gateway.ApprovalState, by gateway.Operator, note string) (gateway.Approval, error)
	// Changed is closed by what happens next to one of them.
	Changed() <-chan struct{}
}

// Tools is what upstreams offer, and what was accepted of it.
type Tools interface {
	Servers() []string
	About(server string) (gateway.About, bool)
	List(kind gateway.Kind, server string) []*gateway.Tool
	// Refresh reads what a server offers again, or all if it is "".
	Refresh(ctx context.Context, server string)
	// Diff lists the definitions that nobody accepted: those that may not be used,
	// those that only narrow what was accepted, and with all those that were pinned on
	// first use too.
	Diff(all bool) []gateway.Change
	// Pin accepts the definition with exactly this fingerprint, and keeps what the
	// operator says about it. It returns
	// [gateway.ErrUnseen] if the upstream offers another by now, [gateway.ErrUnfit] if
	// nobody can accept it, [gateway.ErrNoDefinition] if there is none.
	Pin(ctx context.Context, server string, kind gateway.Kind, name, fingerprint string, by gateway.Operator, note string) error
}

// Road says whose a token is, and records what was refused: [gateway.Road].
type Road interface {
	AdmitPerson(context.Context, gateway.Credentials) (*gateway.Agent, *gateway.Refusal)
	Stranger(context.Context, *gateway.Call, *gateway.Refusal) *gateway.Refusal
	Refused(context.Context, *gateway.Call, *gateway.Refusal) *gateway.Refusal
}

var _ Road = (*gateway.Road)(nil)

// Options configure [New]. Fields are required unless they say what nil means.
type Options struct {
	Road      Road
	Approvals Approvals // nil has no such operations, and likewise below
	Tools     Tools
	Blocks    Blocks
	Sessions  Sessions
	Meters    Meters
	Tokens    Tokens     // nil where there is no local issuer
	Record    []Question // what can be asked of the record
	Verify    Verifier
	Health    func() Health
	Reload    Reload
	Note      func(ctx context.Context, eventType string, detail any) error // appends to the record
	Version   string

	Roles func() Roles // that count now; nil: none do
	Local *Local       // nil: nobody without a token

	// Permit asks policy whether an operator may approve a call; reasons say why
	// not. Nil permits what the role does.
	Permit func(ctx context.Context, by gateway.Operator, role string, a gateway.Approval) (reasons []string, err error)
	// Limit bounds how often and how many at once, for each operator and for each
	// agent that tries; release gives a place back.
	Limit func(*gateway.Agent) (release func(), err error)

	Resource  string                                                        // canonical URI that a token's audience may name
	Token     func(*http.Request) (string, error)                           // the bearer token, "" if there is none
	Challenge func(host, path string, r *gateway.Refusal, sent bool) string // WWW-Authenticate of a refusal
	Peer      func(*http.Request) string                                    // address that a request came from
	Nearby    func(*http.Request) bool                                      // it came from this machine, and nobody handed it on
	Log       *slog.Logger                                                  // faults; nil means [slog.Default]
}

// Handler serves /v1/admin. It is safe for concurrent use.
type Handler struct {
	opt     Options
	mux     *http.ServeMux
	openAPI json.RawMessage

	asking    *fair.Places  // for questions that are worked out, by operator
	texts     chan struct{} // a place for each answer that is written as it comes
	verifying verifying
	closing   sync.Once
	closed    chan struct{} // ends streams
}

// Prefix is the path that everything here is below.
const Prefix = "/v1/admin/"

// maxBody is the longest body in bytes: a note, or a name and a fingerprint.
const maxBody = 64 << 10

// New returns the handler for everything below [Prefix].
func New(opt Options) *Handler {
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Roles == nil {
		opt.Roles = func() Roles { return Roles{} }
	}
	h := &Handler{
		opt: opt, mux: http.NewServeMux(), closed: make(chan struct{}),
		asking: fair.New(questionsOnce, questionsOwn), texts: make(chan struct{}, questionsTexts),
	}
	ops := h.operations()
	h.openAPI = describe(ops, opt.Version)
	for _, op := range ops {
		h.mux.HandleFunc(op.method+" "+Prefix+op.path, func(w http.ResponseWriter, r *http.Request) { h.serve(w, r, op) })
	}
	// What is no operation is said to those only who may know.
	h.mux.HandleFunc(Prefix, func(w http.ResponseWriter, r *http.Request) {
		h.serve(w, r, operation{id: "unknown", role: Viewer})
	})
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Close ends the streams and a verification, which would not end by themselves, and
// waits for the latter.
func (h *Handler) Close() {
	h.closing.Do(func() { close(h.closed) })
	h.verifying.close()
}

// serve is the way of every request: who is it, how often, may they, what do they
// send, do it.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, op operation) {
	strict(w.Header())
	who, refusal := h.admit(r)
	if refusal != nil {
		h.refuse(w, r, refusal, "")
		return
	}
	call := h.call(r, who, op)
	release, err := h.opt.Limit(who.agent)
	if err != nil {
		h.refuse(w, r, h.opt.Road.Refused(r.Context(), call, gateway.AsRefusal("limit", err)), call.ID)
		return
	}
	defer release()
	if op.local && who.token != "" {
		h.refuse(w, r, h.opt.Road.Refused(r.Context(), call, gateway.Refuse("admin", gateway.Forbidden, "that is for who runs commands on the gateway's machine, with the credential beside the record")), call.ID)
		return
	}
	if who.role < op.role {
		h.refuse(w, r, h.opt.Road.Refused(r.Context(), call, lacks(who.role, op.role)), call.ID)
		return
	}
	if op.run == nil { // whatever is sent to it
		h.fail(w, r, call, &Problem{Status: http.StatusNotFound, Code: "unknown_operation", Detail: "there is no such operation; " + Prefix + "openapi.json lists them"})
		return
	}
	ctx, cancel := context.WithDeadline(r.Context(), who.expires)
	defer cancel()
	req := &request{Request: r.WithContext(ctx), who: who, call: call, needs: op.role}
	err = req.known(op)
	if err == nil {
		err = req.read(w, op.body)
	}
	if err != nil {
		h.fail(w, r, call, err)
		return
	}
	answer, err := op.run(req)
	if err != nil {
		h.fail(w, r, call, err)
		return
	}
	switch answer := answer.(type) {
	case lines:
		h.stream(w, req, answer)
	case Text:
		h.write(w, req, answer)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = encoder(w).Encode(answer) // the client may be gone; nothing is lost
	}
}

// call is what a refusal of a request is recorded as.
func (h *Handler) call(r *http.Request, who *who, op operation) *gateway.Call {
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindLifecycle, "admin."+op.id)
	c.Peer, c.Agent = h.opt.Peer(r), who.agent
	return c
}

// strict are the headers of every answer: it is nobody's page, and is kept nowhere.
func strict(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
}

// fail answers with what an operation returned: a problem of the request's, a
// refusal, which is recorded, or a fault.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, call *gateway.Call, err error) {
	if p := asProblem(err); p != nil {
		p.write(w)
		return
	}
	refusal := gateway.AsRefusal("admin", err)
	if refusal.Code == gateway.Internal {
		h.opt.Log.Error("an operation failed", "operation", call.Method, "call", call.ID, "error", err)
		refusal.Reasons = []string{"the gateway could not do that; see its log for call " + call.ID}
	}
	h.refuse(w, r, h.opt.Road.Refused(r.Context(), call, refusal), call.ID)
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *gateway.Refusal, call string) {
	if challenge := h.opt.Challenge(r.Host, "/v1", refusal, r.Header.Get("Authorization") != ""); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	problem.Write(w, refusal, call)
}

// encoder writes JSON as it is: no browser reads it as HTML.
func encoder(w http.ResponseWriter) *json.Encoder {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc
}
