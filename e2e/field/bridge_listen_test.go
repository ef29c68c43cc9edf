//go:build e2e

package field

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// freeAddress is a port of a host that nothing listens on.
func freeAddress(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Wherever the gateway listens, a bridge and a command on its configuration find it.
func TestBridgeFindsTheGateway(t *testing.T) {
	certificate := map[string]any{"cert": "server.pem", "key": "server.pem"}
	for name, listeners := range map[string]map[string]any{
		"any port":                       {"listen": "127.0.0.1:0"},
		"a name":                         {"listen": "localhost:0"},
		"IPv6":                           {"listen": "[::1]:0"},
		"every address":                  {"listen": freeAddress(t, "0.0.0.0"), "insecure": true},
		"every address of both":          {"listen": freeAddress(t, "::"), "insecure": true},
		"a public name":                  {"listen": "127.0.0.1:0", "public_url": "https://gw.example.com"},
		"TLS":                            {"listen": "127.0.0.1:0", "tls": certificate},
		"TLS at every address":           {"listen": freeAddress(t, "0.0.0.0"), "tls": certificate},
		"TLS and a public name":          {"listen": "127.0.0.1:0", "tls": certificate, "public_url": "https://gw.example.com"},
		"operators elsewhere":            {"listen": "127.0.0.1:0", "admin": map[string]any{"listen": freeAddress(t, "127.0.0.1")}},
		"operators elsewhere, both TLS":  {"listen": "127.0.0.1:0", "tls": certificate, "admin": map[string]any{"listen": freeAddress(t, "127.0.0.1")}},
		"operators at IPv6, agents open": {"listen": freeAddress(t, "0.0.0.0"), "insecure": true, "admin": map[string]any{"listen": freeAddress(t, "::1")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := map[string]any{"auth": map[string]any{"local": map[string]any{}}, "upstreams": map[string]any{"s": lab.NewScripted(t, echoing).Config()}}
			for k, v := range listeners {
				config[k] = v
			}
			g := lab.Launch(t, lab.Options{Config: config, Dir: lab.Keypair(t)})
			for _, flags := range [][]string{nil, {"--listen", freeAddress(t, "127.0.0.1")}} {
				if flags != nil {
					g.Stop(t)
					g.Relaunch(t, flags...)
				}
				g.Until(t, "the command does not find it", func() bool {
					code, out := g.Run(t, "tools", "call", "s__echo", "--role", "tester", "--config", "toolward.yaml")
					return code == 0 && strings.Contains(out, "12345678901234567890")
				})
				b := bridged(t, g, "2025-11-25", "{}")
				b.Send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__echo","arguments":{}}}`)
				if line := b.With(t, `"id":1,`); !strings.Contains(line, "12345678901234567890") {
					t.Errorf("%v: %s", flags, line)
				}
				ends(t, b)
				if code, out := g.Run(t, "block", "list", "--config", "toolward.yaml"); code != 0 {
					t.Errorf("%v: %d %s", flags, code, out)
				}
			}
			g.Stop(t)
		})
	}
}

// With TLS, who took the port and has another certificate gets nothing.
func TestBridgeSendsNoTokenToAnotherCertificate(t *testing.T) {
	address := freeAddress(t, "127.0.0.1")
	g := lab.Launch(t, lab.Options{Dir: lab.Keypair(t), Config: map[string]any{
		"listen": address, "auth": map[string]any{"local": map[string]any{}}, "tls": map[string]any{"cert": "server.pem", "key": "server.pem"},
	}})
	g.Until(t, "it is never healthy", func() bool { code, _ := g.Run(t, "health", "--config", "toolward.yaml"); return code == 0 })
	ends(t, bridged(t, g, "2025-11-25", "{}"))
	g.Stop(t)
	theirs := lab.Keypair(t) + "/server.pem"
	pair, err := tls.LoadX509KeyPair(theirs, theirs)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", address, &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("who took the port was sent %s %s", r.Method, r.URL)
	})}
	go func() { _ = s.Serve(l) }() // ends with Close
	defer s.Close()
	b := g.Bridge(t, nil, "--role", "tester")
	b.Send(t, greeting("2025-11-25", "{}"))
	if line := b.Next(t); !strings.Contains(line, "another certificate") {
		t.Errorf("it says %s", line)
	}
	b.Close(t)
}
