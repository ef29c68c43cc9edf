package client_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// fixed is a server that answers each POST at once, so that what is measured
// is the client. It is of 2025-11-25 unless modern.
func fixed(b *testing.B, modern bool, size int) *httptest.Server {
	text := strings.Repeat("x", size)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		_, rest, _ := bytes.Cut(body, []byte(`"id":`))
		id, _, _ := bytes.Cut(rest, []byte(","))
		w.Header().Set("Content-Type", "application/json")
		switch {
		case bytes.Contains(body, []byte("server/discover")) && modern:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}`, id)
		case bytes.Contains(body, []byte("server/discover")):
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}`, id)
		case bytes.Contains(body, []byte("initialize")):
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{}}}`, id)
		default:
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}`, id, text)
		}
	}))
	b.Cleanup(s.Close)
	return s
}

// BenchmarkCall compares a call with the bare round trip below it, server
// included in both.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10} {
		args := `{"text":"` + strings.Repeat("y", size) + `"}`
		b.Run(fmt.Sprintf("bare/%dKiB", size>>10), func(b *testing.B) {
			s := fixed(b, false, size)
			hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}
			defer hc.CloseIdleConnections()
			body := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":` + args + `}}`
			b.ReportAllocs()
			for b.Loop() {
				resp, err := hc.Post(s.URL, "application/json", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadAll(resp.Body); err != nil {
					b.Fatal(err)
				}
				resp.Body.Close()
			}
		})
		for _, modern := range []bool{false, true} {
			name := map[bool]string{false: "legacy", true: "modern"}[modern]
			b.Run(fmt.Sprintf("%s/%dKiB", name, size>>10), func(b *testing.B) {
				s := fixed(b, modern, size)
				c, err := client.New(client.Options{Name: "s", URL: s.URL})
				if err != nil {
					b.Fatal(err)
				}
				conn, err := c.Dial(b.Context(), nil, func(gateway.Event) {})
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				call := upstreamtest.Call(nil, "echo", args)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := conn.Do(b.Context(), call); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
