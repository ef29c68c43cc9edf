//go:build e2e

package attacks

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// TestConnectionsToTheRedirectEnd opens connections to the plain listener that
// redirects, and leaves them at whatever they are: each ends by itself. Those that
// were idle after an answer stayed for ever.
func TestConnectionsToTheRedirectEnd(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := free.Addr().String()
	must(t, free.Close())
	g := lab.Launch(t, lab.Options{Config: map[string]any{
		"tls":  map[string]any{"cert": "server.pem", "key": "server.pem", "redirect_http": address},
		"http": map[string]any{"header_timeout": "500ms"},
	}, Dir: lab.Keypair(t)})
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer stay.CloseIdleConnections()
	g.Until(t, "nothing redirects", func() bool {
		resp, err := stay.Get("http://" + address + "/mcp")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusPermanentRedirect
	})
	for name, sent := range map[string]string{
		"nothing sent":       "",
		"half a head":        "GET / HTTP/1.1\r\nHost: a\r\nX-",
		"idle after one":     "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"idle after two":     "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
		"idle after a no":    "GET / HTTP/1.1\r\nHost: other.example\r\n\r\n",
		"half a body":        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nab",
		"a body in chunks":   "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		"half of the second": "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / HT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			must(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, sent)
			must(t, err)
			must(t, conn.SetReadDeadline(time.Now().Add(lab.Patience)))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
		})
	}
}
