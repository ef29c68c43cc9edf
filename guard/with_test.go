package guard

import (
	"testing"

	"toolward/gateway"
)

// Other options do not make guard forget: what a private tool returned before is found
// after, and fingerprints stay what they were. Exceptions are those of the options.
func TestWithKeepsWhatIsKnown(t *testing.T) {
	s, list, _ := allowing(t, "k")
	id := returns(t, s, records, chart)
	call := newCall(t, mailer, `{"body":"`+quoted(chart)+`"}`)
	before := copied(t, s, call)
	next, err := s.With(Options{Allow: list, Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingProvenance: gateway.ActionBlock}})
	if err != nil {
		t.Fatal(err)
	}
	after := copied(t, next, call)
	if len(before) != 1 || len(after) != 1 || after[0].From != id || after[0].Print != before[0].Print {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	if before[0].Action != gateway.ActionPolicy || after[0].Action != gateway.ActionBlock {
		t.Errorf("actions: %s, then %s", before[0].Action, after[0].Action)
	}
	if again := copied(t, s, call); again[0].Action != gateway.ActionPolicy {
		t.Errorf("the scanner before: %s", again[0].Action)
	}
	if none, err := s.With(Options{}); err != nil || next.allow != list || none.allow != nil {
		t.Errorf("other exceptions: %v", err)
	}
}

// What cannot be put in force leaves the scanner as it was.
func TestWithRefusesWhatNewRefuses(t *testing.T) {
	s := newScanner(t, Options{})
	for name, o := range map[string]Options{
		"an action that is none": {Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: "hide"}},
		"a judge without a URL":  {Judge: &Judge{}},
		"a threshold over one":   {Thresholds: Thresholds{Args: 2}},
	} {
		if _, err := s.With(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
