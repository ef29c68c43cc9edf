package client_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// front stands before a scripted server and answers tool calls itself. Listening
// gets what is to be sent on the GET stream.
type front struct {
	*httptest.Server
	listening chan string
}

// endOfStream ends the GET stream that takes it from listening.
const endOfStream = ""

func newFront(t *testing.T, script upstreamtest.Script, call func(w http.ResponseWriter, r *http.Request, id string, listening chan string)) *front {
	t.Helper()
	f := &front{listening: make(chan string, 8)}
	scripted := upstreamtest.Serve(t, script)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		var m struct {
			ID     json.RawMessage
			Method string
		}
		switch _ = json.Unmarshal(raw, &m); { // a GET has no body
		case r.Method == http.MethodGet:
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			for {
				select {
				case text := <-f.listening:
					if text == endOfStream {
						return
					}
					_, _ = io.WriteString(w, text)
					w.(http.Flusher).Flush()
				case <-r.Context().Done():
					return
				}
			}
		case m.Method == "tools/call":
			call(w, r, string(m.ID), f.listening)
		default:
			r.Body = io.NopCloser(bytes.NewReader(raw))
			scripted.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { f.CloseClientConnections(); f.Close() })
	return f
}

func (f *front) dial(t *testing.T, o client.Options) *client.Conn {
	t.Helper()
	o.Name, o.URL = "s", f.URL
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func zipped(parts ...string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, p := range parts {
		_, _ = io.WriteString(z, p) // a buffer takes everything
		_ = z.Flush()
	}
	_ = z.Close()
	return b.String()
}

func deflated(text string) string {
	var b bytes.Buffer
	z, _ := flate.NewWriter(&b, 9)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// Each form in which servers answer over HTTP. In a body, ID is the request's
// ID and OK is a result; a part that ends with | is flushed on its own.
func TestFormsOfAnAnswer(t *testing.T) {
	const ok, message = `{"content":[{"type":"text","text":"é😀"}]}`, `{"jsonrpc":"2.0","id":ID,"result":OK}`
	const progress = `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":ID,"progress":1}}`
	tests := []struct {
		name   string
		status int
		kind   string
		body   string
		coding string
		code   gateway.Code // "" is the result
	}{
		{"JSON", 200, "application/json", message, "", ""},
		{"JSON with a charset", 200, "application/json; charset=utf-8", message, "", ""},
		{"JSON, odd case and blanks", 200, " Application/JSON ;charset=UTF-8", message, "", ""},
		{"JSON with a broken parameter", 200, "application/json; charset", message, "", ""},
		{"no content type", 200, "-", message, "", ""},
		{"plain text", 200, "text/plain; charset=utf-8", message, "", ""},
		{"a relative of JSON", 200, "application/vnd.mcp+json", message, "", ""},
		{"another type", 200, "text/html", message, "", gateway.UpstreamInvalid},
		{"201", 201, "application/json", message, "", ""},
		{"202 with the answer", 202, "application/json", message, "", ""},
		{"202 with a stream", 202, "text/event-stream", "data: " + message + "\n\n", "", ""},
		{"500 with a result", 500, "application/json", message, "", gateway.UpstreamDown},
		{"byte order mark", 200, "application/json", "\xef\xbb\xbf" + message, "", ""},
		{"blanks around", 200, "application/json", "\r\n " + message + "\r\n\r\n", "", ""},
		{"lines within", 200, "application/json", "{\n\t\"jsonrpc\": \"2.0\",\n\t\"id\": ID,\n\t\"result\":OK\n}", "", ""},
		{"result before ID", 200, "application/json", `{"result":OK,"jsonrpc":"2.0","id":ID}`, "", ""},
		{"the ID as a string", 200, "application/json", `{"jsonrpc":"2.0","id":"ID","result":OK}`, "", ""},
		{"another ID", 200, "application/json", `{"jsonrpc":"2.0","id":"xID","result":OK}`, "", gateway.UpstreamInvalid},
		{"an ID with a fraction", 200, "application/json", `{"jsonrpc":"2.0","id":ID.0,"result":OK}`, "", gateway.UpstreamInvalid},
		{"members of a later version", 200, "application/json", `{"jsonrpc":"2.0","id":ID,"result":OK,"x-trace":[1]}`, "", ""},
		{"array of one", 200, "application/json", `[` + message + `]`, "", ""},
		{"array with a notification", 200, "application/json", `[` + progress + `, ` + message + `]`, "", ""},
		{"array with another's answer", 200, "application/json", `[{"jsonrpc":"2.0","id":999,"result":{}},` + message + `]`, "", ""},
		{"stream", 200, "text/event-stream", "event: message\ndata: " + message + "\n\n", "", ""},
		{"stream with a charset", 200, "text/event-stream;charset=utf-8", "data:" + message + "\n\n", "", ""},
		{"stream, CR LF", 200, "text/event-stream", "event: message\r\ndata: " + message + "\r\n\r\n", "", ""},
		{"stream, CR", 200, "text/event-stream", "event: message\rdata: " + message + "\r\r", "", ""},
		{"stream, mixed line ends", 200, "text/event-stream", ": x\r\ndata: " + message + "\n\r\n", "", ""},
		{"stream, byte order mark", 200, "text/event-stream", "\xef\xbb\xbfdata: " + message + "\n\n", "", ""},
		{"stream, half a byte order mark at a time", 200, "text/event-stream", "\xef|\xbb|\xbfdata: " + message + "\n\n", "", ""},
		{"stream, comments and pings", 200, "text/event-stream", ": ping\n\n:\n\nevent: ping\ndata: now\n\ndata: " + message + "\n\n", "", ""},
		{"stream, other events", 200, "text/event-stream", "event: endpoint\ndata: /x\n\nevent: heartbeat\ndata: {}\n\ndata: " + message + "\n\n", "", ""},
		{"stream, retry and ID", 200, "text/event-stream", "retry: 3000\nid: 1\n\nretry: x\nid: 2\ndata: " + message + "\n\n", "", ""},
		{"stream, data over lines", 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":ID,\"result\":OK}\n\n", "", ""},
		{"stream, fields of later", 200, "text/event-stream", "x-later: 1\nnothing\ndata: " + message + "\n\n", "", ""},
		{"stream, array", 200, "text/event-stream", "data: [" + progress + "," + message + "]\n\n", "", ""},
		{"stream, the ID as a string", 200, "text/event-stream", `data: {"jsonrpc":"2.0","id":"ID","result":OK}` + "\n\n", "", ""},
		{"stream, another's answer first", 200, "text/event-stream", `data: {"jsonrpc":"2.0","id":999,"result":{}}` + "\n\ndata: " + message + "\n\n", "", ""},
		{"stream, cut within characters", 200, "text/event-stream", "data: {\"jsonrpc\":\"2.0\",\"id\":ID,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"\xc3|\xa9\xf0|\x9f\x98|\x80\"}]}}\n\n", "", ""},
		{"stream, cut at every line", 200, "text/event-stream", "event:| message\n|data: |" + message + "|\n|\n", "", ""},
		{"stream, no blank line at the end", 200, "text/event-stream", "data: " + message + "\n", "", gateway.UpstreamDown},
		{"gzip", 200, "application/json", zipped(message), "gzip", ""},
		{"gzip by its old name", 200, "application/json", zipped(message), "X-GZIP", ""},
		{"gzip, stream", 200, "text/event-stream", zipped(": hello\n\n", "data: "+message+"\n\n"), "gzip", ""},
		{"identity", 200, "application/json", message, "identity", ""},
		{"gzip, large and alike", 200, "application/json", zipped(strings.Replace(message, "OK", `{"x":"`+strings.Repeat("z", 900<<10)+`"}`, 1)), "gzip", ""},
		{"gzip that becomes too much", 200, "application/json", zipped(strings.Repeat("z", 2<<20)), "gzip", gateway.UpstreamInvalid},
		{"gzip, a stream of nothing", 200, "text/event-stream", zipped(strings.Repeat(":\n\n", 32<<20)), "gzip", gateway.UpstreamInvalid},
		{"gzip in gzip", 200, "application/json", zipped(zipped(message)), "gzip, gzip", gateway.UpstreamInvalid},
		{"not gzip", 200, "application/json", message, "gzip", gateway.UpstreamInvalid},
		{"gzip cut short", 200, "application/json", zipped(message)[:20], "gzip", gateway.UpstreamDown},
		{"deflate", 200, "application/json", deflated(message), "deflate", gateway.UpstreamInvalid},
		{"brotli", 200, "application/json", message, "br", gateway.UpstreamInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fill := func(id, text string) string {
				return strings.NewReplacer("ID", id, "OK", ok).Replace(text)
			}
			f := newFront(t, upstreamtest.Script{Revision: "2025-03-26"}, func(w http.ResponseWriter, r *http.Request, id string, _ chan string) {
				if got := r.Header.Get("Accept-Encoding"); got != "gzip" {
					t.Errorf("Accept-Encoding %q", got)
				}
				body := tt.body
				if strings.Contains(strings.ToLower(tt.coding), "gzip") && strings.HasPrefix(body, "\x1f\x8b") {
					body = rezip(t, body, func(text string) string { return fill(id, text) })
				} else {
					body = fill(id, body)
				}
				w.Header()["Content-Type"] = []string{tt.kind}
				if tt.kind == "-" {
					w.Header()["Content-Type"] = nil
				}
				if tt.coding != "" {
					w.Header().Set("Content-Encoding", tt.coding)
				}
				w.WriteHeader(tt.status)
				parts := []string{body}
				if tt.coding == "" {
					parts = strings.Split(body, "|")
				}
				for _, part := range parts {
					_, _ = io.WriteString(w, part)
					w.(http.Flusher).Flush()
				}
			})
			conn := f.dial(t, client.Options{MaxAnswer: 1 << 20})
			result, err := conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
			if tt.code != "" {
				wantCode(t, err, tt.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := string(result.Raw); got != ok && !strings.Contains(got, "zzzz") {
				t.Errorf("got %s", got)
			}
		})
	}
}

// rezip fills in what is in a gzip, keeping what cannot be read as it is.
func rezip(t *testing.T, body string, fill func(string) string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || len(plain) > 16<<20 {
		return body
	}
	return zipped(fill(string(plain)))
}

// A server that answers on another stream than the call's own is understood,
// whatever it does with that.
func TestAnswersOnTheOtherStream(t *testing.T) {
	const answer = `{"jsonrpc":"2.0","id":%s,"result":{"for":%s}}`
	tests := map[string]func(w http.ResponseWriter, r *http.Request, listening chan string, text string){
		"202": func(w http.ResponseWriter, _ *http.Request, listening chan string, text string) {
			w.WriteHeader(http.StatusAccepted)
			w.(http.Flusher).Flush()
			listening <- "data: " + text + "\n\n"
		},
		"202, later": func(w http.ResponseWriter, _ *http.Request, listening chan string, text string) {
			listening <- "data: " + text + "\n\n"
			w.WriteHeader(http.StatusAccepted)
		},
		"202, while the other stream is opened again": func(w http.ResponseWriter, _ *http.Request, listening chan string, text string) {
			listening <- endOfStream
			listening <- "data: " + text + "\n\n"
			w.WriteHeader(http.StatusAccepted)
		},
		"a stream that stays open": func(w http.ResponseWriter, r *http.Request, listening chan string, text string) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.(http.Flusher).Flush()
			listening <- "data: " + text + "\n\n"
			<-r.Context().Done()
		},
	}
	for name, serve := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, upstreamtest.Script{}, func(w http.ResponseWriter, r *http.Request, id string, listening chan string) {
				serve(w, r, listening, fmt.Sprintf(answer, id, id))
			})
			conn := f.dial(t, client.Options{})
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if _, err := conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}

// A redirect that asks for the same request at the same origin is followed, with
// everything; any other is named in the log, and nothing goes there.
func TestRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s went to another origin", r.Method)
	}))
	defer other.Close()
	tests := []struct {
		name   string
		status int
		to     string // "" is /mcp/ at the same origin
		says   string // of the error; "" is that it works
	}{
		{"307", 307, "", ""},
		{"308", 308, "", ""},
		{"307, absolute", 307, "SELF/mcp/", ""},
		{"301", 301, "", "HTTP error status 301 to \"SELF/mcp/\""},
		{"302", 302, "", "HTTP error status 302 to"},
		{"303", 303, "", "HTTP error status 303 to"},
		{"307 to another port", 307, other.URL + "/mcp", "HTTP error status 307 to \"" + other.URL + "/mcp\""},
		{"308 to another host", 308, "http://192.0.2.1/mcp?token=synthetic", "to \"http://192.0.2.1/mcp\""},
		{"307 to another scheme", 307, "https://HOST/mcp", "to \"https://"},
		{"307 to a file", 307, "file:///etc/passwd", "to \"file:///etc/passwd\""},
		{"307 with credentials", 307, "http://user:synthetic@192.0.2.1/", "to \"http://192.0.2.1/\""},
		{"307 to itself", 307, "/mcp", "HTTP error status 307"},
		{"307 to nowhere", 307, "-", "to nowhere"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scripted := upstreamtest.Serve(t, upstreamtest.Script{})
			var self string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/mcp" {
					to := strings.NewReplacer("SELF", self, "HOST", strings.TrimPrefix(self, "http://")).Replace(tt.to)
					if to == "" {
						to = "/mcp/"
					}
					if to != "-" {
						w.Header().Set("Location", to)
					}
					w.WriteHeader(tt.status)
					return
				}
				if got := r.Header.Get("Authorization"); got != "Bearer synthetic" {
					t.Errorf("Authorization %q", got)
				}
				if r.Header.Get("Referer") != "" {
					t.Error("a Referer was sent")
				}
				scripted.ServeHTTP(w, r)
			}))
			defer s.Close()
			self = s.URL
			var log bytes.Buffer
			c, err := client.New(client.Options{
				Name: "s", URL: s.URL + "/mcp", Kind: client.KindHTTP, Header: map[string]string{"Authorization": "Bearer synthetic"},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
			if err != nil {
				want := strings.ReplaceAll(tt.says, "SELF", self)
				if tt.says == "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "synthetic") {
					t.Errorf("got %v, want %q", err, want)
				}
				return
			}
			defer conn.Close()
			if tt.says != "" {
				t.Fatalf("it works, want %q", tt.says)
			}
			if _, err := conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`)); err != nil {
				t.Error(err)
			}
			if n := strings.Count(log.String(), "redirects each request"); n != 1 {
				t.Errorf("logged %d times: %s", n, &log)
			}
		})
	}
}

// What a server says of an error is in what the operator reads, without the
// credentials that it may repeat, and not in what the agent reads.
func TestWhatAServerSaysOfAnError(t *testing.T) {
	const secret = "Bearer synthetic-credential"
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"text":       {400, "text/plain", "Bad Request: Unsupported\n protocol version", `HTTP error status 400: "Bad Request: Unsupported protocol version"`},
		"JSON":       {500, "application/json", `{"detail":"boom"}`, `HTTP error status 500: "{\"detail\":\"boom\"}"`},
		"HTML":       {502, "text/html", "<html><title>Bad gateway</title>", `HTTP error status 502: "<html><title>Bad gateway</title>"`},
		"long":       {503, "text/html", strings.Repeat("x ", 4<<10), `…"`},
		"credential": {401, "text/plain", "no: " + secret + " and synthetic-credential", `HTTP error status 401: "no: [credential] and [credential]"`},
		"controls":   {400, "text/plain", "\x1b[31m\u202ered", `HTTP error status 400: "\x1b[31m\u202ered"`},
		"nothing":    {400, "text/plain", "", "HTTP error status 400"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t, upstreamtest.Script{}, func(w http.ResponseWriter, _ *http.Request, _ string, _ chan string) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			conn := f.dial(t, client.Options{Header: map[string]string{"Authorization": secret}})
			_, err := conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "synthetic") || len(err.Error()) > 500 {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
			var r *gateway.Refusal
			if !errors.As(err, &r) || tt.body != "" && strings.Contains(strings.Join(r.Reasons, " ")+r.Remedy, tt.body[:4]) {
				t.Errorf("the agent reads %+v", r)
			}
		})
	}
}

// MCP 2025-06-18 basic/transports: the agreed revision is in the header of every
// message after initialize, whatever it is. Revisions before know no header.
func TestRevisionIsInTheHeaderOfEveryMessage(t *testing.T) {
	for _, revision := range []string{"2025-03-26", "2025-06-18", "2025-11-25", upstreamtest.Modern} {
		t.Run(revision, func(t *testing.T) {
			want := revision
			if revision < "2025-06-18" {
				want = ""
			}
			scripted := upstreamtest.Serve(t, upstreamtest.Script{Revision: revision, Faults: []string{"sessions"}})
			var mu sync.Mutex
			seen := map[string]bool{}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				raw, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				var m struct{ Method string }
				_ = json.Unmarshal(raw, &m) // a GET has no body
				what := strings.TrimSpace(r.Method + " " + m.Method)
				mu.Lock()
				seen[what] = true
				mu.Unlock()
				if got := r.Header.Get("Mcp-Protocol-Version"); got != want && m.Method != "initialize" && m.Method != "server/discover" {
					t.Errorf("%s: %q, want %q", what, got, want)
				}
				r.Body = io.NopCloser(bytes.NewReader(raw))
				scripted.ServeHTTP(w, r)
			}))
			defer s.Close()
			defer s.CloseClientConnections()
			c, err := client.New(client.Options{Name: "s", URL: s.URL + "/mcp"})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			a := &upstreamtest.Agent{ID: "a", Caps: `{"sampling":{}}`}
			for _, tool := range []string{"echo", "sample"} {
				if tool == "sample" && revision == upstreamtest.Modern {
					continue
				}
				if _, err := conn.Do(t.Context(), upstreamtest.Call(a, tool, `{}`)); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			if revision != upstreamtest.Modern {
				for _, what := range []string{"POST notifications/initialized", "POST tools/call", "POST", "GET", "DELETE"} {
					if !seen[what] {
						t.Errorf("%s was never sent", what)
					}
				}
			}
		})
	}
}
