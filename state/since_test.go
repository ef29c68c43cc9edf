package state

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// What brought a label is the first call that did. It is known after a kill and from a
// snapshot, people see it, and it goes with the label.
func TestWhatBroughtALabelIsKept(t *testing.T) {
	r, rec := newRoom(t)
	ann := agent("ann")
	id := ann.SessionID()
	bring := func(call, tool, why string, labels ...string) {
		t.Helper()
		e := gateway.Entry{Type: "call.outcome", Time: time.Now(), Call: call, Session: id, Tool: tool, Labels: labels, Why: why}
		if err := rec.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	bring("c1", "crm__get", "injection.classifier 0.96 at /content/0/text", "private", "private:crm")
	bring("c2", "crm__list", "", "private", "private:crm")
	bring("c3", "web__fetch", "injection.classifier 0.96 at /content/0/text", "private", "private:web", "untrusted")
	want := []gateway.Since{
		{Label: "private", Call: "c1", Tool: "crm__get"},
		{Label: "untrusted", Call: "c3", Tool: "web__fetch", Why: "injection.classifier 0.96 at /content/0/text"},
	}
	snapshot, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for name, room := range map[string]*Room{"as it is": r, "after a kill": rec.again(t, nil, 0), "from a snapshot": rec.again(t, snapshot, len(rec.Events()))} {
		if diff := cmp.Diff(want, begin(t, room, ann).Since); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if seen, err := room.SessionSeen(id); err != nil || !cmp.Equal(seen.Since, want) {
			t.Errorf("%s, people see %+v, %v", name, seen, err)
		}
	}
	seen, err := r.Clear(t.Context(), id, []string{"private"}, gateway.Operator{Subject: "root"}, "looked at it")
	if err != nil || !slices.Equal(seen.Labels, []string{"untrusted"}) || !cmp.Equal(seen.Since, want[1:]) {
		t.Errorf("after private is cleared, with where it came from: %+v, %v", seen, err)
	}
	bring("c4", "web__fetch", "", "private", "private:web")
	if got := begin(t, r, ann); !slices.Equal(got.Labels, []string{"private", "private:web", "untrusted"}) || got.Since[1].Call != "c4" {
		t.Errorf("after private came again: %+v", got)
	}
}

// What an upstream says before its call is over names that call, and what is suspected.
func TestWhatWasSaidDuringACallIsWhatBroughtTheLabel(t *testing.T) {
	r, rec := newRoom(t)
	c := newCall(agent("ann"), "web__fetch")
	_, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Label(t.Context(), []string{"untrusted"}, "injection.classifier 0.99 at /data"); err != nil {
		t.Fatal(err)
	}
	want := []gateway.Since{{Label: "untrusted", Call: c.ID, Tool: "web__fetch", Why: "injection.classifier 0.99 at /data"}}
	for _, room := range []*Room{r, rec.again(t, json.RawMessage(nil), 0)} {
		if diff := cmp.Diff(want, begin(t, room, agent("ann")).Since); diff != "" {
			t.Error(diff)
		}
	}
}
