package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// What an HTTP server may answer instead of an MCP message, and what becomes of
// the call. None of it is sent again.
func TestHTTPStatuses(t *testing.T) {
	tests := []struct {
		name   string
		status int
		kind   string
		body   string
		want   gateway.Code
	}{
		{"HTML", 200, "text/html", "<html>", gateway.UpstreamInvalid},
		{"nothing", 200, "", "", gateway.UpstreamInvalid},
		{"accepted, and nothing on the other stream", 202, "", "", gateway.UpstreamTimeout},
		{"JSON that is no message", 200, "application/json", `{"result":{}}`, gateway.UpstreamInvalid},
		{"two messages", 200, "application/json", `{"jsonrpc":"2.0","id":9,"result":{}}{"jsonrpc":"2.0","id":9,"result":{}}`, gateway.UpstreamInvalid},
		{"batch without the answer", 200, "application/json", `[{"jsonrpc":"2.0","id":99999,"result":{}}]`, gateway.UpstreamInvalid},
		{"empty batch", 200, "application/json", `[]`, gateway.UpstreamInvalid},
		{"batch of what are no messages", 200, "application/json", `[1,2]`, gateway.UpstreamInvalid},
		{"batch with a rest", 200, "application/json", `[{"jsonrpc":"2.0","id":null,"error":{"code":1}}]x`, gateway.UpstreamInvalid},
		{"a request", 200, "application/json", `{"jsonrpc":"2.0","id":9,"method":"ping"}`, gateway.UpstreamInvalid},
		{"another ID", 200, "application/json", `{"jsonrpc":"2.0","id":12345,"result":{}}`, gateway.UpstreamInvalid},
		{"redirect", 302, "", "", gateway.UpstreamDown},
		{"not found", 404, "text/plain", "no", gateway.UpstreamInvalid},
		{"unauthorized", 401, "application/json", `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no"}}`, gateway.UpstreamDown},
		{"forbidden", 403, "", "", gateway.UpstreamDown},
		{"too many", 429, "", "", gateway.UpstreamDown},
		{"broken", 500, "text/html", "<html>", gateway.UpstreamDown},
		{"bad gateway", 502, "", "", gateway.UpstreamDown},
		{"overloaded", 503, "", "", gateway.UpstreamDown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			scripted := upstreamtest.Serve(t, upstreamtest.Script{})
			var calls atomic.Int32
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				raw, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				if strings.Contains(string(raw), `"method":"tools/call"`) {
					calls.Add(1)
					w.Header().Set("Content-Type", tt.kind)
					w.Header().Set("Location", "http://192.0.2.1/")
					w.Header().Set("Retry-After", "7")
					w.WriteHeader(tt.status)
					_, _ = io.WriteString(w, tt.body)
					return
				}
				r.Body = io.NopCloser(strings.NewReader(string(raw)))
				scripted.ServeHTTP(w, r)
			}))
			defer front.Close()
			o := client.Options{Name: "s", URL: front.URL}
			if tt.want == gateway.UpstreamTimeout {
				o.Timeout = 2 * time.Second
			}
			c, err := client.New(o)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
			wantCode(t, err, tt.want)
			var r *gateway.Refusal
			if errors.As(err, &r) && tt.status == 429 && r.RetryAfter != 7*time.Second {
				t.Errorf("retry after %s", r.RetryAfter)
			}
			if n := calls.Load(); n != 1 {
				t.Errorf("the call was sent %d times", n)
			}
		})
	}
}
