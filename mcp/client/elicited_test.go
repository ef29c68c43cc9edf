package client

import (
	"fmt"
	"testing"

	"toolward/gateway"
	"toolward/upstream/upstreamtest"
)

func TestPagesThatAreWaitedForAreBounded(t *testing.T) {
	var e elicited
	var first, last gateway.Origin = &upstreamtest.Agent{ID: "first"}, &upstreamtest.Agent{ID: "last"}
	page := func(n int) []byte { return fmt.Appendf(nil, `{"elicitationId":"%d"}`, n) }
	e.asked(page(0), first)
	for n := range 10 * maxElicited {
		e.asked(page(n), last) // the first is not taken over
	}
	if e.done(page(0)) != nil || len(e.byID) > maxElicited || len(e.order) > maxElicited {
		t.Errorf("%d pages, %d in order", len(e.byID), len(e.order))
	}
	if newest := page(10*maxElicited - 1); e.done(newest) != last || e.done(newest) != nil {
		t.Error("the newest is told once")
	}
	e.asked(page(1), first)
	e.asked(page(1), last)
	if e.done(page(1)) != first {
		t.Error("another took over the page")
	}
}
