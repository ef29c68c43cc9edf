package gateway

import (
	"strings"
	"testing"
)

// TestWhatIsAddedWithEachPhase is the table of phases and refusals: what counts for
// good, by the names of its meters and memories.
func TestWhatIsAddedWithEachPhase(t *testing.T) {
	said := func(name string) Tally {
		return Tally{
			Meters:   []Meter{{Name: name}, {Name: name + "-denied", Denied: true}, {Name: name + "-looked", Looks: true}},
			Memories: []Memory{{Name: name + "-memory"}},
		}
	}
	for _, tt := range []struct {
		phase Phase
		code  Code // of its refusal; "" if it has none
		want  string
	}{
		{PhaseAttempt, "", "asked asked-memory"},
		{PhaseAttempt, PolicyDenied, "asked asked-memory"}, // what denies comes after
		{PhaseOutcome, "", "came came-memory"},
		{PhaseOutcome, UpstreamTimeout, "came came-memory"},
		{PhaseOutcome, Withheld, "asked-denied came came-denied came-memory"},
		{PhaseRefusal, PolicyDenied, "asked-denied"},
		{PhaseRefusal, GuardBlocked, "asked-denied"},
		{PhaseRefusal, ApprovalDenied, "asked-denied"},
		{PhaseRefusal, ApprovalPending, ""},
		{PhaseRefusal, RateLimited, ""},
		{PhaseRefusal, InvalidArguments, ""},
		{PhaseRefusal, Unrecorded, ""},
		{PhaseRefusal, Internal, ""},
	} {
		c := &Call{Tally: said("asked"), ResultTally: said("came")}
		if tt.code != "" {
			c.Refusal = Refuse("x", tt.code, "no")
		}
		var names []string
		adds := c.Adds(tt.phase)
		if adds != nil {
			for _, m := range adds.Meters {
				names = append(names, m.Name)
			}
			for _, m := range adds.Memories {
				names = append(names, m.Name)
			}
		}
		if got := strings.Join(names, " "); got != tt.want || (adds == nil) != (tt.want == "") {
			t.Errorf("%s, %q: %q, want %q", tt.phase, tt.code, got, tt.want)
		}
	}
}
