// Package openapi makes an HTTP API that an OpenAPI 3.0 or 3.1 document
// describes into an upstream: each operation is a tool.
//
// # What it guarantees
//
//   - A call stays on the API: the scheme, host and port of its URL are those of
//     the base URL, and its path is the operation's template with each variable
//     filled by one segment. Whatever an argument holds, it cannot name another
//     host, leave its segment, add a parameter or a header field.
//   - Credentials are the gateway's own. Arguments cannot set the fields that
//     carry them, or that HTTP itself uses. Redirects are not followed.
//   - Names that resolve to link-local addresses, where cloud machines keep
//     their credentials, are refused when the connection is made, not when the
//     name is looked up before.
//   - Answers are bounded, and never inflated.
//   - A call is sent once.
//
// # How arguments are named
//
// Path, query and header parameters keep their names; where two are alike, the
// later one gets "_" and its place. A JSON request body is the argument "body",
// and is sent byte for byte. Operations that need another media type for their
// body, or cookies, are left out, and the log says so.
//
// # What an answer becomes
//
// Text and JSON become a text item, a JSON object also structuredContent, and
// anything else an embedded resource. A status of 400 and above is a result
// with isError.
package openapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"toolward/gateway"
)

// Options configures one API.
type Options struct {
	Name     string // of the upstream, for messages and the log
	Document []byte // OpenAPI 3.0 or 3.1, YAML or JSON
	BaseURL  string // "" is the document's first server
	Header   map[string]string
	// Credentials gives the Authorization field of each request. It overrides
	// Header. Optional.
	Credentials interface {
		Authorization(ctx context.Context) (string, error)
		Denied(value string, status int, challenges []string) (again bool, remedy string)
	}
	TLS       *tls.Config   // nil is the system's roots, TLS 1.2 and up
	Timeout   time.Duration // for a call; 0 means 60 s
	MaxAnswer int           // bytes of an answer; 0 means 16 MiB
	Logger    *slog.Logger  // default discards
}

// API is the upstream. It implements upstream.Conn, is safe for concurrent use,
// and serves every agent.
type API struct {
	opts       Options
	log        *slog.Logger
	http       *http.Client
	base       *url.URL
	title      string
	version    string
	operations map[string]*operation // by the name of the tool
	tools      json.RawMessage       // result of tools/list
}

// New reads the document. Its errors name the operation that they are about.
func New(o Options) (*API, error) {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 16 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &API{opts: o, log: o.Logger.With("server", o.Name), operations: map[string]*operation{}}
	doc, err := readDocument(o.Document)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", o.Name, err)
	}
	a.title, a.version = doc.text("info", "title"), doc.text("info", "version")
	if a.base, err = baseURL(o.BaseURL, doc); err != nil {
		return nil, fmt.Errorf("upstream %s: base_url: %w", o.Name, err)
	}
	if err := a.addOperations(doc); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", o.Name, err)
	}
	a.http = newHTTPClient(o.TLS)
	return a, nil
}

func baseURL(given string, doc document) (*url.URL, error) {
	if given == "" {
		servers, _ := doc.root["servers"].([]any)
		if len(servers) > 0 {
			first, _ := servers[0].(map[string]any)
			given, _ = first["url"].(string)
		}
	}
	u, err := url.Parse(given)
	switch {
	case err != nil:
		return nil, errors.New("it is no URL")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return nil, errors.New("it must be an http or https URL, and the document's first server is none: give base_url")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(given, "{}"):
		return nil, errors.New("it must have no user, query, fragment or variables")
	}
	return u, nil
}

func newHTTPClient(t *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: refuseLinkLocal}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: t, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// refuseLinkLocal looks at the address that is really connected to: a name may
// have resolved to another one a moment before. Private addresses are not
// refused: the operator wrote the base URL, and most APIs of a house have one.
func refuseLinkLocal(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	ip := ap.Addr().Unmap()
	if ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
		return fmt.Errorf("the name resolves to %s, which is no address of an API", ip)
	}
	return nil
}

// About implements upstream.Conn.
func (a *API) About() gateway.About {
	info := gateway.JoinMembers([]gateway.Member{{Name: "name", Value: quote(a.title)}, {Name: "version", Value: quote(a.version)}})
	return gateway.About{Info: info, Capabilities: json.RawMessage(`{"tools":{}}`)}
}

// List implements upstream.Conn. An API has tools only.
func (a *API) List(_ context.Context, method, _ string) (json.RawMessage, error) {
	if method != "tools/list" {
		return nil, nil
	}
	return a.tools, nil
}

// PerSession implements upstream.Conn.
func (a *API) PerSession() bool { return false }

// Done implements upstream.Conn: there is no connection to lose.
func (a *API) Done() <-chan struct{} { return nil }

// Close implements upstream.Conn. The API can be used again after it.
func (a *API) Close() error {
	a.http.CloseIdleConnections()
	return nil
}

func quote(s string) json.RawMessage {
	raw, _ := json.Marshal(s) // strings always encode
	return raw
}
