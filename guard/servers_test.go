package guard

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/gateway"
)

// exchange is a recorded request to a real server and its answer.
type exchange struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// recorded reads the exchanges with each server in testdata.
func recorded(t testing.TB) map[string][]exchange {
	t.Helper()
	files, err := filepath.Glob("testdata/servers/*.jsonl")
	if err != nil || len(files) < 3 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	all := map[string][]exchange{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		server := strings.TrimSuffix(filepath.Base(name), ".jsonl")
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var e exchange
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all[server] = append(all[server], e)
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return all
}

// listed returns the tools, prompts and resources of all recordings.
func listed(t testing.TB, all map[string][]exchange) []*gateway.Tool {
	t.Helper()
	var tools []*gateway.Tool
	for server, exchanges := range all {
		for _, e := range exchanges {
			var lists map[string]json.RawMessage
			if !strings.HasSuffix(e.Method, "/list") || json.Unmarshal(e.Result, &lists) != nil {
				continue
			}
			for _, member := range []string{"tools", "prompts", "resources", "resourceTemplates"} {
				var entries []json.RawMessage
				if lists[member] == nil || json.Unmarshal(lists[member], &entries) != nil {
					continue
				}
				for _, raw := range entries {
					var named struct{ Name string }
					if err := json.Unmarshal(raw, &named); err != nil {
						t.Fatal(err)
					}
					tools = append(tools, &gateway.Tool{Kind: gateway.KindTool, Server: server, Name: named.Name, Wire: server + "__" + named.Name, Definition: raw, Labels: []string{"private"}})
				}
			}
		}
	}
	return tools
}

// TestRealServersPass scans what real servers list and answer, and what they
// were sent, in the default settings: nothing is blocked, redacted or
// quarantined.
func TestRealServersPass(t *testing.T) {
	s := newScanner(t, Options{})
	all := recorded(t)
	tools := listed(t, all)
	if len(tools) < 30 {
		t.Fatalf("only %d definitions", len(tools))
	}
	for i, shadow := range s.Shadows(tools) {
		if reason, err := s.Inspect(t.Context(), tools[i]); err != nil || reason+shadow != "" {
			t.Errorf("%s: quarantined: %q %q, %v", tools[i].Wire, reason, shadow, err)
		}
	}
	for server, exchanges := range all {
		for _, e := range exchanges {
			tool := &gateway.Tool{Kind: gateway.KindTool, Server: server, Name: e.Method, Wire: server + "__" + e.Method, Labels: []string{"private"}}
			if strings.HasSuffix(e.Method, "/list") {
				continue // lists are not scanned as results: each entry was, as a definition
			}
			var params struct{ Arguments json.RawMessage }
			if e.Method == "tools/call" && json.Unmarshal(e.Params, &params) == nil {
				e.Params = params.Arguments
			}
			c := newCall(t, tool, string(e.Params))
			report, err := s.Request(t.Context(), c)
			quiet(t, server+" "+e.Method+" request", report, err)
			c.Result = &gateway.Result{Raw: e.Result, Error: e.Error}
			report, err = s.Result(t.Context(), c)
			quiet(t, server+" "+e.Method+" result", report, err)
		}
	}
}

func quiet(t *testing.T, what string, r gateway.Report, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	for _, f := range r.Findings {
		if f.Action != gateway.ActionObserve && f.Action != gateway.ActionPolicy {
			t.Errorf("%s: %s", what, show(f))
		} else {
			t.Logf("%s: observed: %s", what, show(f))
		}
	}
}

func show(f gateway.Finding) string {
	b, err := json.Marshal(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
