package limit

import (
	"errors"
	"io"
	"strings"
	"testing"

	"toolward/gateway"
)

// TestBodiesAreCountedOnceTheyAreLarge: 32 of an agent, 256 in all, small ones always.
func TestBodiesAreCountedOnceTheyAreLarge(t *testing.T) {
	l := newLimiter(t, Options{})
	small, large := strings.Repeat("a", smallBody), strings.Repeat("a", smallBody+1)
	read := func(a *gateway.Agent, text string) (io.Closer, error) {
		b := l.Body(a, strings.NewReader(text))
		got, err := io.ReadAll(b)
		if err == nil && string(got) != text {
			t.Errorf("%d bytes became %d", len(text), len(got))
		}
		return b, err
	}
	code := func(err error) gateway.Code {
		var r *gateway.Refusal
		if errors.As(err, &r) {
			return r.Code
		}
		return ""
	}
	var open []io.Closer
	for range agentBodies {
		b, err := read(agent("ann"), large)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, b)
	}
	if _, err := read(agent("ann"), large); code(err) != gateway.RateLimited {
		t.Errorf("one more of hers: %v", err)
	}
	if _, err := read(agent("ann"), small); err != nil {
		t.Errorf("a small one of hers: %v", err)
	}
	for i := len(open); i < allBodies; i++ {
		b, err := read(agent("bob"+string(rune('a'+i/agentBodies))), large)
		if err != nil {
			t.Fatal(i, err)
		}
		open = append(open, b)
	}
	if _, err := read(agent("eve"), large); code(err) != gateway.Overloaded {
		t.Errorf("one more than all: %v", err)
	}
	for _, b := range open {
		for range 2 { // closing again changes nothing
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if l.bodies.all != 0 || len(l.bodies.of) != 0 {
		t.Errorf("%d bodies of %d agents are left", l.bodies.all, len(l.bodies.of))
	}
}
