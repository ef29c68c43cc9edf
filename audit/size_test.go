package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
)

// typicalCalls are calls like those of a working day: a dozen agents with the
// claims of a company's provider, two dozen tools of eight servers with annotations, sessions with
// sixteen calls behind them, 257 bytes of arguments and 952 of result.
type typicalCalls struct {
	agents []*gateway.Agent
	tools  []*gateway.Tool
	recent []gateway.Recent
}

func newTypicalCalls() *typicalCalls {
	t := &typicalCalls{}
	servers := []string{"files", "crm", "slack", "web", "mail", "tickets", "git", "wiki"}
	for i := range 24 {
		server, name := servers[i%8], []string{"read_file", "get_customer", "post_message", "fetch"}[i%4]+fmt.Sprint(i/8)
		t.tools = append(t.tools, &gateway.Tool{
			Kind: gateway.KindTool, Server: server, Name: name, Wire: server + "__" + name, Labels: [][]string{nil, {"private"}, {"external"}, {"untrusted"}}[i%4],
			Fingerprint: fmt.Sprintf("%064x", i), Pinned: true, Annotations: json.RawMessage(`{"readOnlyHint":true,"openWorldHint":false,"title":"A tool"}`),
		})
		if i >= 12 {
			continue
		}
		id := fmt.Sprintf("agent-%02d", i)
		t.agents = append(t.agents, &gateway.Agent{
			ID: id, Issuer: "https://id.example/realms/agents", Roles: []string{"support", "reader"}, Scopes: []string{"tools.call"}, Session: "s-" + id,
			Claims: map[string]any{"sub": id, "azp": "desk", "jti": fmt.Sprintf("0c55b1a4-7f0d-4c1d-9f6b-%012d", i), "iat": json.Number("1795508467"), "exp": json.Number("1795512067")},
		})
	}
	for i := range 16 {
		t.recent = append(t.recent, gateway.Recent{Tool: t.tools[i%12].Wire, Effect: gateway.EffectAllow})
	}
	return t
}

// nth is the call of a number, as far as it was decided.
func (t *typicalCalls) nth(tb testing.TB, i int) *gateway.Call {
	c := newCall(tb, fmt.Sprintf(`{"path":"/srv/docs/%08d.md","note":%q}`, i, strings.Repeat("for the quarterly report ", 10)[:257-44]))
	tool := t.tools[i%len(t.tools)]
	c.Agent, c.Tool, c.Name = t.agents[i/7%len(t.agents)], tool, tool.Wire
	c.Session = gateway.Session{ID: fmt.Sprintf("%016x", i/7%len(t.agents)), Calls: i, Labels: []string{"private"}, Recent: t.recent}
	c.Decision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "cc635b1ab56d1cc1", Rules: []gateway.Rule{{Package: "servers." + tool.Server, Name: "allow", File: "policies/" + tool.Server + ".rego", Line: 3}}}
	c.Stages = gateway.Stages{Limit: 2 * time.Microsecond, Guard: 211 * time.Microsecond, Policy: 48 * time.Microsecond}
	return c
}

// answer gives it the result that it has.
func (t *typicalCalls) answer(c *gateway.Call) {
	text := fmt.Sprintf(`{"content":[{"type":"text","text":%q}]}`, strings.Repeat("Lorem ipsum dolor sit amet, "+c.ID+" ", 20)[:952-42])
	c.Scanned = gateway.StageResult
	c.Result = &gateway.Result{Raw: json.RawMessage(text), Labels: c.Tool.Labels}
	c.ResultDecision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "cc635b1ab56d1cc1"}
	c.Stages.Record, c.Stages.Upstream = 310*time.Microsecond, 12*time.Millisecond
}

// fill records typical calls, 64 at once.
func (t *typicalCalls) fill(tb testing.TB, s *Store, calls int) {
	tb.Helper()
	var next sync.Mutex
	i := 0
	inFlightN(tb, 64, calls, func() error {
		next.Lock()
		c := t.nth(tb, i)
		i++
		next.Unlock()
		if err := s.Record(context.Background(), gateway.PhaseAttempt, c); err != nil {
			return err
		}
		t.answer(c)
		return s.Record(context.Background(), gateway.PhaseOutcome, c)
	})
}

// A call of 1.2 KB took 3,776 bytes of file when each event repeated the agent,
// the tool and the history.
func TestSizeOfACall(t *testing.T) {
	const calls, budget = 5000, 2050
	s := openStore(t)
	newTypicalCalls().fill(t, s, calls)
	must(t, s.Close())
	info, err := os.Stat(s.opts.Path)
	must(t, err)
	per := info.Size() / calls
	t.Logf("%d bytes a call", per)
	if per > budget {
		t.Errorf("a call takes %d bytes of the file, want at most %d", per, budget)
	}
}

// SQLite writes what a statement would undo to a temporary file from the first that changes
// more than 64 KiB on: two writes for each page that any statement changes, a fifth of what
// the kernel does for a call.
func TestWriterHasNoTemporaryFile(t *testing.T) {
	s := openStore(t)
	must(t, s.writer.do(t.Context(), func() error {
		for _, statement := range []string{
			"BEGIN", "INSERT INTO words WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 99) SELECT 0, i, zeroblob(4000) FROM n",
			"UPDATE words SET bits = zeroblob(4001)",
		} {
			if err := s.writer.conn.exec(statement); err != nil {
				return err
			}
		}
		for _, name := range temporaryFiles(t) {
			t.Errorf("it has %s", name)
		}
		return s.writer.conn.exec("ROLLBACK")
	}))
}

// temporaryFiles are the files without a name that this process has open, where /proc tells:
// SQLite's, of which it has no other.
func temporaryFiles(t *testing.T) (names []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	for _, fd := range all {
		if name, err := os.Readlink(fd); err == nil && (strings.Contains(name, "etilqs_") || strings.Contains(name, "/#")) {
			names = append(names, name)
		}
	}
	return names
}
