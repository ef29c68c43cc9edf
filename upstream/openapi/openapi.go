// Package openapi makes an HTTP API that a document describes (OpenAPI 3.0 to
// 3.2, Swagger 2.0) into an upstream: each operation is a tool.
//
// # What it guarantees
//
//   - A call stays on the API: the scheme, host and port of its URL are those of
//     the operation's server, and its path is the operation's template with each
//     variable filled by one segment. Whatever an argument holds, it cannot name
//     another host, leave its segment, add a parameter that the document does not
//     give it, or a header field. Redirects are followed within that origin only.
//   - Credentials are the gateway's own. Arguments cannot set what carries them,
//     or what HTTP itself uses.
//   - Names that resolve to link-local addresses, where cloud machines keep
//     their credentials, are refused when the connection is made, not when the
//     name is looked up before.
//   - Answers are bounded, and never inflated.
//   - A call is sent once. Over TLS net/http repeats a GET, HEAD or OPTIONS if a
//     kept connection breaks before the answer.
//   - What is wrong with one operation is that operation's trouble: it is left
//     out, and [API.Faults] says why. Nothing but the document and files in its
//     folder is ever read.
//
// # How arguments are named
//
// Parameters keep their names; where one differs from another at most in case,
// it gets "_" and its place. A body is the argument "body": JSON, sent byte for
// byte; an object that becomes a form; a text; or base64 of bytes.
//
// # What an answer becomes
//
// Text and JSON become a text item, a JSON object also structuredContent, images
// and sound items of their kinds, and anything else an embedded resource. A
// status of 400 and above is a result with isError, whose text is what the API
// said: only an API that cannot be reached is down.
package openapi

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
	"toolward/upstream"
	"toolward/upstream/plain"
)

// Options configures one API.
type Options struct {
	Name     string // of the upstream, for messages and the log
	Document []byte // OpenAPI or Swagger, YAML or JSON
	File     string // name of the document in Folder
	Folder   fs.FS  // what references of the document may name; nil for nothing
	BaseURL  string // "" is what the document says
	Header   map[string]string
	// Secrets are the gateway's, by the security schemes of the document that
	// want them: a key, a token, or user:password. Header overrides them.
	Secrets    map[string]string
	Operations Choice // which operations are tools; the zero value is all
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
	title      string
	version    string
	operations map[string]*operation // by the name of the tool
	named      map[string]bool       // names that are taken
	faults     []upstream.Fault
	tools      json.RawMessage // result of tools/list
}

// New reads the document. It fails if nothing of it can be used; what is wrong
// with single operations is logged, and told by [API.Faults].
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
	a := &API{opts: o, log: o.Logger.With("server", o.Name), operations: map[string]*operation{}, named: map[string]bool{}}
	doc, err := readDocument(o.Document, o.File, o.Folder)
	if err != nil {
		return nil, err
	}
	if doc.note != "" {
		a.log.Warn(doc.note)
	}
	a.title, a.version = doc.text("info", "title"), doc.text("info", "version")
	at, err := doc.servers(o.BaseURL)
	if err != nil {
		return nil, err
	}
	sec, err := doc.security(o.Secrets)
	if err != nil {
		return nil, err
	}
	if err := a.addOperations(doc, at, sec); err != nil {
		return nil, err
	}
	a.opts.Document, a.opts.Folder = nil, nil // megabytes, and no use any more
	a.http = newHTTPClient(o.TLS)
	return a, nil
}

// leaveOut notes an operation that cannot be a tool.
func (a *API) leaveOut(name, method, path string, err error) {
	a.named[name] = true
	reason := fmt.Sprintf("the document is wrong about %s %s: %v", method, path, err)
	a.log.Warn("operation is left out", "tool", name, "method", method, "path", path, "reason", err)
	a.faults = append(a.faults, upstream.Fault{Name: name, Reason: clip(reason, 500)})
}

// Faults are the operations that were left out. It implements upstream.Faulty.
func (a *API) Faults() []upstream.Fault { return a.faults }

func newHTTPClient(t *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: refuseLinkLocal}
	return &http.Client{
		Transport: plain.New(&http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: t, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
			MaxIdleConns: 256, MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			DisableCompression: true,
		}),
		CheckRedirect: followed,
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
	raw, _ := jsontext.AppendQuote(nil, s) // what is not UTF-8 is replaced
	return json.RawMessage(raw)
}
