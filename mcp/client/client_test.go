package client_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

func TestMain(m *testing.M) {
	parent()
	upstreamtest.Main()
	pipeMain()
	goleak.VerifyTestMain(m)
}

// rig is a connection to a scripted server.
type rig struct {
	*client.Conn
	http   *upstreamtest.HTTP // nil over stdio
	ledger string
	events chan gateway.Event
}

// transports are the ways to reach a scripted server.
var transports = []string{"stdio", "http", "http+sse-answers", "http+sessions", "sse"}

func dial(t *testing.T, transport string, s upstreamtest.Script, o client.Options, origin gateway.Origin) *rig {
	t.Helper()
	r, err := tryDial(t, transport, s, o, origin)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryDial(t *testing.T, transport string, s upstreamtest.Script, o client.Options, origin gateway.Origin) (*rig, error) {
	t.Helper()
	r := &rig{ledger: filepath.Join(t.TempDir(), "ledger"), events: make(chan gateway.Event, 10_000)}
	s.Ledger = r.ledger
	o.Name = "s"
	if testing.Verbose() {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	switch transport {
	case "stdio":
		o.Command, o.Env = upstreamtest.Command(t, s)
	case "http+sse-answers":
		s.Faults = append(s.Faults, "sse_answers")
	case "http+sessions":
		s.Faults = append(s.Faults, "sessions")
	}
	if transport != "stdio" {
		r.http = upstreamtest.Serve(t, s)
		o.URL = r.http.URL
		if transport == "sse" {
			o.URL = r.http.Test.URL + "/sse"
		}
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Conn, err = c.Dial(t.Context(), origin, func(e gateway.Event) { r.events <- e })
	if err == nil {
		t.Cleanup(func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return r, err
}

// wrote waits until the ledger has a line with the text.
func (r *rig) wrote(t *testing.T, text string) {
	t.Helper()
	waitFor(t, "ledger: "+text, func() bool { return strings.Contains(r.read(t), text) })
}

func (r *rig) read(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(r.ledger)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(raw)
}

// waitFor polls what another process does: there is no event to wait for.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}

func call(t *testing.T, r *rig, a *upstreamtest.Agent, tool, args string, extra ...gateway.Member) *gateway.Result {
	t.Helper()
	res, err := r.Do(t.Context(), upstreamtest.Call(a, tool, args, extra...))
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return res
}

func wantCode(t *testing.T, err error, code gateway.Code) {
	t.Helper()
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("got %v, want a refusal with code %s", err, code)
	}
}

func TestResultsErrorsAndListsAreByteExact(t *testing.T) {
	const args = `{"n":12345678901234567890,"f":1.0,"e":1e3,"s":"<&>\u2028 é","z":{"b":1,"a":2},"l":[]}`
	for _, transport := range transports {
		for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", upstreamtest.Modern} {
			if transport == "sse" && revision != "2024-11-05" {
				continue
			}
			t.Run(transport+" "+revision, func(t *testing.T) {
				r := dial(t, transport, upstreamtest.Script{Revision: revision}, client.Options{}, nil)
				if got := r.About().Revision; got != revision {
					t.Fatalf("revision %s, want %s", got, revision)
				}
				if got, want := string(r.About().Info), `{"name":"scripted","version":"1","x":1.0}`; got != want {
					t.Errorf("info %s, want %s", got, want)
				}
				// ParseArgs refuses the 20-digit number; servers may send it.
				sent := strings.Replace(args, "12345678901234567890", "12", 1)
				if got, want := string(call(t, r, nil, "echo", sent).Raw), upstreamtest.EchoResult(sent); got != want {
					t.Errorf("result\n got %s\nwant %s", got, want)
				}
				if got := string(call(t, r, nil, "rpc_error", `{}`).Error); got != upstreamtest.RPCError {
					t.Errorf("error\n got %s\nwant %s", got, upstreamtest.RPCError)
				}
				if !call(t, r, nil, "tool_error", `{}`).IsError {
					t.Error("isError: true was not seen")
				}
				raw, err := r.List(t.Context(), "tools/list", "")
				if err != nil {
					t.Fatal(err)
				}
				if want := `{"tools":[` + strings.Join(upstreamtest.Tools, ",") + `],"_meta":{"list":1.0},"ttlMs":600000,"x-list":12345678901234567890}`; string(raw) != want {
					t.Errorf("list\n got %s\nwant %s", raw, want)
				}
			})
		}
	}
}

func TestAgentsMetaReachesTheServerWithoutTheGatewaysOwn(t *testing.T) {
	meta := gateway.Member{Name: "_meta", Value: []byte(`{"toolward/decision":{"forged":true},"x/y":1.0,"io.modelcontextprotocol/related-task":{"taskId":"t"}}`)}
	for _, revision := range []string{"2025-11-25", upstreamtest.Modern} {
		t.Run(revision, func(t *testing.T) {
			r := dial(t, "http", upstreamtest.Script{Revision: revision}, client.Options{}, nil)
			call(t, r, &upstreamtest.Agent{ID: "a", Caps: `{"sampling":{},"tasks":{}}`}, "echo", `{}`, meta)
			_, got := r.http.Last("tools/call")
			if strings.Contains(got, "forged") || !strings.Contains(got, `"x/y":1.0,"io.modelcontextprotocol/related-task":{"taskId":"t"}`) {
				t.Errorf("sent %s", got)
			}
			const modern = `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"agent-a","version":"1"},"io.modelcontextprotocol/clientCapabilities":{"sampling":{}}`
			if strings.Contains(got, modern) != (revision == upstreamtest.Modern) {
				t.Errorf("sent %s", got)
			}
		})
	}
}

func TestModernHeadersComeFromWhatIsSent(t *testing.T) {
	r := dial(t, "http", upstreamtest.Script{Revision: upstreamtest.Modern}, client.Options{Header: map[string]string{"Authorization": "Bearer synthetic"}}, nil)
	c := upstreamtest.Call(nil, "naïve", `{"region":"judged"}`)
	c.Tool.Definition = []byte(`{"name":"naïve","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}`)
	c.Tool.Fingerprint = "f"
	c.Sent, _ = gateway.ParseArgs([]byte(`{"region":"[redacted]"}`))
	if _, err := r.Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	h, _ := r.http.Last("tools/call")
	for name, want := range map[string]string{
		"Mcp-Method": "tools/call", "Mcp-Name": "=?base64?bmHDr3Zl?=", "Mcp-Param-Region": "[redacted]",
		"Mcp-Protocol-Version": upstreamtest.Modern, "Authorization": "Bearer synthetic",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
