package upstream_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/upstream"
)

// twins is a server that lists a resource and a template of one URI.
type twins struct{ template string }

func (*twins) Do(context.Context, *gateway.Call) (*gateway.Result, error) { return nil, nil }
func (*twins) About() gateway.About                                       { return gateway.About{} }
func (*twins) PerSession() bool                                           { return false }
func (*twins) Done() <-chan struct{}                                      { return nil }
func (*twins) Close() error                                               { return nil }
func (s *twins) List(_ context.Context, method, _ string) (json.RawMessage, error) {
	switch method {
	case "resources/list":
		return json.RawMessage(`{"resources":[{"uri":"test://one","name":"r"}]}`), nil
	case "resources/templates/list":
		return json.RawMessage(`{"resourceTemplates":[` + s.template + `]}`), nil
	}
	return nil, nil
}

// Neither is a change of the other, on first use, after a restart, and when a person
// accepts a change of one of them.
func TestResourceAndTemplateOfOneURI(t *testing.T) {
	for name, pins := range map[string]func(t *testing.T) upstream.Pins{
		"in memory": func(*testing.T) upstream.Pins { return upstream.NewMemoryPins() },
		"in a file": func(t *testing.T) upstream.Pins { return upstream.NewLockFile(t.TempDir() + "/pins.json") },
	} {
		t.Run(name, func(t *testing.T) {
			store := pins(t)
			begin := func(template string) catalog {
				return start(t, upstream.Options{Pins: store, Servers: []upstream.Server{{Name: "s", Dial: func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) {
					return &twins{template}, nil
				}}}})
			}
			for range 2 {
				if c := begin(`{"uriTemplate":"test://one","name":"t"}`); len(c.Diff(false)) != 0 {
					t.Fatalf("quarantined: %+v", c.Diff(false))
				}
			}
			c := begin(`{"uriTemplate":"test://one","name":"changed"}`)
			changes := c.Diff(false)
			if len(changes) != 1 || !strings.Contains(string(changes[0].Pinned), `"t"`) {
				t.Fatalf("a change of the template: %+v", changes)
			}
			if err := c.Pin(t.Context(), "s", gateway.KindResource, "test://one", changes[0].Fingerprint, alice, ""); err != nil {
				t.Fatal(err)
			}
			if left := c.Diff(false); len(left) != 0 {
				t.Errorf("after it was accepted: %+v", left)
			}
		})
	}
}
