//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"toolward/config"
	"toolward/gateway"
)

// refusing is a whole gateway without a listener, over an upstream with one tool that
// has a schema, in which each agent makes one call and no more.
func refusing(t testing.TB) *rooms {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
		}
		if json.NewDecoder(r.Body).Decode(&m) != nil || m.ID == nil {
			w.WriteHeader(http.StatusAccepted)
			return
		}
		result := map[string]string{
			"initialize": `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"u","version":"1"}}`,
			"tools/list": `{"tools":[{"name":"pay","inputSchema":{"type":"object","properties":{"to":{"type":"string"},"amount":{"type":"number","minimum":0}},"required":["to","amount"]}}]}`,
			"tools/call": `{"content":[{"type":"text","text":"paid"}]}`,
		}[m.Method]
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, result)
	}))
	t.Cleanup(upstream.Close)
	dir := t.TempDir()
	policy := "package servers.bank\n\nallow := true\n\n" +
		"meter contains {\"name\": \"paid\", \"amount\": input.args.amount, \"key\": input.args.to, \"window\": \"24h\"}\n\n" +
		"deny contains \"more than 1000 a day\" if input.meters.paid.total > 1000\n\nredact contains \"args.pin\" if startswith(input.args.to, \"x\")\n"
	file := filepath.Join(dir, "toolward.yaml")
	text := fmt.Sprintf("audit: {path: %q}\nauth: {local: {key_file: %q}}\npolicy: {path: %q}\nupstreams: {bank: {url: %q}}\nlimits: {default: {rate: 1/h, burst: 1}}\n",
		filepath.Join(dir, "t.db"), filepath.Join(dir, "key"), filepath.Join(dir, "p.rego"), upstream.URL)
	for name, text := range map[string]string{file: text, filepath.Join(dir, "p.rego"): policy} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := open(t.Context(), cfg, slog.New(slog.DiscardHandler), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	for len(r.catalog.List(gateway.KindTool, "bank")) == 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("the upstream does not come up")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return r
}

func payment(t testing.TB, agent, args string) *gateway.Call {
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	c.Agent, c.Name = &gateway.Agent{ID: agent, Issuer: "https://id.test"}, "bank__pay"
	var err error
	if c.Args, err = gateway.ParseArgs([]byte(args)); err != nil {
		t.Fatal(err)
	}
	return c
}

// asked counts what a call over its rate must not be asked about.
type asked struct {
	gateway.Catalog
	gateway.Guard
	gateway.Policy
	checks, scans, evaluations int
}

func (a *asked) Find(kind gateway.Kind, server, name string) (*gateway.Tool, error) {
	tool, err := a.Catalog.Find(kind, server, name)
	if err != nil {
		return nil, err
	}
	counted := *tool
	counted.Check = func(args gateway.Args) (gateway.Args, error) { a.checks++; return tool.Check(args) }
	return &counted, nil
}

func (a *asked) Request(ctx context.Context, c *gateway.Call) (gateway.Report, error) {
	a.scans++
	return a.Guard.Request(ctx, c)
}

func (*asked) Revision() string { return "" }

func (a *asked) CountRequest(ctx context.Context, c *gateway.Call) (gateway.Tally, error) {
	a.evaluations++
	return a.Policy.CountRequest(ctx, c)
}

func (a *asked) DecideRequest(ctx context.Context, c *gateway.Call) (gateway.Decision, error) {
	a.evaluations++
	return a.Policy.DecideRequest(ctx, c)
}

// TestOverItsRateIsAskedNothing counts: a call that its rate refuses is held against
// no schema, scanned by nobody and judged by no rule, also not for the record, and
// it is refused for its rate whatever else is wrong with it.
func TestOverItsRateIsAskedNothing(t *testing.T) {
	r := refusing(t)
	a := &asked{Catalog: r.catalog, Guard: r.scanner, Policy: r.engine}
	r.road.Catalog, r.road.Guard, r.road.Policy = a, a, a
	if _, refusal := r.road.Do(t.Context(), payment(t, "busy", `{"to":"x","amount":1}`)); refusal != nil {
		t.Fatal(refusal)
	}
	if a.checks != 1 || a.scans != 1 || a.evaluations != 2 {
		t.Fatalf("%d checks, %d scans, %d evaluations of the call that passed", a.checks, a.scans, a.evaluations)
	}
	for _, args := range []string{`{"to":"x","amount":1}`, `{"to":7}`, `{"to":"x","amount":-1}`, `{}`, `{"to":"ghp_0123456789abcdefghijABCDEFGHIJ012345","amount":1}`} {
		c := payment(t, "busy", args)
		if _, refusal := r.road.Do(t.Context(), c); refusal == nil || refusal.Code != gateway.RateLimited {
			t.Errorf("%s: %v, want %s", args, refusal, gateway.RateLimited)
		}
	}
	unknown := payment(t, "busy", `{}`)
	unknown.Name = "bank__nothing"
	if _, refusal := r.road.Do(t.Context(), unknown); refusal == nil || refusal.Code != gateway.RateLimited {
		t.Errorf("an unknown tool: %v, want %s", refusal, gateway.RateLimited)
	}
	if a.checks != 1 || a.scans != 1 || a.evaluations != 2 {
		t.Errorf("%d checks, %d scans, %d evaluations, want those of the call that passed", a.checks, a.scans, a.evaluations)
	}
}

// BenchmarkRefused is what a call over its rate costs, all that the record costs
// included. cpu-us/op is time of processors.
func BenchmarkRefused(b *testing.B) {
	for _, size := range []int{16, 1 << 10} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			r := refusing(b)
			text := strings.Repeat("lorem ipsum ", size/12+1)[:size]
			ask := func(i int) gateway.Code {
				_, refusal := r.road.Do(b.Context(), payment(b, "busy", fmt.Sprintf(`{"to":%q,"amount":%d}`, text, i)))
				if refusal == nil {
					return ""
				}
				return refusal.Code
			}
			ask(0)
			b.ReportAllocs()
			before := processors(b)
			n := 0
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if code := ask(i); code != gateway.RateLimited {
						b.Errorf("%q", code)
						return
					}
				}
			})
			n = b.N
			b.ReportMetric(float64((processors(b)-before).Nanoseconds())/1e3/float64(n), "cpu-us/op")
		})
	}
}

// processors is the time of processors that this process used.
func processors(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
