package audit

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolward/audit/verify"
	"toolward/gateway"
)

// drawCall is a call of any shape that the road makes, with its end.
func drawCall(t *rapid.T, tb testing.TB) (c *gateway.Call, end func(*gateway.Call)) {
	c = newCall(tb, fmt.Sprintf(`{"word":%q}`, rapid.SampledFrom([]string{"alpha", "beta-2", "x_1", "größe"}).Draw(t, "word")))
	agent := *testAgent
	agent.ID = rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "agent")
	agent.Roles = rapid.SampledFrom([][]string{nil, {"dev"}, {"ops", "dev"}}).Draw(t, "roles")
	c.Agent, c.Session.Labels = &agent, rapid.SampledFrom([][]string{nil, {"private"}, {"private", "untrusted"}}).Draw(t, "labels")
	c.Time = c.Time.Add(-time.Duration(rapid.IntRange(0, 5).Draw(t, "hours")) * time.Hour)
	if rapid.Bool().Draw(t, "finding") {
		c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingPII, Rule: "pii.email", Stage: gateway.StageRequest, Where: "/word"})
	}
	c.Decision.Shadow = rapid.SampledFrom([]gateway.Effect{"", gateway.EffectAllow, gateway.EffectDeny}).Draw(t, "shadow")
	switch rapid.SampledFrom([]string{"ok", "error", "withheld", "timeout", "none", "refused"}).Draw(t, "end") {
	case "ok":
		end = func(c *gateway.Call) { respond(c, `{"content":[]}`); c.ResultDecision.Shadow = c.Decision.Shadow }
	case "error":
		end = func(c *gateway.Call) { respond(c, `{"isError":true}`); c.Result.IsError = true }
	case "withheld":
		end = func(c *gateway.Call) {
			respond(c, `{}`)
			c.Findings = append(slices.Clone(c.Findings), gateway.Finding{Kind: gateway.FindingInjection, Rule: "injection.x", Stage: gateway.StageResult, Where: ""})
			c.ResultDecision.Rules = []gateway.Rule{{Package: "servers.files", Name: "deny"}}
			c.Refusal = gateway.Refuse("guard", gateway.Withheld, "kept back")
		}
	case "timeout":
		end = func(c *gateway.Call) { c.Refusal = gateway.Refuse("upstream", gateway.UpstreamTimeout, "slow") }
	case "refused":
		c.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "no")
	}
	return c, end
}

// TestCountsAreThoseOfTheEvents records calls of every shape, some side by side,
// erases, prunes and opens anew in between; then the counts are those that the
// events give, and each filter finds exactly the calls that reading all finds.
func TestCountsAreThoseOfTheEvents(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := fmt.Sprintf("%s/%d.db", t.TempDir(), n)
		s, err := Open(Options{Path: path})
		must(t, err)
		must(t, s.Attach(t.Context(), nobody{}))
		for range rapid.IntRange(1, 12).Draw(rt, "calls") {
			c, end := drawCall(rt, t)
			if c.Refusal != nil {
				must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
				continue
			}
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			again := rapid.IntRange(0, 9).Draw(rt, "meanwhile")
			if again == 0 { // the outcome is recorded by another process
				must(t, s.Close())
				s, err = Open(Options{Path: path})
				must(t, err)
				must(t, s.Attach(t.Context(), nobody{}))
			}
			if end != nil {
				end(c)
				must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
			}
			if again == 1 {
				_, err := s.Erase(t.Context(), Erasure{Agent: "bob", Why: "test"})
				must(t, err)
			}
			if again == 2 { // before its calls have ended, which is the worst that can be
				sumUp(t, s)
			}
		}
		if rapid.IntRange(0, 3).Draw(rt, "prune") == 0 {
			_, err := s.Prune(t.Context(), time.Now().Add(-2*time.Hour), "test", "test")
			must(t, err)
		}
		compare(t, s)
		for range 3 {
			filtersAgree(t, rt, s)
		}
		must(t, s.Close())
	})
}

// sumUp sums up what is recorded, the span that is being written too. Its words are
// not known yet, so that its filter hides none.
func sumUp(t *testing.T, s *Store) {
	t.Helper()
	in := indexed{times: map[int64][2]int64{}}
	must(t, s.readSpan(t.Context(), &in))
	for i := range in.blocks {
		in.blocks[i] = []byte{0xff}
	}
	must(t, s.writer.do(t.Context(), func() error { return s.writer.putSpan(&in) }))
}

func compare(t *testing.T, s *Store) {
	t.Helper()
	problems, err := s.Compare(t.Context())
	must(t, err)
	if len(problems) > 0 {
		t.Fatalf("counts differ: %v", problems)
	}
}

// filtersAgree compares the ways to the calls of a filter with reading all.
func filtersAgree(t *testing.T, rt *rapid.T, s *Store) {
	t.Helper()
	draw := func(name string, of ...string) Values {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(append(of, "")), 0, rapid.SampledFrom([]int{0, 0, 1, 1, 2, 3}).Draw(rt, name+" most"), rapid.ID[string]).Draw(rt, name)
	}
	one := func(name string) Match {
		return Match{Agent: draw(name+" agent", "ann", "nobody"), Role: draw(name+" role", "dev", "ops"),
			Outcome: draw(name+" outcome", "ok", "error", "refused", "running", "interrupted"), Effect: draw(name+" effect", "allow", "deny"), Code: draw(name+" code", "policy", "withheld"),
			Label: draw(name+" label", "untrusted", "private"), Finding: draw(name+" finding", "pii", "injection"), Rule: draw(name+" rule", "pii.email", "files.rego:4", "servers.files.deny"),
			Peer: draw(name+" peer", "192.0.2.1"), Revision: draw(name+" revision", "r1"), Differs: rapid.IntRange(0, 3).Draw(rt, name+" differs") == 0}
	}
	f := Filter{Match: one("is")}
	if rapid.Bool().Draw(rt, "not") {
		f.Not = one("not")
	}
	if rapid.Bool().Draw(rt, "since") {
		f.Since = time.Now().Add(-time.Duration(rapid.IntRange(0, 400).Draw(rt, "minutes")) * time.Minute)
	}
	if rapid.IntRange(0, 3).Draw(rt, "until") == 0 {
		f.Until = time.Now().Add(-time.Duration(rapid.IntRange(-60, 400).Draw(rt, "minutes before")) * time.Minute)
	}
	if rapid.IntRange(0, 2).Draw(rt, "text") == 0 {
		f.Text = rapid.SampledFrom([]string{"beta", "2", "alp", "größe", "x_1"}).Draw(rt, "word")
	}
	where, err := f.where()
	must(t, err)
	read, err := s.calls(context.Background(), "WHERE "+where.sql+" ORDER BY seq", where.args...)
	must(t, err)
	var want []int64
	for i := range read {
		if f.holds(&read[i]) {
			want = append(want, read[i].Seq)
		}
	}
	var got []int64
	for c, err := range s.All(t.Context(), f) {
		must(t, err)
		got = append(got, c.Seq)
	}
	if !slices.Equal(want, got) {
		t.Fatalf("%+v finds %v, reading all finds %v", f, got, want)
	}
	stats, err := s.Stats(t.Context(), f)
	must(t, err)
	points, err := s.Series(t.Context(), f, []string{"outcome"}, 0)
	must(t, err)
	sum := int64(0)
	for _, p := range points {
		sum += p.Calls
	}
	if stats.Calls != int64(len(want)) || sum != stats.Calls {
		t.Fatalf("%+v counts %d and %d, want %d", f, stats.Calls, sum, len(want))
	}
	countsAgree(t, s, f, read)
}

// countsAgree compares the ways to count calls with counting those that were read.
func countsAgree(t *testing.T, s *Store, f Filter, read []Call) {
	t.Helper()
	for _, every := range []time.Duration{0, time.Hour, 5 * time.Hour, 24 * time.Hour} {
		want := map[string]int64{}
		for i := range read {
			if c := &read[i]; f.holds(c) {
				at := ""
				if every > 0 {
					at = time.UnixMilli(c.TimeUnixMs / every.Milliseconds() * every.Milliseconds()).UTC().Format(time.RFC3339)
				}
				want[at+" "+c.Agent+" "+c.Outcome]++
			}
		}
		points, err := s.Series(t.Context(), f, []string{"agent", "outcome"}, every)
		must(t, err)
		got := map[string]int64{}
		for _, p := range points {
			got[p.Time+" "+strings.Join(p.Values, " ")] = p.Calls
		}
		if !maps.Equal(want, got) {
			t.Fatalf("%+v every %v counts %v, want %v", f, every, got, want)
		}
	}
	if f.uncounted() || f.mixed() || !f.Since.IsZero() || !f.Until.IsZero() {
		return
	}
	counted, want := int64(0), int64(0)
	must(t, s.wholly(t.Context(), &f, period{0, 24 << 32}, 0, true, func(one sum) { counted += one.calls }))
	for i := range read {
		if f.holds(&read[i]) {
			want++
		}
	}
	if counted != want {
		t.Fatalf("%+v: %d calls are counted with durations, want %d", f, counted, want)
	}
}

func TestCompareFindsWhatIsHidden(t *testing.T) {
	for name, statement := range map[string]string{
		"a count":       "UPDATE counts SET calls = calls - 1",
		"a count gone":  "DELETE FROM counts",
		"a count added": "INSERT INTO counts SELECT span, hour + 1, facet, slot, 1, first, last FROM counts",
		"an end":        "UPDATE counts SET last = 0",
		"a facet":       "UPDATE facets SET agent = 'bob'",
		"a mark":        `UPDATE facets SET mark = '{}'`,
		"a sum":         "UPDATE hour_counts SET calls = calls + 1",
		"a sum gone":    "DELETE FROM day_counts",
		"a duration":    "UPDATE day_counts SET slot = slot + 1",
		"an hour gone":  "DELETE FROM hours",
		"a time":        "UPDATE hours SET first = first + 1",
		"the longest":   "UPDATE hours SET slot = 1",
		"nowhere":       "UPDATE hours SET first = NULL",
	} {
		s := openStore(t)
		record(t, s, `{}`, `{}`)
		sumUp(t, s)
		compare(t, s)
		must(t, s.writer.do(t.Context(), func() error { return s.writer.conn.exec(statement) }))
		must(t, s.Checkpoint(t.Context()))
		v, err := verify.Record(t.Context(), verify.Options{Path: s.opts.Path, Derived: []verify.Derived{{Table: "counts", Check: s.Compare}}})
		if err != nil || len(v.Problems) == 0 || !strings.Contains(v.Problems[0].What, "differs from the events") {
			t.Errorf("%s: %v, %v", name, v.Problems, err)
		}
	}
}

// hides reports whether a span with a filter is not read for a word.
func hides(blocks [wordBlocks][]byte, word string) bool {
	_, _, hash := piece(word, 0)
	block := blocks[wordBlock(hash)]
	for i := 0; i < wordHashes && len(block) > 0; i++ {
		if bit := wordBit(hash, i, len(block)); block[bit/8]&(1<<(bit%8)) == 0 {
			return true
		}
	}
	return false
}

// Who has very many words recorded must not hide what comes after them.
func TestFilterOfTooManyWordsHidesNone(t *testing.T) {
	texts := slices.Values([]string{"one two three", "four five"})
	for most, want := range map[int]bool{5: false, 4: false, 3: false} {
		for _, word := range []string{"one", "five"} {
			if got := hides(wordFilter(texts, most), word); got != want {
				t.Errorf("of at most %d words, the filter hides %q: %v", most, word, got)
			}
		}
	}
	if !hides(wordFilter(texts, 5), "six") || hides(wordFilter(texts, 4), "six") {
		t.Error("a filter hides what is not there when it has all words, and nothing when it has not")
	}
}

// Words whose hashes end alike, which anybody can look for, must not all be compared with
// each other while a filter is made.
func TestWordSetSpreadsWhatEndsAlike(t *testing.T) {
	s := newWordSet(14, rand.Uint64()|1)
	for range 20_000 {
		s.add(rand.Uint64()<<24 | 7)
	}
	run, longest := 0, 0
	for _, hash := range s.table {
		if run++; hash == 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	if s.words != 20_000 || longest > 1000 {
		t.Errorf("%d words, and of %d places %d in a row are taken", s.words, len(s.table), longest)
	}
}

// The word that is one too many does not have the table of all others grow.
func TestWordSetOfTooManyWordsStays(t *testing.T) {
	s := newWordSet(1, 0x9e3779b97f4a7c15)
	for hash := range uint64(mostWords + 1) {
		s.add(hash + 1)
	}
	if size := 8 * len(s.table); s.words != mostWords+1 || size > 64<<20 {
		t.Errorf("%d words take %d bytes", s.words, size)
	}
}

// A word that is nowhere is looked for in few spans: one of 1,700 as it should be, less
// than one of a thousand of these.
func TestFilterHidesWhatIsNotThere(t *testing.T) {
	blocks := wordFilter(func(yield func(string) bool) {
		for i := range 30_000 {
			if !yield(fmt.Sprintf("word%d %016x", i, i*7919)) {
				return
			}
		}
	}, mostWords)
	found := 0
	for i := range 50_000 {
		if !hides(blocks, fmt.Sprintf("other%d", i)) {
			found++
		}
	}
	if t.Logf("%d of 50,000", found); found > 50 {
		t.Errorf("%d of 50,000 words that are not there may be there", found)
	}
}

// Words are found as words: the filter of a span never hides one that is there.
func TestWordsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zA-Z0-9_äß]{1,12}`).Draw(t, "word")
		text := `{"a":"` + rapid.SampledFrom([]string{"", "one ", `\n`, `x\u0041`, "中"}).Draw(t, "before") + word + rapid.SampledFrom([]string{"", " two", `\"`, "-3", "。"}).Draw(t, "after") + `"}`
		blocks := wordFilter(slices.Values([]string{text}), mostWords)
		if !holdsWords(text, word) {
			t.Fatalf("%q is not found in %q", word, text)
		}
		if start, end, _ := piece(word, 0); hides(blocks, word[start:end]) {
			t.Fatalf("the filter hides %q of %q", word, text)
		}
	})
	for _, c := range []struct {
		text, wanted string
		want         bool
	}{
		{`{"id":11}`, "11", true}, {`{"id":110}`, "11", false}, {`{"id":211}`, "11", false}, {`{"id":"11"}`, `"id":"11"`, true},
		{`one\ntwo`, "two", true}, {`one\ntwo`, "ntwo", false}, {`cut-off`, "cut", true}, {`cutoff`, "cut", false},
		{`东京都`, "京", true}, {`hmac:9f2c`, "hmac:9f2c", true}, {`hmac:9f2c1`, "hmac:9f2c", false}, {`110 11`, "11", true},
	} {
		if got := holdsWords(c.text, c.wanted); got != c.want {
			t.Errorf("%q in %q: %v", c.wanted, c.text, got)
		}
	}
}

// What was indexed is found by it, and what is not there is not read.
func TestTextByIndex(t *testing.T) {
	s := openStore(t)
	c := record(t, s, `{"n":"needle one"}`, `{"content":[{"type":"text","text":"hay"}]}`)
	other := newCall(t, `{"n":"straw"}`)
	for i := range spanSize { // the next span begins
		must(t, s.Note(t.Context(), TypeHangup, i))
		if i == 0 {
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, other))
		}
	}
	if more, err := s.indexSpan(t.Context()); err != nil || more {
		t.Errorf("a span is indexed while a call runs: %v, %v", more, err)
	}
	other.Refusal = gateway.Refuse("upstream", gateway.UpstreamDown, "broken straw")
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, other))
	for more := true; more; {
		var err error
		more, err = s.indexSpan(t.Context())
		must(t, err)
	}
	for text, want := range map[string]string{"needle": c.ID, "hay": c.ID, "broken straw": other.ID, "nowhere": ""} {
		calls, _, err := s.List(t.Context(), Filter{Text: text}, 10, 0)
		must(t, err)
		var ids []string
		for _, c := range calls {
			ids = append(ids, c.ID)
		}
		if strings.Join(ids, " ") != want {
			t.Errorf("%s is found in %v, want %s", text, ids, want)
		}
	}
	if lacking, err := s.lacking(t.Context(), 0, 10, []string{"nowhere"}); err != nil || !lacking[0] {
		t.Errorf("the filter says of a word that is not there %v, %v", lacking, err)
	}
	if lacking, err := s.lacking(t.Context(), 0, 10, []string{"needle", "hay"}); err != nil || lacking[0] {
		t.Errorf("the filter says of words that are there %v, %v", lacking, err)
	}
	_, err := s.Erase(t.Context(), Erasure{Call: c.ID, Why: "test"})
	must(t, err)
	if n := column1(t, s, "SELECT count(*) FROM words WHERE span = 0"); n[0] != "0" {
		t.Error("the filter knows the words of what was erased")
	}
}
