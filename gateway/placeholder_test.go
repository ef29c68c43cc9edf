package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMarks(t *testing.T) {
	const id = "k3f9qm27xw4t"
	known := func(s string) bool { return s == id }
	for _, tt := range []struct {
		text string
		want string // "rule id" of those that are whole, "like" of others
	}{
		{"a [redacted secret.password " + id + "] b", "secret.password " + id},
		{"[redacted pii.card " + id + "][redacted pii.card 000000000000]", "pii.card " + id + ", pii.card 000000000000"},
		{"[redacted secret.a-b.c9 " + id + "]", "secret.a-b.c9 " + id},
		{"[REDACTED secret.x " + id + "]", "like"},
		{"[redacted secret.x " + strings.ToUpper(id) + "]", "like"},
		{"redacted%20secret.x%20" + id, "like"},
		{"[redacted secret.x", "like"},
		{"[redacted secret.x]", "like"},
		{"[redacted\nsecret.x " + id, "like"},
		{"[redacted Secret.x " + id + "]", "like"},
		{"secret.x " + id + "]", "like"},
		{id, "like"},
		{"x" + id, "like"},
		{id + "9", "like"},
		{"%20" + id + "%5D", "like"},
		{"another-" + strings.ToUpper(id), "like"},
		{"[redacted] and the redacted version of example.com", ""},
		{"It was redacted. secret.Now", ""},
		{"the redacted secret. Now", ""},
		{"[redacted secret.", ""},
		{"redacted", ""},
		{"k3f9qm27xw4", ""},
	} {
		var got []string
		for _, m := range marks(tt.text, known) {
			if m.id == "" {
				got = append(got, "like")
			} else {
				got = append(got, m.rule+" "+m.id)
			}
		}
		if len(got) > 1 && got[0] == "like" {
			got = got[:1] // of what is left of one, each part is a mark
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestReadMarksNamesThePlace(t *testing.T) {
	const p = "[redacted secret.x k3f9qm27xw4t]"
	known := func(s string) bool { return s == "k3f9qm27xw4t" }
	for _, tt := range []struct{ raw, want string }{
		{`{"a":"` + p + `"}`, "/a whole"},
		{`{"a":{"b/c":["x",{"d":"<` + p + `>"}]}}`, "/a/b~1c/1/d"},
		{`{"` + p + `":1}`, "/" + p + " key whole"},
		{`{"a":"\u005bredacted secret.x k3f9qm27xw4t]"}`, "/a whole"},
		{`{"a":"[redacted secret.x \u006b3f9qm27xw4t]"}`, "/a whole"},
		{`["redact","ed secret.x k3f9qm27xw4t]"]`, "/1 like"},
		{`["x k3f9q","m27xw4t]"]`, "/1 like"},
		{`{"a":"x k3f9q","b":"m27xw4t"}`, "/b like"},
		{`{"k3f9q":"m27xw4t"}`, ""},
		{`{"a":1,"b":null}`, ""},
	} {
		var got []string
		for _, m := range readMarks(json.RawMessage(tt.raw), known) {
			s := m.where
			if m.key {
				s += " key"
			}
			if m.id == "" {
				s += " like"
			} else if m.whole {
				s += " whole"
			}
			got = append(got, s)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: got %q, want %q", tt.raw, got, tt.want)
		}
	}
}

// What a result loses and an agent sends back is what it was, byte for byte of each
// text, wherever it stood and however edits overlap.
func TestWhatIsTakenOutGoesBack(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		edits     []Edit
		shown     string
	}{
		{"a span", `{"a":"x SECRET y"}`, []Edit{{Where: "/a", Span: [2]int{2, 8}}}, `{"a":"x [redacted secret.x 000000000001] y"}`},
		{"two that overlap are one", `{"a":"0123456789"}`, []Edit{{Where: "/a", Span: [2]int{4, 7}}, {Where: "/a", Span: [2]int{2, 5}}}, `{"a":"01[redacted secret.x 000000000001]789"}`},
		{"two that touch are two", `{"a":"0123456789"}`, []Edit{{Where: "/a", Span: [2]int{2, 4}}, {Where: "/a", Span: [2]int{4, 6}}},
			`{"a":"01[redacted secret.x 000000000001][redacted secret.x 000000000002]6789"}`},
		{"the same value twice", `{"a":"key key"}`, []Edit{{Where: "/a", Span: [2]int{0, 3}}, {Where: "/a", Span: [2]int{4, 7}}},
			`{"a":"[redacted secret.x 000000000001] [redacted secret.x 000000000001]"}`},
		{"half a character", `{"a":"né é"}`, []Edit{{Where: "/a", Span: [2]int{0, 2}}, {Where: "/a", Span: [2]int{2, 3}}}, `{"a":"[redacted secret.x 000000000001] é"}`},
		{"out of range", `{"a":"short"}`, []Edit{{Where: "/a", Span: [2]int{2, 99}}}, `{"a":"[redacted secret.x 000000000001]"}`},
		{"escapes", `{"a":"x \"\\\n\u0041 y"}`, []Edit{{Where: "/a", Span: [2]int{2, 6}}}, `{"a":"x [redacted secret.x 000000000001] y"}`},
		{"a number", `{"a":[4111111111111111]}`, []Edit{{Where: "/a/0"}}, `{"a":["[redacted secret.x 000000000001]"]}`},
		{"a name", `{"SECRET-1":{"b":1}}`, []Edit{{Where: "/SECRET-1", Key: true, Span: [2]int{0, 6}}}, `{"[redacted secret.x 000000000001]-1":{"b":1}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rooms := newRooms()
			road := rooms.road()
			c := newTestCall(t, `{}`)
			c.Agent, c.Tool = &Agent{ID: "a"}, rooms.tool
			for i := range tt.edits {
				tt.edits[i].Keep = road.keeps(c, Kept{Kind: FindingSecret, Rule: "secret.x"})
			}
			shown, err := Redact(json.RawMessage(tt.raw), slices.Clone(tt.edits))
			if err != nil || string(shown) != tt.shown {
				t.Fatalf("shown %s, %v\nwant  %s", shown, err, tt.shown)
			}
			if c.Args, err = ParseArgs(shown); err != nil {
				t.Fatal(err)
			}
			var refusal *Refusal
			if c.Restored, refusal = road.carried(c); refusal != nil {
				t.Fatal(refusal)
			}
			sent, err := road.redactArgs(c)
			if err != nil || fmt.Sprint(sent.Value()) != fmt.Sprint(Decode(json.RawMessage(tt.raw))) {
				t.Errorf("sent %s, %v\nwant %s", sent.Raw(), err, tt.raw)
			}
		})
	}
}

// What is taken out of arguments stays out, with all that is put back in it.
func TestNothingIsPutBackIntoWhatIsTakenOut(t *testing.T) {
	const p = "[redacted secret.x 000000000001]"
	for _, tt := range []struct {
		name   string
		places []string
		want   string
	}{
		{"nothing is", nil, `{"a":{"b":"<SECRET>"},"c":1}`},
		{"policy takes the text", []string{"/a/b"}, `{"a":{"b":"[redacted]"},"c":1}`},
		{"policy takes what is around it", []string{"/a"}, `{"a":"[redacted]","c":1}`},
		{"policy takes another", []string{"/c"}, `{"a":{"b":"<SECRET>"},"c":"[redacted]"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rooms := newRooms()
			rooms.kept = map[string]Kept{"000000000001": {Rule: "secret.x", Server: "s", Text: "SECRET"}}
			c := newTestCall(t, `{"a":{"b":"<`+p+`>"},"c":1}`)
			c.Agent, c.Tool, c.Decision.Redact = &Agent{ID: "a"}, rooms.tool, tt.places
			var refusal *Refusal
			if c.Restored, refusal = rooms.road().carried(c); refusal != nil {
				t.Fatal(refusal)
			}
			sent, err := rooms.road().redactArgs(c)
			if err != nil || string(sent.Raw()) != tt.want {
				t.Errorf("sent %s, %v\nwant %s", sent.Raw(), err, tt.want)
			}
		})
	}
}

// A person consents to a call whose value is forgotten by then: it is refused, and not
// sent as text.
func TestAValueThatIsForgottenWhileAPersonIsAsked(t *testing.T) {
	rooms := newRooms()
	rooms.kept = map[string]Kept{"000000000001": {Rule: "secret.x", Server: "s", Text: "SECRET"}}
	rooms.decision.Effect = EffectApprove
	c := newTestCall(t, `{"a":"[redacted secret.x 000000000001]"}`)
	c.Agent = &Agent{ID: "a"}
	rooms.meanwhile = func() { clear(rooms.kept) }
	_, refusal := rooms.road().Do(t.Context(), c)
	if refusal == nil || refusal.Code != Misplaced || slices.Contains(rooms.asked, "upstream") || rooms.sent != nil {
		t.Errorf("%v, sent %s, asked %v", refusal, rooms.sent, rooms.asked)
	}
}

// The word is found where a plain search finds it, in any case.
func TestRedactedIsFoundWherever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[redactRDx ]{0,24}(redacted|REDACTED|Redacted|redacte)?[redactRDx ]{0,12}`).Draw(t, "text")
		if got, want := indexRedacted(s), strings.Index(strings.ToLower(s), "redacted"); got != want {
			t.Fatalf("got %d, want %d", got, want)
		}
	})
}

// What stands in a placeholder is found where it is written as an escape, and what
// encoders escape for HTML is no reason to look.
func TestEscapesThatMayBePlaceholders(t *testing.T) {
	for c := range rune(0x100) {
		in := fmt.Appendf(nil, `{"a":"x\u%04xy"}`, c)
		want := strings.ContainsRune("[redacted pii.card-2 k3f9qm27xw4t]", c) || c < 0x80 && letterOrDigit(byte(c))
		if got := escapesPlaceholder(in); got != want {
			t.Errorf("%s: %v", in, got)
		}
		in = fmt.Appendf(nil, `{"a":"\u003c\u0026\u00e9 \\u00 \u%04X"}`, c)
		if got := escapesPlaceholder(in); want && !got {
			t.Errorf("%s: %v", in, got)
		}
	}
	for _, in := range []string{Redacted, `\u005bredacted]`, `[redact\u0065d]`, `[redacted\u005D`} {
		if !holdsText([]byte(`{"a":["x `+in+` y"]}`), Redacted) || !holdsText([]byte(`{"x `+in+`":1}`), Redacted) {
			t.Errorf("%s is not found", in)
		}
	}
	if holdsText([]byte(`{"a":"[redact\u0061d]"}`), Redacted) {
		t.Error("found what is not there")
	}
}
