package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// shipped is a record that gateways died over: calls that ended in another order than
// they began, some that died with each of two gateways, refusals, findings.
func shipped(t *testing.T) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	var s *Store
	for range 3 {
		var err error
		s, err = Open(Options{Path: path})
		must(t, err)
		var open []*gateway.Call
		for i := range 4 {
			c := newCall(t, fmt.Sprintf(`{"n":%d}`, i))
			c.Findings = []gateway.Finding{{Kind: gateway.FindingPII, Rule: "pii.email", Stage: gateway.StageRequest, Where: "/n", Severity: gateway.SeverityLow, Action: gateway.ActionObserve}}
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			open = append(open, c)
		}
		for _, i := range []int{2, 0} {
			respond(open[i], `{}`)
			must(t, s.Record(t.Context(), gateway.PhaseOutcome, open[i]))
		}
		refused := newCall(t, `{}`)
		refused.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "no")
		must(t, s.Record(t.Context(), gateway.PhaseRefusal, refused))
		must(t, s.Close())
	}
	s, err := Open(Options{Path: path})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

// cursorOf is the cursor of a line, whatever the format.
func cursorOf(t *testing.T, format Format, text string) Cursor {
	t.Helper()
	var e struct {
		Cursor   string
		Unmapped struct{ Cursor string }
	}
	if format == FormatCSV {
		row, err := csv.NewReader(strings.NewReader(text)).Read()
		must(t, err)
		e.Cursor = row[len(row)-1]
	} else {
		must(t, json.Unmarshal([]byte(text), &e))
	}
	c, err := ParseCursor(e.Cursor + e.Unmapped.Cursor)
	must(t, err)
	return c
}

// TestShippingGoesOnAnywhere cuts an export behind each of its lines, goes on from
// that line's cursor, and gets what one export in a piece gives: every format, with
// and without the gateway's own events. Calls that died come once, with the start
// that found them dead.
func TestShippingGoesOnAnywhere(t *testing.T) {
	s := shipped(t)
	ship := func(format Format, events bool, after Cursor) (lines []string, end Cursor) {
		t.Helper()
		var out strings.Builder
		n, end, err := s.Ship(t.Context(), &out, format, Filter{}, after, events)
		must(t, err)
		lines = slices.Collect(strings.Lines(out.String()))
		if format == FormatCSV {
			lines = lines[1:] // the header
		}
		if int(n) != len(lines) {
			t.Fatalf("says %d lines, wrote %d", n, len(lines))
		}
		return lines, end
	}
	for _, test := range []struct {
		format Format
		events bool
		want   int
	}{{FormatJSONL, false, 3*3 + 3*2}, {FormatCSV, false, 3*3 + 3*2}, {FormatOCSF, false, 3*(3+2) + 3*2*2}, {FormatJSONL, true, 0}, {FormatOCSF, true, 0}} {
		whole, end := ship(test.format, test.events, Cursor{})
		if test.want != 0 && len(whole) != test.want {
			t.Errorf("%s: %d lines, want %d", test.format, len(whole), test.want)
		}
		for i, text := range whole {
			at := cursorOf(t, test.format, text)
			rest, restEnd := ship(test.format, test.events, at)
			if !slices.Equal(whole[:i+1], whole[:len(whole)-len(rest)]) || !slices.Equal(rest, whole[i+1:]) || restEnd != end {
				t.Fatalf("%s, events %v, cut behind line %d at %s: the rest is %d lines, want %d, and ends at %s, want %s", test.format, test.events, i, at, len(rest), len(whole)-i-1, restEnd, end)
			}
		}
	}
	seqs, _ := ship(FormatJSONL, true, Cursor{})
	for i, text := range seqs {
		if cursorOf(t, FormatJSONL, text).Event != int64(i+1) {
			t.Fatalf("event %d is %s", i+1, text)
		}
	}
}

// TestFollowingGoesOnAnywhere stops a tail behind each call and goes on.
func TestFollowingGoesOnAnywhere(t *testing.T) {
	s := shipped(t)
	var want, got []string
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for e, err := range s.Follow(ctx, Filter{}, &Cursor{}) {
		must(t, err)
		if want = append(want, e.ID); len(want) == 15 {
			break
		}
	}
	at := Cursor{}
	for range want {
		for e, err := range s.Follow(ctx, Filter{}, &at) {
			must(t, err)
			got = append(got, e.ID)
			at, err = ParseCursor(e.Cursor)
			must(t, err)
			break
		}
	}
	if !slices.Equal(got, want) || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 15 {
		t.Errorf("one by one:\n%v\nin a piece:\n%v", got, want)
	}
}

// TestCursors reads what it writes, and nothing else.
func TestCursors(t *testing.T) {
	for text, want := range map[string]Cursor{"0": {}, "4711": {Event: 4711}, "4711.2": {4711, 2}} {
		if got, err := ParseCursor(text); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "1.0", "1.-1", "1.", ".1", "01", "1.01", " 1", "1 ", "1.2.3", "x", "9223372036854775808", "1e3", "+1"} {
		if got, err := ParseCursor(text); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
	s := openStore(t)
	for name, f := range map[string]func() error{
		"events as CSV": func() error {
			_, _, err := s.Ship(t.Context(), &strings.Builder{}, FormatCSV, Filter{}, Cursor{}, true)
			return err
		},
		"events with a filter": func() error {
			_, _, err := s.Ship(t.Context(), &strings.Builder{}, FormatJSONL, Filter{Match: Match{Agent: Values{"ann"}}}, Cursor{}, true)
			return err
		},
		"a format": func() error {
			_, _, err := s.Ship(t.Context(), &strings.Builder{}, "xml", Filter{}, Cursor{}, false)
			return err
		},
	} {
		if f() == nil {
			t.Errorf("%s is exported", name)
		}
	}
}
