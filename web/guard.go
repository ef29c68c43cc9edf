package web

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
	"toolward/web/problem"
)

// allow fills the sets of hosts and origins.
func (s *Server) allow(opt Options) {
	addr := s.listener.Addr().String()
	host, port, _ := net.SplitHostPort(addr)
	s.hosts[strings.ToLower(addr)] = true
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		for _, name := range []string{"localhost", "127.0.0.1", "[::1]"} {
			s.hosts[name+":"+port] = true
		}
	}
	for _, h := range opt.Hosts {
		h = strings.ToLower(h)
		s.hosts[h] = true
		if !strings.Contains(h, ":") {
			s.hosts[h+":"+port] = true
		}
	}
	for _, o := range opt.Origins {
		s.origins[strings.ToLower(strings.TrimSuffix(o, "/"))] = true
	}
}

// guard is what every request passes before a surface sees it.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := pace(w)
		p.lift()
		defer p.expire(0)
		w = p
		r.RemoteAddr = s.client(r)
		w.Header()["X-Content-Type-Options"] = nosniff
		if refusal := s.refuse(w, r); refusal != nil {
			// The body is not read, so the connection cannot be used again.
			w.Header().Set("Connection", "close")
			c := gateway.NewCall(gateway.SurfaceREST, gateway.KindLifecycle, "http")
			c.Peer = PeerOf(r)
			problem.Write(w, s.opt.Refused(r.Context(), c, refusal), c.ID)
			return
		}
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			s.preflight(w, r)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = s.bounded(w, r)
		}
		next.ServeHTTP(w, r)
	})
}

// nosniff is what the field says in each answer. Nobody changes it.
var nosniff = []string{"nosniff"}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request) *gateway.Refusal {
	if !s.knownHost(r.Host) {
		return gateway.Refuse("surface", gateway.Forbidden, "the Host header does not name this gateway; add it to `http.hosts` if it should")
	}
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		if len(origins) > 1 || !s.listed(strings.ToLower(origins[0]), r.URL.Path) && !s.own(strings.ToLower(origins[0]), r) {
			return gateway.Refuse("surface", gateway.Forbidden, "this Origin may not call the gateway; add it to `http.origins` if it should")
		}
		w.Header().Set("Access-Control-Allow-Origin", origins[0])
		w.Header().Set("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate, Retry-After, Toolward-Call")
		w.Header().Add("Vary", "Origin")
	}
	// "/mcp/" -> "/mcp": clients and people write both.
	if bare := strings.TrimSuffix(r.URL.Path, "/"); bare != "" {
		r.URL.Path = bare
	}
	if r.URL.Path != path.Clean(r.URL.Path) || r.URL.RawPath != "" {
		return gateway.Refuse("surface", gateway.Unsupported, "the path is not in its canonical form")
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return gateway.Refuse("surface", gateway.UnsupportedMedia, "encoded bodies are not accepted")
	}
	if r.ContentLength > s.opt.MaxBody {
		return tooLarge(s.opt.MaxBody)
	}
	return nil
}

// listed reports whether an Origin is one of those that may call at a path.
func (s *Server) listed(origin, path string) bool {
	return s.origins[origin] && !slices.ContainsFunc(s.opt.Private, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// own reports whether an Origin is the gateway's: "http://127.0.0.1:8080" for a
// page that this listener at 127.0.0.1:8080 served. The host is a name of ours,
// or the one of the request, which has passed knownHost. Where the listener is
// plain, a proxy may have ended TLS in front of it.
func (s *Server) own(origin string, r *http.Request) bool {
	scheme, host, ok := strings.Cut(origin, "://")
	if !ok || scheme != "https" && (scheme != "http" || r.TLS != nil) {
		return false
	}
	return s.hosts[host] || host == strings.ToLower(r.Host)
}

func tooLarge(most int64) *gateway.Refusal {
	return gateway.Refuse("surface", gateway.TooLarge, "the body is over the limit of "+byteSize(most))
}

// knownHost accepts any host when the gateway listens on every address behind
// TLS and no names were given: then the certificate is what names it.
func (s *Server) knownHost(host string) bool {
	host = strings.ToLower(host)
	if s.hosts[host] {
		return true
	}
	if len(s.opt.Hosts) > 0 || s.opt.Cert == "" {
		return false
	}
	return !loopback(s.listener.Addr().String())
}

func (s *Server) preflight(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "" {
		http.Error(w, "not a preflight", http.StatusBadRequest)
		return
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	w.Header().Set("Access-Control-Allow-Headers", strings.Join(append(paramHeaders(r.Header), requestHeaders), ", "))
	w.Header().Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// requestHeaders are the fields that surfaces and tracing read of a request.
const requestHeaders = "Authorization, Content-Type, Last-Event-ID, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, Traceparent, Tracestate"

// paramHeaders are the fields of Mcp-Param-* that a preflight asks for. Tools'
// definitions name them (MCP 2026-07-28 basic/transports, custom headers from
// tool parameters), so that no list holds them all, and Fetch has no wildcard
// for a prefix:
//
//	mcp-method,mcp-param-region,x-other -> mcp-param-region
func paramHeaders(h http.Header) (asked []string) {
	for _, line := range h.Values("Access-Control-Request-Headers") {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.TrimSpace(name)
			if strings.HasPrefix(strings.ToLower(name), "mcp-param-") {
				asked = append(asked, name)
			}
		}
	}
	return asked
}

// bounded limits a body in bytes and in time. A call may take longer than its
// arguments took to arrive: net/http itself lifts the deadline of a body that
// was read to its end.
func (s *Server) bounded(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.opt.BodyTimeout)) // both protocols of net/http have it
	return http.MaxBytesReader(w, r.Body, s.opt.MaxBody)
}

// PeerOf is the address of who a request is from, without its port. What headers
// say of that is believed of trusted proxies only: whoever connects can write them.
func PeerOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// toHTTPS answers the plain listener. It takes the host's name only if it is
// one of ours: a redirect must not lead a token to a stranger.
func (s *Server) toHTTPS(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	_, port, _ := net.SplitHostPort(s.listener.Addr().String())
	target := net.JoinHostPort(host, port)
	if !s.knownHost(target) && !s.knownHost(host) {
		problem.Write(w, gateway.Refuse("surface", gateway.Forbidden, "the Host header does not name this gateway"), "")
		return
	}
	if port == "443" {
		target = host
	}
	u := url.URL{Scheme: "https", Host: target, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	w.Header().Set("Connection", "close")
	http.Redirect(w, r, u.String(), http.StatusPermanentRedirect)
}
