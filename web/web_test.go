package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// site serves one handler that reads its body and says how long it was.
func site(t *testing.T, opt Options) (*Server, *[]gateway.Code) {
	t.Helper()
	var refused []gateway.Code
	opt.Listen = "127.0.0.1:0"
	opt.Refused = func(_ context.Context, _ *gateway.Call, r *gateway.Refusal) *gateway.Refusal {
		refused = append(refused, r.Code)
		return r
	}
	s, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("/mcp", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		fmt.Fprint(w, len(b))
	}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, &refused
}

func do(t *testing.T, method, url string, body io.Reader, set func(*http.Request)) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if set != nil {
		set(req)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestGuardInFrontOfEverySurface(t *testing.T) {
	s, refused := site(t, Options{MaxBody: 100, Hosts: []string{"gw.example.com"}, Origins: []string{"https://app.example.com"}})
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = values }
	}
	host := func(h string) func(*http.Request) { return func(r *http.Request) { r.Host = h } }
	for _, tt := range []struct {
		name, path string
		body       string
		set        func(*http.Request)
		status     int
	}{
		{"fine", "/mcp", "x", nil, 200},
		{"configured host", "/mcp", "x", host("gw.example.com"), 200},
		{"DNS rebinding (CVE-2025-49596)", "/mcp", "x", host("evil.example"), 403},
		{"host with the port of another", "/mcp", "x", host("127.0.0.1:1"), 403},
		{"no host", "/mcp", "x", host("localhost"), 403},
		{"foreign origin", "/mcp", "x", header("Origin", "https://evil.example"), 403},
		{"null origin", "/mcp", "x", header("Origin", "null"), 403},
		{"allowed origin", "/mcp", "x", header("Origin", "https://app.example.com"), 200},
		{"its own origin", "/mcp", "x", header("Origin", s.URL()), 200},
		{"its own origin by another name", "/mcp", "x", header("Origin", strings.Replace(s.URL(), "127.0.0.1", "LOCALHOST", 1)), 200},
		{"its own origin behind a proxy with TLS", "/mcp", "x", header("Origin", "https://gw.example.com"), 200},
		{"its own host at another port", "/mcp", "x", header("Origin", "http://127.0.0.1:1"), 403},
		{"its own host in another scheme", "/mcp", "x", header("Origin", strings.Replace(s.URL(), "http", "chrome-extension", 1)), 403},
		{"its own host as user", "/mcp", "x", header("Origin", s.URL()+"@evil.example"), 403},
		{"its own host as subdomain", "/mcp", "x", header("Origin", "https://gw.example.com.evil.example"), 403},
		{"its own host without a scheme", "/mcp", "x", header("Origin", strings.TrimPrefix(s.URL(), "http://")), 403},
		{"its own origin and a path", "/mcp", "x", header("Origin", s.URL()+"/"), 403},
		{"two origins", "/mcp", "x", header("Origin", "https://app.example.com", "https://evil.example"), 403},
		{"compressed body", "/mcp", "x", header("Content-Encoding", "gzip"), 415},
		{"body over the limit", "/mcp", strings.Repeat("x", 101), nil, 413},
		{"body at the limit", "/mcp", strings.Repeat("x", 100), nil, 200},
		{"no such path", "/nothing", "x", nil, 404},
		{"double slash", "//mcp", "x", nil, 404},
		{"trailing slash", "/mcp/", "x", nil, 200},
		{"two trailing slashes", "/mcp//", "x", nil, 404},
		{"trailing slash after a dot segment", "/mcp/./", "x", nil, 404},
		{"trailing escaped slash", "/mcp%2f", "x", nil, 404},
		{"dot segment", "/./mcp", "x", nil, 404},
		{"dot-dot segment", "/a/../mcp", "x", nil, 404},
		{"escaped letter", "/%6dcp", "x", nil, 404},
		{"another case", "/MCP", "x", nil, 404},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := do(t, "POST", s.URL()+tt.path, strings.NewReader(tt.body), tt.set)
			if resp.StatusCode != tt.status {
				b, _ := io.ReadAll(resp.Body)
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, tt.status, b)
			}
			if tt.path == "/mcp" && resp.Close != (resp.StatusCode != 200) {
				t.Errorf("status %d: a connection with a body that nobody reads must be closed, and no other", resp.StatusCode)
			}
			if origin := resp.Header.Get("Access-Control-Allow-Origin"); origin != "" && resp.StatusCode != 200 {
				t.Errorf("a refused origin is told %q", origin)
			}
			if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("the error is %q (RFC 9457 section 3)", resp.Header.Get("Content-Type"))
			}
		})
	}
	if len(*refused) == 0 {
		t.Error("no refusal was handed on to be recorded")
	}
}

// Pages of another origin that may call tools may not decide for people.
func TestPrivatePathsAreForOwnPagesOnly(t *testing.T) {
	s, _ := site(t, Options{Origins: []string{"https://app.example.com"}, Private: []string{"/v1/admin/"}})
	s.Handle("/v1/admin/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for _, tt := range []struct {
		method, path, origin string
		status               int
	}{
		{"POST", "/v1/admin/x", "https://app.example.com", 403},
		{"POST", "/v1/admin/x/", "https://app.example.com", 403},
		{"OPTIONS", "/v1/admin/x", "https://app.example.com", 403},
		{"POST", "/v1/admin/x", "https://evil.example", 403},
		{"POST", "/v1/admin/x", "null", 403},
		{"POST", "/v1/admin/x", s.URL(), 200},
		{"POST", "/mcp", "https://app.example.com", 200},
	} {
		resp := do(t, tt.method, s.URL()+tt.path, nil, func(r *http.Request) {
			r.Header.Set("Origin", tt.origin)
			r.Header.Set("Access-Control-Request-Method", "POST")
		})
		if resp.StatusCode != tt.status {
			t.Errorf("%s %s from %s: %d, want %d", tt.method, tt.path, tt.origin, resp.StatusCode, tt.status)
		}
		if allowed := resp.Header.Get("Access-Control-Allow-Origin"); tt.status == 403 && allowed != "" {
			t.Errorf("%s %s from %s: CORS allows %s", tt.method, tt.path, tt.origin, allowed)
		}
	}
}

// What a browser asks for before it sends a request of an MCP client's, in
// every revision: it sends none of whose headers it was not told that it may.
func TestPreflightAllowsWhatClientsSend(t *testing.T) {
	s, _ := site(t, Options{Origins: []string{"https://app.example.com"}})
	for _, tt := range []struct{ name, asked, not string }{
		{"a session", "authorization,content-type,last-event-id,mcp-protocol-version,mcp-session-id", ""},
		{"stateless", "authorization,content-type,mcp-method,mcp-name,mcp-protocol-version", ""},
		{"parameters as headers", "authorization,content-type,mcp-method,mcp-name,mcp-param-region,mcp-param-tenant-id,mcp-protocol-version", ""},
		{"as it is written in MCP", "Mcp-Param-Region, Mcp-Param-Tenant-Id", ""},
		{"traced", "traceparent,tracestate", ""},
		{"what nobody reads", "mcp-param-region,x-forwarded-for,cookie", "x-forwarded-for"},
		{"a name that only begins like them", "mcp-params", "mcp-params"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := do(t, "OPTIONS", s.URL()+"/mcp", nil, func(r *http.Request) {
				r.Header.Set("Origin", "https://app.example.com")
				r.Header.Set("Access-Control-Request-Method", "POST")
				r.Header.Set("Access-Control-Request-Headers", tt.asked)
			})
			allowed := map[string]bool{}
			for name := range strings.SplitSeq(resp.Header.Get("Access-Control-Allow-Headers"), ",") {
				allowed[strings.ToLower(strings.TrimSpace(name))] = true
			}
			for name := range strings.SplitSeq(tt.asked, ",") {
				if name = strings.ToLower(strings.TrimSpace(name)); !allowed[name] && tt.not == "" {
					t.Errorf("%s may not be sent; allowed are %v", name, allowed)
				}
			}
			if tt.not != "" && allowed[tt.not] {
				t.Errorf("%s may be sent", tt.not)
			}
		})
	}
}

// Behind TLS on every address, the certificate names the gateway: any Host will
// do, unless names were given. Everywhere else a browser could be led in by a
// name of the attacker's (DNS rebinding).
func TestHostsThatNobodyNamed(t *testing.T) {
	cert, key := certificate(t)
	for _, tt := range []struct {
		name string
		opt  Options
		want bool
	}{
		{"TLS on every address", Options{Listen: "0.0.0.0:0", Cert: cert, Key: key}, true},
		{"TLS on every address, names given", Options{Listen: "0.0.0.0:0", Cert: cert, Key: key, Hosts: []string{"gw.example.com"}}, false},
		{"TLS on loopback", Options{Listen: "127.0.0.1:0", Cert: cert, Key: key}, false},
		{"plain on loopback", Options{Listen: "127.0.0.1:0"}, false},
		{"plain on every address", Options{Listen: "0.0.0.0:0", Insecure: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := New(tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			defer s.listener.Close()
			if got := s.knownHost("evil.example"); got != tt.want {
				t.Errorf("let in: %v", got)
			}
		})
	}
}

// A client that announces too much is told before it sends it.
func TestTooLargeIsSaidBeforeTheBodyComes(t *testing.T) {
	s, _ := site(t, Options{MaxBody: 100})
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: 101\r\n\r\n", s.listener.Addr())
	if line, err := bufio.NewReader(c).ReadString('\n'); !strings.Contains(line, " 413 ") {
		t.Errorf("%q, %v", line, err)
	}
}

// A Content-Length that lies, and a body without one, are counted.
func TestBodyLimitCountsBytes(t *testing.T) {
	s, _ := site(t, Options{MaxBody: 100})
	resp := do(t, "POST", s.URL()+"/mcp", io.MultiReader(strings.NewReader(strings.Repeat("x", 200))), nil)
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: status %d", resp.StatusCode)
	}
}

// A client that sends a byte and then waits loses its connection, and nobody
// else notices.
func TestSlowBodyIsCut(t *testing.T) {
	s, _ := site(t, Options{BodyTimeout: 100 * time.Millisecond})
	c, err := net.Dial("tcp", s.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Length: 50\r\n\r\nx", s.listener.Addr())
	if resp := do(t, "POST", s.URL()+"/mcp", strings.NewReader("y"), nil); resp.StatusCode != 200 {
		t.Errorf("another client: status %d", resp.StatusCode)
	}
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
		t.Fatalf("the connection is still open: %q", b)
	}
}

// A call may take longer than its body's deadline.
func TestDeadlineOfTheBodyIsLiftedOnceItIsRead(t *testing.T) {
	cert, key := certificate(t)
	for proto, opt := range map[string]Options{"HTTP/1.1": {}, "HTTP/2.0": {Cert: cert, Key: key}} {
		t.Run(proto, func(t *testing.T) {
			opt.BodyTimeout = 500 * time.Millisecond
			s, _ := site(t, opt)
			s.Handle("/slow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				select {
				case <-r.Context().Done():
					http.Error(w, "cancelled", http.StatusInternalServerError)
				case <-time.After(700 * time.Millisecond):
					fmt.Fprint(w, "done")
				}
			}))
			transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is not what is tested
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Post(s.URL()+"/slow", "text/plain", strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != 200 || resp.Proto != proto {
				t.Errorf("%s: status %d", resp.Proto, resp.StatusCode)
			}
		})
	}
}

func TestPlainHTTPBeyondLoopbackIsRefused(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "example.com:0"} {
		if s, err := New(Options{Listen: addr}); err == nil {
			s.listener.Close()
			t.Errorf("%s was opened without TLS", addr)
		}
	}
	s, err := New(Options{Listen: "0.0.0.0:0", Insecure: true})
	if err != nil {
		t.Fatalf("insecure: %v", err)
	}
	s.listener.Close()
}

func TestDrainFinishesCallsAndTurnsUnready(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	s, err := New(Options{Listen: "127.0.0.1:0", Refused: func(_ context.Context, _ *gateway.Call, r *gateway.Refusal) *gateway.Refusal { return r }})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("/mcp", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-leave
		fmt.Fprint(w, "done")
	}))
	draining := make(chan bool)
	s.OnDrain(func() { close(draining) })
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	answered := make(chan string, 1)
	go func() {
		resp, err := http.Get(s.URL() + "/mcp")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answered <- string(b)
	}()
	<-entered
	stop()
	<-draining
	if !s.Draining() {
		t.Error("readiness would still be true")
	}
	close(leave)
	if got := <-answered; got != "done" {
		t.Errorf("the call under way got %q", got)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// certificate writes a self-signed pair for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestTLSRefusesOldVersionsAndPlainText(t *testing.T) {
	cert, key := certificate(t)
	s, _ := site(t, Options{Cert: cert, Key: key})
	addr := s.listener.Addr().String()
	for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", addr, &tls.Config{MinVersion: version, MaxVersion: version, InsecureSkipVerify: true}) //nolint:gosec // the certificate is not what is tested
		if (err == nil) != ok {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			c.Close()
		}
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /mcp HTTP/1.1\r\nHost: %s\r\n\r\n", addr)
	line, _ := bufio.NewReader(c).ReadString('\n')
	if strings.Contains(line, " 200 ") {
		t.Errorf("plain HTTP on the TLS port: %q", line)
	}
}

func TestRedirectKeepsPathAndRefusesForeignHosts(t *testing.T) {
	cert, key := certificate(t)
	s, _ := site(t, Options{Cert: cert, Key: key, Hosts: []string{"gw.example.com"}})
	for host, status := range map[string]int{"gw.example.com": http.StatusPermanentRedirect, "evil.example": http.StatusForbidden} {
		req, err := http.NewRequest(http.MethodGet, "http://"+host+"/mcp?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		w := &recorder{header: http.Header{}}
		s.toHTTPS(w, req)
		if w.status != status {
			t.Errorf("%s: status %d, want %d", host, w.status, status)
		}
		if to := w.header.Get("Location"); status == http.StatusPermanentRedirect && !(strings.HasPrefix(to, "https://gw.example.com:") && strings.HasSuffix(to, "/mcp?x=1")) {
			t.Errorf("%s: redirected to %q", host, to)
		}
	}
}

type recorder struct {
	header http.Header
	status int
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r *recorder) WriteHeader(status int)      { r.status = status }

type degraded struct{ error }

func (degraded) Degraded() bool { return true }

func TestReadyzTellsWhatDegrades(t *testing.T) {
	parts := map[string]error{"audit": fmt.Errorf("record: %w", degraded{errors.New("a clock is wrong")}), "policy": nil}
	s, _ := site(t, Options{Ready: func() map[string]error { return parts }, Told: func(*http.Request) bool { return true }})
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		resp := do(t, "GET", s.URL()+"/readyz", nil, nil)
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != status || !strings.Contains(string(b), "a clock is wrong") {
			t.Errorf("%d %s, want %d", resp.StatusCode, b, status)
		}
		parts["policy"] = errors.New("none") // with what is wrong, it is not ready
	}
}

func TestReadyzNamesWhatIsWrong(t *testing.T) {
	broken := errors.New("disk full")
	s, _ := site(t, Options{Ready: func() map[string]error { return map[string]error{"audit": broken, "policy": nil} }, Told: func(r *http.Request) bool { return r.Header.Get("Known") != "" }})
	for known, want := range map[string]string{"": `"audit":"down"`, "yes": `"audit":"down: disk full"`} {
		resp := do(t, "GET", s.URL()+"/readyz", nil, func(r *http.Request) { r.Header.Set("Known", known) })
		b, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), want) {
			t.Errorf("%d %s", resp.StatusCode, b)
		}
	}
	if resp := do(t, "GET", s.URL()+"/healthz", nil, nil); resp.StatusCode != 200 {
		t.Errorf("healthz: %d, a full disk must not get the process restarted", resp.StatusCode)
	}
}

// Before the listener closes, /readyz says that it will, and calls go on.
func TestLameDuck(t *testing.T) {
	s, err := New(Options{Listen: "127.0.0.1:0", LameDuck: time.Minute, Refused: func(_ context.Context, _ *gateway.Call, r *gateway.Refusal) *gateway.Refusal { return r }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _ = s.Serve(ctx) }() // it is in its minute when the test ends
	t.Cleanup(func() { s.http.Close() })
	cancel()
	for !s.Draining() {
		runtime.Gosched()
	}
	resp := do(t, "GET", s.URL()+"/readyz", nil, nil)
	b, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(b), "draining") {
		t.Errorf("%d %s", resp.StatusCode, b)
	}
}
