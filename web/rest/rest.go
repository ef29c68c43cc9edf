// Package rest is function calling over plain HTTP, for programs that speak to
// a model themselves and hold the tool calls it emitted.
//
//	GET  /v1/tools?format=mcp|openai|openai-responses|anthropic|gemini|gemini-interactions&server=NAME
//	POST /v1/tools/{name}/call     the arguments object is the body; the answer is the tool's MCP result
//	POST /v1/tool_calls?local=NAME tool calls as the model emitted them; the answer holds the messages to append
//	GET  /v1/openapi.json          this API as OpenAPI 3.1
//
// Each tool call is one [gateway.Call] on the same road as MCP's. Errors are
// RFC 9457 problem details; in /v1/tool_calls a refused call becomes the
// message that tells the model so, because its siblings still have answers.
package rest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"toolward/gateway"
	"toolward/web/problem"
)

// Options configure [New]. All fields are required but Body and MaxCalls.
type Options struct {
	Road *gateway.Road
	// Resource is the canonical URI of this API, which a token's audience may name.
	Resource string
	// Token takes the bearer token out of a request, "" if it has none, or
	// returns a *gateway.Refusal.
	Token func(*http.Request) (string, error)
	// CarryToken hands the agent's token on with its calls ([gateway.WithToken]),
	// for upstreams whose authorization server exchanges it (RFC 8693), while there
	// are any. Nil is never.
	CarryToken func() bool
	// Challenge is the WWW-Authenticate value for a refusal at a path; sent
	// says whether the request had a token.
	Challenge func(host, path string, r *gateway.Refusal, sent bool) string
	// Peer is the address a request came from.
	Peer func(*http.Request) string
	// Body bounds the bodies of an agent that are read at once; nil bounds nothing.
	// What it reads fails with a *gateway.Refusal.
	Body func(*gateway.Agent, io.Reader) io.ReadCloser
	// MaxCalls is how many calls one /v1/tool_calls request may carry; 0 means 64.
	MaxCalls int
}

// Handler serves /v1. It is safe for concurrent use.
type Handler struct {
	opt Options
	mux *http.ServeMux
}

//go:embed openapi.json
var openAPI []byte

// routes is everything below /v1/. Each is for an agent that was let in.
var routes = []route{
	{"GET /v1/tools", []string{"format", "server"}, (*Handler).tools},
	{"POST /v1/tools/{name}/call", []string{"format"}, (*Handler).call},
	{"POST /v1/tool_calls", []string{"format", local}, (*Handler).toolCalls},
	{"GET /v1/openapi.json", nil, (*Handler).describe},
}

type route struct {
	pattern string   // of [http.ServeMux]
	params  []string // of the query; others are refused
	serve   func(*Handler, http.ResponseWriter, *http.Request, *gateway.Agent)
}

// Routes lists the patterns of [http.ServeMux] that a [Handler] serves.
func Routes() []string {
	var all []string
	for _, r := range routes {
		all = append(all, r.pattern)
	}
	return all
}

// New returns the handler for everything below /v1/.
func New(opt Options) *Handler {
	if opt.MaxCalls == 0 {
		opt.MaxCalls = 64
	}
	h := &Handler{opt: opt, mux: http.NewServeMux()}
	for _, r := range routes {
		h.mux.HandleFunc(r.pattern, h.authenticated(r))
	}
	problem.Elsewhere(h.mux)
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// authenticated lets agents through, before their body is read.
func (h *Handler) authenticated(next route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cred := gateway.Credentials{Resource: h.opt.Resource, Peer: h.opt.Peer(r), Surface: gateway.SurfaceREST}
		var err error
		if cred.Token, err = h.opt.Token(r); err != nil {
			c := h.newCall(r, gateway.KindLifecycle, "authenticate")
			h.problem(w, r, h.opt.Road.Stranger(r.Context(), c, gateway.AsRefusal("auth", err)), c.ID)
			return
		}
		agent, refusal := h.opt.Road.Admit(r.Context(), cred)
		if refusal != nil {
			h.problem(w, r, refusal, "")
			return
		}
		if h.opt.CarryToken != nil && h.opt.CarryToken() {
			r = r.WithContext(gateway.WithToken(r.Context(), cred.Token))
		}
		if refusal := next.unknownParams(r); refusal != nil {
			c := h.newCall(r, gateway.KindLifecycle, "query")
			c.Agent = agent
			h.problem(w, r, h.opt.Road.Refused(r.Context(), c, refusal), c.ID)
			return
		}
		next.serve(h, w, r, agent)
	}
}

func (h *Handler) newCall(r *http.Request, k gateway.Kind, method string) *gateway.Call {
	c := gateway.NewCall(gateway.SurfaceREST, k, method)
	c.Peer = h.opt.Peer(r)
	return c
}

func (h *Handler) problem(w http.ResponseWriter, r *http.Request, refusal *gateway.Refusal, call string) {
	if challenge := h.opt.Challenge(r.Host, "/v1", refusal, r.Header.Get("Authorization") != ""); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	problem.Write(w, refusal, call)
}

// body reads the request's body. The limit is the listener's.
func (h *Handler) body(r *http.Request, agent *gateway.Agent) ([]byte, *gateway.Refusal) {
	if !readable(r.Header.Get("Content-Type")) {
		return nil, gateway.Refuse("surface", gateway.UnsupportedMedia, "the body must be JSON (application/json)")
	}
	from := io.ReadCloser(r.Body)
	if h.opt.Body != nil {
		from = h.opt.Body(agent, r.Body)
		defer from.Close()
	}
	raw, err := io.ReadAll(from)
	var tooLarge *http.MaxBytesError
	var refusal *gateway.Refusal
	switch {
	case errors.As(err, &refusal):
		return nil, refusal
	case errors.As(err, &tooLarge):
		return nil, gateway.Refuse("surface", gateway.TooLarge, "the body is over the limit")
	case err != nil:
		return nil, gateway.Refuse("surface", gateway.Malformed, "the body did not arrive whole").Because(err)
	}
	return raw, nil
}

// readable reports whether a body of this type is read as JSON. What curl says
// of -d where nothing else is asked of it is let pass: the body is parsed
// strictly whatever its type, and the token keeps other sites' forms out.
func readable(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "", "application/json", "application/x-www-form-urlencoded":
		return true
	}
	return false
}

// call runs one tool by its name, which is that of the format that the query
// names, as are the arguments'. The answer is the tool's result, as the upstream
// wrote it.
func (h *Handler) call(w http.ResponseWriter, r *http.Request, agent *gateway.Agent) {
	c := h.newCall(r, gateway.KindTool, "tools/call")
	c.Agent, c.Name = agent, r.PathValue("name")
	w.Header().Set("Toolward-Call", c.ID)
	raw, refusal := h.body(r, agent)
	if refusal == nil {
		c.Args, refusal = parseArgs(raw)
	}
	f := formatNamed(r.URL.Query().Get("format"))
	if f == nil {
		refusal = unknownFormat()
	}
	c.Name = f.wireName(c.Name)
	switch o := h.do(r.Context(), f, c, refusal); {
	case o.refusal != nil:
		h.problem(w, r, o.refusal, c.ID)
	case o.result.Error != nil:
		h.problem(w, r, upstreamError(o.result), c.ID)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(o.result.Raw)
	}
}

// upstreamError is an upstream's own JSON-RPC error, for callers that have no
// JSON-RPC to receive it in.
func upstreamError(result *gateway.Result) *gateway.Refusal {
	text := "the tool's server answered with an error"
	if o, err := gateway.Split(result.Error); err == nil {
		if m, ok, err := o.String("message"); ok && err == nil {
			text += ": " + m
		}
	}
	return gateway.Refuse("upstream", gateway.UpstreamInvalid, text)
}

// tools lists what the agent may call.
func (h *Handler) tools(w http.ResponseWriter, r *http.Request, agent *gateway.Agent) {
	c := h.newCall(r, gateway.KindList, "tools/list")
	c.Agent = agent
	format := formatNamed(r.URL.Query().Get("format"))
	if format == nil {
		h.problem(w, r, h.opt.Road.Refused(r.Context(), c, unknownFormat()), c.ID)
		return
	}
	tools, refusal := h.opt.Road.List(r.Context(), c, gateway.KindTool)
	if refusal != nil {
		h.problem(w, r, refusal, c.ID)
		return
	}
	if server := r.URL.Query().Get("server"); server != "" {
		if tools = of(server, tools); len(tools) == 0 {
			h.problem(w, r, h.opt.Road.Refused(r.Context(), c, gateway.Refuse("catalog", gateway.UnknownTool,
				"there is no server of this name, or none of its tools is for you")), c.ID)
			return
		}
	}
	entries, left := format.entries(tools)
	out := append([]byte(`{"tools":[`), bytes.Join(entries, []byte(","))...)
	out = append(out, ']')
	if left != nil {
		out = append(append(out, `,"left_out":`...), marshal(left)...)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "private, no-store")
	_, _ = w.Write(append(out, '}'))
}

// of are the tools of one server. What an agent may not see reads as what is not
// there.
func of(server string, tools []*gateway.Tool) []*gateway.Tool {
	return slices.DeleteFunc(slices.Clone(tools), func(t *gateway.Tool) bool { return t.Server != server })
}

// describe is this API as OpenAPI.
func (h *Handler) describe(w http.ResponseWriter, _ *http.Request, _ *gateway.Agent) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI)
}

// do is [Handler.run] beside its siblings: what panics outside of the road's own
// guard ends this one only.
func (h *Handler) do(ctx context.Context, f *format, c *gateway.Call, parse *gateway.Refusal) outcome {
	o, err := gateway.Survive(func() (outcome, error) { return h.run(ctx, f, c, parse), nil })
	if err != nil {
		return outcome{call: c, refusal: h.opt.Road.Refused(ctx, c, gateway.AsRefusal("surface", err))}
	}
	return o
}

// run takes one tool call that a model emitted down the road.
func (h *Handler) run(ctx context.Context, f *format, c *gateway.Call, parse *gateway.Refusal) outcome {
	if parse != nil {
		return outcome{call: c, refusal: h.opt.Road.Refused(ctx, c, parse)}
	}
	form := h.formOf(f, c.Name)
	if form != nil {
		var err error
		if c.Args, err = form.Restore(c.Args); err != nil {
			return outcome{call: c, refusal: h.opt.Road.Refused(ctx, c, gateway.AsRefusal("surface", err))}
		}
	}
	result, refusal := h.opt.Road.Do(ctx, c)
	return outcome{call: c, result: result, refusal: gateway.InNames(form, refusal)}
}
