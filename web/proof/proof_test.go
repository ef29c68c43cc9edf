package proof

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// listener is a server that answers the proof by handler, and counts the tokens
// that it was sent.
func listener(t *testing.T, proof http.Handler) (url string, tokens *atomic.Int32) {
	t.Helper()
	tokens = new(atomic.Int32)
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, proof)
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			tokens.Add(1)
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL, tokens
}

func send(t *testing.T, key []byte, to string) error {
	t.Helper()
	client := &http.Client{Transport: Transport(key)}
	defer client.CloseIdleConnections()
	for range 3 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to+"/mcp", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer synthetic")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	return nil
}

func TestTheGatewayIsSentTheToken(t *testing.T) {
	url, tokens := listener(t, Handler([]byte("key")))
	if err := send(t, []byte("key"), url); err != nil || tokens.Load() != 3 {
		t.Errorf("%v, %d tokens", err, tokens.Load())
	}
}

// Whoever listens there and is not the gateway gets no token, whatever it answers.
func TestOthersAreSentNoToken(t *testing.T) {
	key := []byte(rand.Text())
	gateway, _ := listener(t, Handler(key))
	say := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	target, err := url.Parse(gateway)
	if err != nil {
		t.Fatal(err)
	}
	for name, proof := range map[string]http.Handler{
		"another installation's gateway": Handler([]byte(rand.Text())),
		"no proof":                       http.NotFoundHandler(),
		"nothing":                        say(200, ""),
		"much":                           say(200, strings.Repeat("x", 1<<20)),
		"the nonce": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.URL.Query().Get("nonce"))
		}),
		"the proof under another status": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			Handler(key).ServeHTTP(w, r)
		}),
		"a redirect to the gateway":  http.RedirectHandler(gateway+Path, http.StatusTemporaryRedirect),
		"handed on from the gateway": httputil.NewSingleHostReverseProxy(target),
		"the proof, and the end of it": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close")
			Handler(key).ServeHTTP(w, r)
		}),
		"a hijacked connection, no HTTP": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_, _ = io.WriteString(c, "SSH-2.0\r\n")
			c.Close()
		}),
	} {
		t.Run(name, func(t *testing.T) {
			url, tokens := listener(t, proof)
			if err := send(t, key, url); !errors.Is(err, ErrUnproved) {
				t.Errorf("the error is %v", err)
			}
			if tokens.Load() > 0 {
				t.Error("it was sent the token")
			}
		})
	}
}

// A connection does not inherit the proof of one before: the gateway ends, and
// another takes its port.
func TestEachConnectionProvesItself(t *testing.T) {
	key := []byte("key")
	gateway := httptest.NewServer(Handler(key))
	client := &http.Client{Transport: Transport(key)}
	ask := func() error {
		resp, err := client.Get(gateway.URL + Path + "?nonce=" + strings.Repeat("A", nonceSize))
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	address := gateway.Listener.Addr().String()
	gateway.Close()
	taken, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("the port is gone: ", err)
	}
	thief := httptest.NewUnstartedServer(http.NotFoundHandler())
	thief.Listener.Close()
	thief.Listener = taken
	thief.Start()
	defer thief.Close()
	if err := ask(); !errors.Is(err, ErrUnproved) {
		t.Errorf("the error is %v", err)
	}
}
