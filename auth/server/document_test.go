package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// internet is a client of which every name leads to one server, as an HTTP client that
// reaches the internet only would find it.
func internet(t *testing.T, h http.Handler) *http.Client {
	t.Helper()
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	c := srv.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	tr := c.Transport.(*http.Transport)
	tr.TLSClientConfig.InsecureSkipVerify = true // the name is another
	tr.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, srv.Listener.Addr().String())
	}
	return c
}

func reader(c *http.Client) *Server {
	return &Server{
		opt:       Options{Documents: c, Log: slog.New(slog.DiscardHandler), Now: time.Now},
		documents: documents{fetched: pace{most: documentFetches}},
	}
}

const id = "https://client.example/oauth/client.json"

var local, away = mustRedirect("http://127.0.0.1:9/callback"), mustRedirect("https://client.example/callback")

func mustRedirect(raw string) *redirect {
	d, err := parseRedirect(raw)
	if err != nil {
		panic(err)
	}
	return d
}

// What a document can be, and what becomes of the client.
func TestDocuments(t *testing.T) {
	good := `{"client_id":"` + id + `","client_name":"A client","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}`
	for name, tt := range map[string]struct {
		status int
		body   string
		want   string // in the error; "" for none
	}{
		"good":               {200, good, ""},
		"another's":          {200, strings.Replace(good, "client.json", "other.json", 1), "another client's"},
		"no ID":              {200, `{"redirect_uris":["http://127.0.0.1/callback"]}`, "another client's"},
		"an ID twice":        {200, strings.Replace(good, `{`, `{"client_id":"https://evil.example/x",`, 1), "no JSON object"},
		"an ID by case":      {200, strings.Replace(good, `"client_id"`, `"Client_id"`, 1), "no JSON object"},
		"a secret":           {200, strings.Replace(good, `{`, `{"client_secret":"synthetic",`, 1), "has a secret"},
		"a secret's method":  {200, strings.Replace(good, `"none"`, `"client_secret_basic"`, 1), "has a secret"},
		"no redirects":       {200, `{"client_id":"` + id + `"}`, "1 to 10 redirect"},
		"a script":           {200, strings.Replace(good, "http://127.0.0.1/callback", "javascript:alert(1)", 1), "no client's own"},
		"too long":           {200, good + strings.Repeat(" ", maxDocument), "too long"},
		"HTML":               {200, "<html>", "no JSON object"},
		"an array":           {200, "[" + good + "]", "no JSON object"},
		"not there":          {404, good, "answered with 404"},
		"a redirect":         {302, good, "answered with 302"},
		"a broken server":    {500, good, "answered with 500"},
		"an empty answer":    {204, "", "answered with 204"},
		"numbers for a name": {200, strings.Replace(good, `"A client"`, `7`, 1), "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := atomic.Int32{}
			s := reader(internet(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				w.Header().Set("Location", "http://169.254.169.254/latest/meta-data/")
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})))
			c, err := s.documented(t.Context(), id, local)
			switch {
			case tt.want == "" && (err != nil || c.unread):
				t.Fatalf("%+v, %v", c, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("%+v, %v; want %q", c, err, tt.want)
			}
			if asked.Load() != 1 {
				t.Errorf("asked %d times", asked.Load())
			}
			if tt.want == "" {
				if c.name != "A client" || c.document != "client.example" {
					t.Errorf("%+v", c)
				}
				if _, err := s.documented(t.Context(), id, local); err != nil || asked.Load() != 1 {
					t.Errorf("it is not remembered: %v, asked %d times", err, asked.Load())
				}
			}
		})
	}
}

// A document that cannot be had leaves a client that says of itself what it is: on this
// machine, and nowhere else.
func TestDocumentsThatCannotBeHad(t *testing.T) {
	end := make(chan struct{})
	for name, c := range map[string]*http.Client{
		"a machine without the internet": {Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("network is unreachable")
		}}},
		"a server that says nothing": func() *http.Client {
			c := internet(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }))
			t.Cleanup(func() { close(end) }) // not when the client leaves: what is said then may still arrive
			c.Timeout = 50 * time.Millisecond
			return c
		}(),
		"a server that ends in the middle": internet(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "4000")
			fmt.Fprint(w, `{"client_id":`)
		})),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := reader(c).documented(t.Context(), id, local)
			if err != nil || !got.unread || len(got.redirects) != 1 || got.redirects[0] != local {
				t.Errorf("on this machine: %+v, %v", got, err)
			}
			if got, err := reader(c).documented(t.Context(), id, away); err == nil {
				t.Errorf("elsewhere: %+v", got)
			}
		})
	}
}

// IDs that lead inside, or that two readers take for two places, are asked of nobody.
func TestDocumentsInside(t *testing.T) {
	asked := atomic.Int32{}
	s := reader(internet(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })))
	for _, id := range []string{
		"https://169.254.169.254/latest/meta-data", "https://127.0.0.1/x", "https://[::1]/x", "https://[::ffff:169.254.169.254]/x", "https://localhost/x", "https://x.localhost/x",
		"https://metadata.google.internal/computeMetadata/v1", "https://printer.local/x", "https://router.lan/x", "https://nas.home.arpa/x", "https://hidden.onion/x", "https://intranet/x",
		"https://2130706433/x", "https://0x7f000001/x", "https://127.1/x", "https://0177.0.0.1/x", "https://10.0.0.1/x", "https://client.example:8443/x", "https://client.example:443/x",
		"https://user@client.example/x", "https://client.example@169.254.169.254/x", "https://client.example#@169.254.169.254/x", "https://client.example\\@169.254.169.254/x",
		"https://client.example", "https://client.example/", "https://client.example/a/../b", "https://client.example/./b", "https://client.example/%2e%2e/b", "https://client.example/x#f",
		"https://client.example./x", "https://CLIENT.example/x", "https://сlient.example/x", "https://client.example/x y", "https:///x", "https:client.example/x", "https://client.example/" + strings.Repeat("a", maxRedirect),
		"https://client.example/x\r\nHost: inside",
	} {
		if c, err := s.documented(t.Context(), id, local); err == nil {
			t.Errorf("%q: %+v", id, c)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d were asked", n)
	}
}

// Whoever opens the page with ever other IDs makes the gateway ask a few, and remember
// as many as there is room for.
func TestDocumentFlood(t *testing.T) {
	asked := atomic.Int32{}
	s := reader(internet(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"client_id":"https://%s%s","redirect_uris":["http://127.0.0.1/callback"]}`, r.Host, r.URL)
	})))
	refused := 0
	for i := range 200 {
		if _, err := s.documented(t.Context(), fmt.Sprintf("https://client.example/%d", i), local); err != nil {
			refused++
		}
	}
	if n := asked.Load(); n != documentFetches || refused != 200-documentFetches {
		t.Errorf("%d were asked, %d refused", n, refused)
	}
	for i := range 200 {
		s.documents.put(fmt.Sprint(i), described{&client{}, time.Now().Add(time.Hour)})
	}
	if n := len(s.documents.known); n > mostDocuments {
		t.Errorf("%d are remembered", n)
	}
}
