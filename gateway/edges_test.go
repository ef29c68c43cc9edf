package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// Two escapes are two characters, one, or nothing that is text, as UTF-16 has it.
func TestSurrogatesAtTheirEdges(t *testing.T) {
	edges := []rune{0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000}
	for _, a := range edges {
		for _, b := range edges {
			in := fmt.Appendf(nil, `{"a":"\u%04x\u%04X"}`, a, b)
			want := utf16.IsSurrogate(a) && utf16.DecodeRune(a, b) != utf8.RuneError || !utf16.IsSurrogate(a) && !utf16.IsSurrogate(b)
			if err := CheckJSON(in); (err == nil) != want {
				t.Errorf("%s: %v", in, err)
			}
		}
	}
}

func TestWhatIsNoObjectIsCalledSo(t *testing.T) {
	for _, in := range []string{`[]`, ` "a"`, `1`} {
		if _, err := ParseObject([]byte(in)); err == nil || !strings.Contains(err.Error(), "expected a JSON object") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func TestClipCutsBetweenCharacters(t *testing.T) {
	for n := range 6 {
		if got := clip(strings.Repeat("x", 55+n) + "€€€€"); !utf8.ValidString(got) || len(got) > 63 {
			t.Errorf("%q, %d bytes", got, len(got))
		}
	}
	if s := strings.Repeat("x", 60); clip(s) != s {
		t.Error("60 bytes are clipped")
	}
}

// A place that is not there is an error, in whatever way it is meant.
func TestRedactCountsEachPlaceThatIsNotThere(t *testing.T) {
	both := []Edit{{Where: "/b", With: "R"}, {Where: "/b", Key: true, With: "R"}}
	for _, edits := range [][]Edit{both, both[:1], both[1:], {{Where: "/a/b", With: "R"}}, {{Where: "/a", With: "R"}, {Where: "/c/d/e", With: "R"}}} {
		if got, err := Redact(json.RawMessage(`{"a":1}`), edits); err == nil {
			t.Errorf("%+v: %s", edits, got)
		}
	}
}

func TestSpansBesideEachOther(t *testing.T) {
	for _, tt := range []struct {
		spans [][2]int
		want  string
	}{
		{[][2]int{{2, 5}, {5, 7}}, `{"a":"01AB789"}`},
		{[][2]int{{5, 7}, {2, 5}}, `{"a":"01BA789"}`},
		{[][2]int{{0, 1}, {9, 10}}, `{"a":"A12345678B"}`},
		{[][2]int{{0, 10}}, `{"a":"A"}`},
		{[][2]int{{3, 3}}, `{"a":"A"}`},         // of nothing: all
		{[][2]int{{2, 5}, {7, 7}}, `{"a":"B"}`}, // one of them of nothing
		{[][2]int{{9, 11}}, `{"a":"A"}`},
		{[][2]int{{-1, 2}}, `{"a":"A"}`},
	} {
		var edits []Edit
		for i, span := range tt.spans {
			edits = append(edits, Edit{Where: "/a", Span: span, With: string(rune('A' + i))})
		}
		if got, err := Redact(json.RawMessage(`{"a":"0123456789"}`), edits); err != nil || string(got) != tt.want {
			t.Errorf("%v: %s, %v, want %s", tt.spans, got, err, tt.want)
		}
	}
}

// A value that was no text is put back as it was, but in a member's name, which is text.
func TestValuesArePutBackAsTheyWere(t *testing.T) {
	c := &Call{Restored: []Restored{
		{Where: "/n", whole: true, value: Kept{Text: "4711", JSON: true}},
		{Where: "/s", whole: true, span: [2]int{0, 1}, value: Kept{Text: "4711"}},
		{Where: "/k", Key: true, whole: true, span: [2]int{0, 1}, value: Kept{Text: "4711", JSON: true}},
		{Where: "/t", span: [2]int{1, 2}, value: Kept{Text: "4711", JSON: true}},
	}}
	got, err := Redact(json.RawMessage(`{"n":"x","s":"x","k":1,"t":"axb"}`), c.restores())
	if want := `{"n":4711,"s":"4711","4711":1,"t":"a4711b"}`; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// A placeholder is one wherever the text ends, and what was cut is none.
func TestMarksAtTheEndOfAText(t *testing.T) {
	whole := Placeholder("pii.card-2", "k3f9qm27xw4t")
	for n := range len(whole) + 1 {
		for _, before := range []string{"", "x "} {
			m, ok := wholeMark(before+whole[:n], len(before))
			if ok != (n == len(whole)) {
				t.Errorf("%q: %v", whole[:n], ok)
			}
			if ok && (before + whole)[m.span[0]:m.span[1]] != whole {
				t.Errorf("%q at %v", before+whole, m.span)
			}
		}
	}
	for gap := range 12 {
		text := "redacted" + strings.Repeat("_", gap) + "secret.x"
		if want, got := gap > 0 && gap <= 8, likeMark(text, len("redacted")) > 0; got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestEachLetterAndDigitMayBeOfAnID(t *testing.T) {
	for i := range 256 {
		c := byte(i)
		want := strings.IndexByte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", c) >= 0
		if letterOrDigit(c) != want {
			t.Errorf("%q: %v", c, !want)
		}
	}
}

func TestTokenNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "z": true, "A": true, "Z": true, "0": true, "9": true, "ci.nightly_2-x": true, strings.Repeat("n", 64): true,
		"": false, ".a": false, "-a": false, "_a": false, "a b": false, "a/b": false, "a:": false, "`": false, "@": false, "[": false, "{": false,
		"é": false, "a\x00": false, strings.Repeat("n", 65): false,
	} {
		if err := CheckTokenName(name); (err == nil) != want || err != nil && !errors.Is(err, ErrBadToken) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestATokenItselfIsNoName(t *testing.T) {
	for name, want := range map[string]bool{"eyJh.eyJz.c2ln": true, "eyJh.eyJz": false, "abc.def.ghi": false, "eyJ..": true, "jti-1": false} {
		if looksSigned(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestDecodeMembersPassesOverTheOthers(t *testing.T) {
	got := DecodeMembers(json.RawMessage(`{"a":[1],"\u0062":{"x":"y"},"c":null,"d":2}`), map[string]bool{"a": true, "b": true, "c": true, "e": true})
	if text, err := json.Marshal(got); err != nil || string(text) != `{"a":[1],"b":{"x":"y"},"c":null}` {
		t.Errorf("%s, %v", text, err)
	}
}

// What an upstream said is kept as it came, without what nobody may read.
func TestNotesAreKeptWithoutSecrets(t *testing.T) {
	c := &Call{
		Result: &Result{Raw: json.RawMessage(`{"data":"[redacted secret.x k3f9qm27xw4t] and more"}`), Original: json.RawMessage(`{"data":"sk-123 and more","who":"ann"}`)},
		Findings: []Finding{
			{Kind: FindingSecret, Stage: StageResult, Rule: "secret.x", Where: "/data", Span: [2]int{0, 6}, Action: ActionRedact},
			{Kind: FindingSecret, Stage: StageRequest, Rule: "secret.y", Where: "/data", Span: [2]int{7, 10}, Action: ActionRedact},
		},
		ResultDecision: Decision{Redact: []string{"/who"}},
	}
	got, err := readable(c)
	if want := `{"data":"[secret.x] and more","who":"` + Redacted + `"}`; err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
	n := &notes{}
	n.noted(c)
	if n.sent != 1 || len(n.kept) != 1 || n.size != len(got) {
		t.Errorf("%d sent, kept %s, %d bytes", n.sent, n.kept, n.size)
	}
	n.size = maxKept - len(c.Result.Raw)
	n.noted(c)
	n.noted(c)
	if n.sent != 3 || len(n.kept) != 2 {
		t.Errorf("%d sent, %d kept, want no more than there is room for", n.sent, len(n.kept))
	}
}

func TestPrivateDataKeepsItsServersName(t *testing.T) {
	c := &Call{Tool: &Tool{Server: "mail"}}
	for _, tt := range []struct {
		labels []string
		want   string
	}{
		{nil, ""},
		{[]string{"external"}, "external"},
		{[]string{LabelPrivate}, LabelPrivate + " " + LabelFrom + "mail"},
	} {
		if got := strings.Join(c.seen(tt.labels), " "); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.labels, got, tt.want)
		}
	}
}

// witness is rooms that keep what was recorded, and who was counted as a stranger.
type witness struct {
	*rooms
	recorded  []*Call
	strangers []string
	judged    []*Call // results that the policy was asked about
}

func (w *witness) Record(ctx context.Context, p Phase, c *Call) error {
	w.recorded = append(w.recorded, c)
	return w.rooms.Record(ctx, p, c)
}

func (w *witness) Strangers(who string) error {
	w.strangers = append(w.strangers, who)
	return w.rooms.Strangers(who)
}

func (w *witness) DecideResult(ctx context.Context, c *Call) (Decision, error) {
	w.judged = append(w.judged, c)
	return w.rooms.DecideResult(ctx, c)
}

func (w *witness) road() *Road {
	r := w.rooms.road()
	r.State, r.Recorder, r.Policy = w, w, w
	return r
}

// Who makes requests without a token is counted apart from who sends a wrong one, and
// who is blocked is on record with name and address.
func TestWhoIsTurnedAwayIsOnRecord(t *testing.T) {
	w := &witness{rooms: newRooms()}
	w.fail["admit"] = Refuse("block", Blocked, "agent a is blocked")
	if _, refusal := w.road().Admit(t.Context(), Credentials{Peer: "192.0.2.7"}); refusal == nil {
		t.Fatal("who is blocked is let in")
	}
	if len(w.recorded) != 1 || w.recorded[0].Peer != "192.0.2.7" || w.recorded[0].Agent == nil || w.recorded[0].Agent.ID != "a" {
		t.Errorf("on record is %+v", w.recorded)
	}
	w.fail["admit"], w.fail["auth"] = nil, Refuse("auth", Unauthenticated, "no")
	if _, refusal := w.road().Admit(t.Context(), Credentials{Peer: "192.0.2.7"}); refusal == nil {
		t.Fatal("who has no token is let in")
	}
	if got := strings.Join(w.strangers, ", "); got != "192.0.2.7, requests of 192.0.2.7, 192.0.2.7, 192.0.2.7" { // each is looked at before
		t.Errorf("counted are %s", got)
	}
}

// What an upstream says during a call is judged with what was asked, and if it does
// not pass, what it said is on record as what was asked.
func TestNotificationsAreJudgedWithTheirCall(t *testing.T) {
	w := &witness{rooms: newRooms()}
	back := w.road().Judge(&Agent{ID: "a"}, &origin{})
	cause := newTestCall(t, `{"path":"/srv"}`)
	cause.Tool, cause.Decision = w.tool, Decision{Effect: EffectAllow, Revision: "r7"}
	const params = `{"level":"info","data":"ignore all"}`
	if err := back.Notify(t.Context(), cause, "notifications/message", []byte(params)); err != nil {
		t.Fatal(err)
	}
	if len(w.judged) != 1 || string(w.judged[0].Args.Raw()) != `{"path":"/srv"}` || w.judged[0].Decision.Revision != "r7" {
		t.Errorf("judged %+v", w.judged)
	}
	w.result = Report{Findings: []Finding{{Kind: FindingInjection, Stage: StageResult, Rule: "r", Where: "/data", Action: ActionBlock}}}
	if err := back.Notify(t.Context(), cause, "notifications/message", []byte(params)); err == nil {
		t.Fatal("an injected message passed")
	}
	if len(w.recorded) != 1 {
		t.Fatalf("%d records", len(w.recorded))
	}
	if c := w.recorded[0]; c.Result != nil || !strings.Contains(string(c.Args.Raw()), "ignore all") || c.Findings[0].Stage != StageRequest {
		t.Errorf("on record is %s, %+v", c.Args.Raw(), c.Findings)
	}
}
