package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"toolward/gateway"
)

// callSpec is a call as the golden files write it.
type callSpec struct {
	Kind    gateway.Kind
	Agent   gateway.Agent
	Tool    gateway.Tool
	Args    json.RawMessage
	Session gateway.Session
	Guard   struct {
		Score    float64
		Findings []gateway.Finding
	}
	Result json.RawMessage
	Error  json.RawMessage
}

var callTime = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func (s callSpec) call(t testing.TB) *gateway.Call {
	t.Helper()
	tool := s.Tool
	if tool.Kind == "" {
		tool.Kind = gateway.KindTool
	}
	if tool.Wire == "" {
		tool.Wire = tool.Server + "__" + tool.Name
	}
	if s.Kind == "" {
		s.Kind = tool.Kind
	}
	c := &gateway.Call{
		ID: "01939c5e-0000-7000-8000-000000000000", Time: callTime, Surface: gateway.SurfaceMCP, Protocol: "2025-11-25",
		Kind: s.Kind, Method: "tools/call", Agent: &s.Agent, Tool: &tool, Session: s.Session,
		Findings: s.Guard.Findings, Score: s.Guard.Score,
	}
	if s.Args != nil {
		args, err := gateway.ParseArgs(s.Args)
		if err != nil {
			t.Fatal(err)
		}
		c.Args = args
	}
	if s.Result != nil || s.Error != nil {
		c.Result = &gateway.Result{Raw: s.Result, Error: s.Error, IsError: s.Error != nil}
	}
	return c
}

// parseCall reads a call of a golden file; unknown members are mistakes.
func parseCall(t testing.TB, raw string) *gateway.Call {
	t.Helper()
	var spec callSpec
	if err := json.Unmarshal([]byte(raw), &spec); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return spec.call(t)
}

// writeFiles writes a tree of files and returns its root.
func writeFiles(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open loads a policy of one file.
func open(t testing.TB, rego string) *Engine {
	t.Helper()
	e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{"policy.rego": rego})})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// readCall is a call of files__read_file by an agent with roles.
func readCall(t testing.TB, args string, roles ...string) *gateway.Call {
	t.Helper()
	s := callSpec{Args: json.RawMessage(args)}
	s.Agent.ID, s.Agent.Roles = "alice", roles
	s.Tool.Server, s.Tool.Name = "files", "read_file"
	return s.call(t)
}

func decide(t testing.TB, e *Engine, c *gateway.Call) gateway.Decision {
	t.Helper()
	d, err := judged(t.Context(), e, c)
	if err != nil && d.Effect != gateway.EffectDeny {
		t.Fatal(fmt.Errorf("decide: %w", err))
	}
	return d
}

// stageOf is the stage that a call of a test is in: its result is judged if it has one.
func stageOf(c *gateway.Call) gateway.Stage {
	if c.Result != nil {
		return gateway.StageResult
	}
	return gateway.StageRequest
}

// judged is the engine's decision about the stage that a call is in.
func judged(ctx context.Context, e *Engine, c *gateway.Call) (gateway.Decision, error) {
	if stageOf(c) == gateway.StageResult {
		return e.DecideResult(ctx, c)
	}
	return e.DecideRequest(ctx, c)
}
