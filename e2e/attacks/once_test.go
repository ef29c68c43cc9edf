//go:build e2e

package attacks

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestAnAPIThatBreaksOffIsAskedOnce has an API end connections in the midst of an
// answer, at every point that tells a client something else, on connections that
// are new and that served a call before. Each call was judged once: it reaches the
// API once, whatever its method (RFC 9110 §9.2.2 lets a client repeat a GET).
func TestAnAPIThatBreaksOffIsAskedOnce(t *testing.T) {
	parts := []string{
		"", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 408 Request Timeout\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	}
	api := lab.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/break/%d", &n); err != nil {
			w.Header().Set("Connection", map[bool]string{true: "close", false: "keep-alive"}[r.URL.Path == "/last"])
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, parts[n])
	})
	var paths strings.Builder
	methods := []string{"get", "put", "post", "delete", "options", "head", "patch"}
	for _, m := range methods {
		fmt.Fprintf(&paths, "  /break/{n}/%[1]s: {%[1]s: {operationId: break_%[1]s, parameters: [{name: n, in: path, required: true, schema: {type: integer}}]}}\n", m)
	}
	g := lab.Launch(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{
		"api": api.Config(t, "openapi: 3.1.0\npaths:\n  /fine: {get: {operationId: fine}}\n  /last: {get: {operationId: last}}\n"+paths.String(), nil),
	}}})
	g.WaitReady(t)
	token := g.Tester()
	for _, method := range methods {
		for n, part := range parts {
			for _, before := range []string{"fine", "last"} {
				g.Until(t, "the API does not come back", func() bool {
					return lab.CallREST(t, g, token, "api__"+before, `{}`).Code == ""
				})
				api.Requests()
				a := lab.CallREST(t, g, token, "api__break_"+method, fmt.Sprintf(`{"n":%d}`, n))
				if got := len(api.Requests()); got != 1 {
					t.Errorf("%s, ended after %q, after %s: the API was asked %d times: %s %.200s", method, part, before, got, a.Code, a.Text)
				}
				if a.Code == "" && (method != "head" || !strings.Contains(part, "\r\n\r\n")) {
					t.Errorf("%s, ended after %q: answered %.200s", method, part, a.Text)
				}
			}
		}
	}
}
