package upstream_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/upstream"
)

// lists is a server that lists what it is told to.
type lists map[string]string

func (lists) Do(context.Context, *gateway.Call) (*gateway.Result, error) { return nil, nil }
func (lists) About() gateway.About                                       { return gateway.About{} }
func (lists) PerSession() bool                                           { return false }
func (lists) Done() <-chan struct{}                                      { return nil }
func (lists) Close() error                                               { return nil }
func (l lists) List(_ context.Context, method, _ string) (json.RawMessage, error) {
	if l[method] == "" {
		return nil, nil
	}
	return json.RawMessage(l[method]), nil
}

// What narrows is in use, is no person's, and is told once; what guard objects to is
// not in use, whatever it narrows; and of prompts every change waits.
func TestNarrowerIsInUse(t *testing.T) {
	const tool, prompt = `{"tools":[{"name":"t","inputSchema":{"type":"object","maxProperties":%}}]}`, `{"prompts":[{"name":"p","description":"%"}]}`
	pins, asked := upstream.NewMemoryPins(), 0
	begin := func(version, objection string) (c catalog, told *[]gateway.Change) {
		told = &[]gateway.Change{}
		at := func(s string) string { return strings.Replace(s, "%", version, 1) }
		c = start(t, upstream.Options{
			Pins:     pins,
			Narrows:  func(_, now json.RawMessage) bool { asked++; return strings.Contains(string(now), "inputSchema") },
			Narrower: func(_ context.Context, ch gateway.Change) { *told = append(*told, ch) },
			Inspect: func(_ context.Context, tool *gateway.Tool) (string, error) {
				if tool.Kind == gateway.KindTool {
					return objection, nil
				}
				return "", nil
			},
			Servers: []upstream.Server{{Name: "s", Dial: func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) {
				return lists{"tools/list": at(tool), "prompts/list": at(prompt)}, nil
			}}},
		})
		return c, told
	}
	begin("2", "")
	c, told := begin("1", "")
	found, err := c.Find(gateway.KindTool, "", "s__t")
	if err != nil || found.Quarantined != "" || found.Pinned || !found.Narrower {
		t.Errorf("narrower: %+v %v", found, err)
	}
	if p, err := c.Find(gateway.KindPrompt, "", "s__p"); err != nil || !strings.Contains(p.Quarantined, "changed since") {
		t.Errorf("the prompt: %+v %v", p, err)
	}
	c.Refresh(t.Context(), "s")
	if diff := c.Diff(false); len(diff) != 2 || !diff[0].Narrower || diff[0].Quarantined != "" || diff[1].Narrower {
		t.Errorf("diff: %+v", diff)
	}
	if len(*told) != 1 || string((*told)[0].Pinned) == string((*told)[0].Current) {
		t.Errorf("told: %+v", *told)
	}
	if asked != 1 {
		t.Errorf("two definitions are compared %d times", asked)
	}
	c, _ = begin("1", "it gives orders")
	if found, err := c.Find(gateway.KindTool, "", "s__t"); err != nil || found.Quarantined != "it gives orders" || found.Narrower {
		t.Errorf("what guard objects to: %+v %v", found, err)
	}
}
