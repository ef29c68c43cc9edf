package upstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/upstream"
)

// hinting is a server in memory that says how long its list holds.
type hinting struct {
	hint  string // ttlMs, "" for none
	reads atomic.Int32
	lost  chan struct{}
}

func (h *hinting) Do(context.Context, *gateway.Call) (*gateway.Result, error) {
	return nil, errors.New("it is not called")
}
func (h *hinting) About() gateway.About  { return gateway.About{Revision: "2026-07-28"} }
func (h *hinting) PerSession() bool      { return false }
func (h *hinting) Done() <-chan struct{} { return h.lost }
func (h *hinting) Close() error          { return nil }
func (h *hinting) List(_ context.Context, method, _ string) (json.RawMessage, error) {
	if method != "tools/list" {
		return nil, nil
	}
	h.reads.Add(1)
	if h.hint == "" {
		return json.RawMessage(`{"tools":[]}`), nil
	}
	return fmt.Appendf(nil, `{"tools":[],"ttlMs":%s}`, h.hint), nil
}

// MCP 2026-07-28's caching hint: a list is read again when its time is over,
// and not before; a server cannot have the gateway ask it without pause.
func TestListsAreReadAgainAsTheServerHints(t *testing.T) {
	for _, tt := range []struct {
		hint  string
		every time.Duration
	}{
		{"60000", time.Minute},
		{"1", 10 * time.Second},
		{"", 5 * time.Minute}, // what is configured
		{"-1", 5 * time.Minute},
		{"0", 5 * time.Minute},
		{"99999999999999999999", 5 * time.Minute},
		{"9999999999999", 24 * time.Hour},
	} {
		t.Run(tt.hint, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &hinting{hint: tt.hint, lost: make(chan struct{})}
				dial := func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) { return h, nil }
				start(t, upstream.Options{Servers: []upstream.Server{{Name: "s", Dial: dial, Refresh: 5 * time.Minute}}})
				want := func(n int32, when string) {
					synctest.Wait()
					if got := h.reads.Load(); got != n {
						t.Fatalf("%s: %d reads, want %d", when, got, n)
					}
				}
				want(1, "at first")
				for n := int32(1); n <= 3; n++ {
					time.Sleep(tt.every - time.Second)
					want(n, "before its time is over")
					time.Sleep(time.Second + time.Millisecond)
					want(n+1, "after its time")
				}
			})
		})
	}
}
