package server

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"

	"toolward/gateway"
	"toolward/mcp"
)

// ServeHTTP serves the endpoints. It trusts nobody in front of it with more
// than the Host and Origin checks.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	server, isServer := strings.CutPrefix(r.URL.Path, "/mcp/")
	switch {
	case r.URL.Path == "/mcp":
		s.streamable(w, r, "")
	case isServer && server != "" && !strings.Contains(server, "/"):
		s.streamable(w, r, server)
	case r.URL.Path == "/sse":
		s.serveSSE(w, r)
	case r.URL.Path == "/message":
		s.serveMessage(w, r)
	default:
		http.NotFound(w, r)
	}
}

// visit is one HTTP request by an agent that was let in.
type visit struct {
	srv    *Server
	w      http.ResponseWriter
	r      *http.Request
	agent  *gateway.Agent
	server string // the endpoint's upstream, "" on /mcp
	sur    gateway.Surface
	peer   string
}

// admit lets the agent in, or answers the refusal and returns nil. It does not
// touch the body.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, sur gateway.Surface, server string) *visit {
	v := &visit{srv: s, w: w, r: r, server: server, sur: sur, peer: peerOf(r)}
	token, err := s.opt.Token(r)
	if err != nil {
		c := gateway.NewCall(sur, gateway.KindLifecycle, "authenticate")
		c.Peer = v.peer
		v.refused(s.road.Stranger(r.Context(), c, gateway.AsRefusal("auth", err)), c.ID, true)
		return nil
	}
	agent, refusal := s.road.Admit(r.Context(), gateway.Credentials{Token: token, Resource: s.opt.Resource(v.endpoint()), Peer: v.peer, Surface: sur})
	if refusal != nil {
		v.refused(refusal, "", token != "")
		return nil
	}
	v.agent = agent
	if s.opt.CarryToken != nil && s.opt.CarryToken() {
		v.r = r.WithContext(gateway.WithToken(r.Context(), token))
	}
	return v
}

// endpoint is the path that a token is for: /message is the other half of /sse.
func (v *visit) endpoint() string {
	if v.r.URL.Path == "/message" {
		return "/sse"
	}
	return v.r.URL.Path
}

// refused answers a refusal that belongs to no message.
func (v *visit) refused(refusal *gateway.Refusal, call string, token bool) {
	if challenge := v.srv.opt.Challenge(v.r.Host, v.endpoint(), refusal, token); challenge != "" {
		v.w.Header().Set("WWW-Authenticate", challenge)
	}
	v.retryAfter(refusal)
	v.json(wireOf(refusal).status, mcp.AppendError(nil, nil, refusedError(refusal, call)))
}

func (v *visit) retryAfter(refusal *gateway.Refusal) {
	if refusal != nil && refusal.RetryAfter > 0 && refusal.Code != gateway.ApprovalPending {
		v.w.Header().Set("Retry-After", strconv.Itoa(seconds(refusal)))
	}
}

// json writes an answer, and reports whether all of it was taken over: if not, the agent
// left, and what carries it may still read body.
func (v *visit) json(status int, body []byte) bool {
	h := v.w.Header()
	h["Content-Type"] = jsonType
	h["Cache-Control"] = noStore
	v.w.WriteHeader(status)
	_, err := v.w.Write(body)
	return err == nil
}

var (
	jsonType = []string{"application/json"}
	noStore  = []string{"no-store"}
)

// exchange starts an exchange of this visit.
func (v *visit) exchange() *exchange {
	x := v.srv.exchange(v.agent, v.sur, v.peer, v.server)
	x.header = v.r.Header
	return x
}

// body reads the request's body, at most MaxBody bytes of JSON as it is.
func (v *visit) body() ([]byte, *gateway.Refusal) {
	if coding := v.r.Header["Content-Encoding"]; len(coding) > 1 || len(coding) == 1 && !strings.EqualFold(coding[0], "identity") {
		return nil, gateway.Refuse("surface", gateway.UnsupportedMedia, "encoded bodies are not accepted")
	}
	kind, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, gateway.Refuse("surface", gateway.UnsupportedMedia, "the Content-Type must be application/json")
	}
	most := v.srv.opt.MaxBody
	// A Content-Length is a claim: it earns no more memory than a small body, and then
	// four times what has come.
	claim := max(v.r.ContentLength, 511) + 1
	body := make([]byte, 0, min(claim, 64<<10))
	var reader io.Reader = http.MaxBytesReader(v.w, v.r.Body, most)
	if v.srv.opt.Body != nil {
		counted := v.srv.opt.Body(v.agent, reader)
		defer counted.Close()
		reader = counted
	}
	for {
		if len(body) == cap(body) {
			n := int64(len(body))
			body = append(make([]byte, 0, min(max(claim, 2*n), 4*n)), body...)
		}
		n, err := reader.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var over *http.MaxBytesError
		var refusal *gateway.Refusal
		switch {
		case err == nil:
		case errors.As(err, &refusal):
			return nil, refusal
		case errors.Is(err, io.EOF):
			return body, nil
		case errors.As(err, &over):
			return nil, gateway.Refuse("surface", gateway.TooLarge, "the body is over the limit of "+strconv.FormatInt(over.Limit, 10)+" bytes")
		default:
			return nil, gateway.Refuse("surface", gateway.Malformed, "the body could not be read")
		}
	}
}

// accepts reports whether the request's Accept header allows a media type. A
// missing header allows everything (RFC 9110 §12.5.1).
func accepts(h http.Header, kind string) bool {
	values := h["Accept"]
	if len(values) == 0 {
		return true
	}
	main, _, _ := strings.Cut(kind, "/")
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			media, param, _ := strings.Cut(part, ";")
			media = strings.ToLower(strings.TrimSpace(media))
			if (media == kind || media == "*/*" || media == main+"/*") && strings.ReplaceAll(param, " ", "") != "q=0" {
				return true
			}
		}
	}
	return false
}

// peerOf is the address of who a request is from, without its port: the listener
// has put it there.
func peerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
