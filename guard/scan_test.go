package guard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
)

// synthetic is an AWS access key ID that never was one, in two parts so that
// no scanner of source code stops here.
var synthetic = "AK" + "IAQ3EGRIJXW5ZK7TPB"

const decoy = "decoy-7714-harbour-lantern"

var demo = &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "fetch", Wire: "demo__fetch"}

// results are answers of an upstream with a text at every place that reaches a
// model, %s, JSON-escaped.
var results = map[string]string{
	"text":                `{"content":[{"type":"text","text":"%s"}]}`,
	"second text":         `{"content":[{"type":"text","text":"ok"},{"type":"text","text":"see %s"}]}`,
	"resource text":       `{"content":[{"type":"resource","resource":{"uri":"file:///a","mimeType":"text/plain","text":"%s"}}]}`,
	"resource read":       `{"contents":[{"uri":"file:///a","text":"%s"}]}`,
	"resource link":       `{"content":[{"type":"resource_link","uri":"file:///a","name":"a","description":"%s"}]}`,
	"structured":          `{"content":[],"structuredContent":{"rows":[{"note":"%s"}]}}`,
	"member name":         `{"content":[],"structuredContent":{"%s":1}}`,
	"deep":                `{"structuredContent":{"a":[[[{"b":{"c":["%s"]}}]]]}}`,
	"prompt message":      `{"messages":[{"role":"user","content":{"type":"text","text":"%s"}}]}`,
	"prompt description":  `{"description":"%s","messages":[]}`,
	"tool error":          `{"content":[{"type":"text","text":"%s"}],"isError":true}`,
	"meta":                `{"content":[],"_meta":{"note":"%s"}}`,
	"completion":          `{"completion":{"values":["a","%s"]}}`,
	"fake image":          `{"content":[{"type":"image","mimeType":"image/png","data":"%s"}]}`,
	"fake image, type 2":  `{"content":[{"data":"%s","mimeType":"image/png","type":"image"}]}`,
	"unknown content":     `{"content":[{"type":"hologram","body":"%s"}]}`,
	"title":               `{"content":[{"type":"text","text":"x","annotations":{"title":"%s"}}]}`,
	"elicitation content": `{"action":"accept","content":{"reason":"%s"}}`,
}

func scanResult(t testing.TB, s *Scanner, raw string) gateway.Report {
	t.Helper()
	c := newCall(t, demo, "")
	c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
	if err := gateway.CheckJSON(c.Result.Raw); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	r, err := s.Result(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func scanArgs(t testing.TB, s *Scanner, args string) gateway.Report {
	t.Helper()
	r, err := s.Request(t.Context(), newCall(t, demo, args))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always marshals
	}
	return string(b[1 : len(b)-1])
}

// TestEveryPlaceOfAResultIsScanned puts a credential at each place that a
// model may read.
func TestEveryPlaceOfAResultIsScanned(t *testing.T) {
	s := newScanner(t, Options{})
	for name, shape := range results {
		t.Run(name, func(t *testing.T) {
			raw := fmt.Sprintf(shape, quoted("key "+synthetic+"."))
			r := scanResult(t, s, raw)
			i := slices.IndexFunc(r.Findings, func(f gateway.Finding) bool { return f.Kind == gateway.FindingSecret })
			if i < 0 {
				t.Fatalf("not found in %s: %+v", raw, r.Findings)
			}
			f := r.Findings[i]
			if f.Action != gateway.ActionRedact || f.Stage != gateway.StageResult || f.Print == "" || strings.Contains(f.Sample, synthetic) {
				t.Errorf("got %+v", f)
			}
			out, err := gateway.Redact(json.RawMessage(raw), edits(r.Findings))
			if err != nil || strings.Contains(string(out), synthetic) {
				t.Errorf("redacted to %s, %v", out, err)
			}
		})
	}
}

// edits are what the road makes of findings to redact.
func edits(findings []gateway.Finding) []gateway.Edit {
	var e []gateway.Edit
	for _, f := range findings {
		if f.Action == gateway.ActionRedact {
			e = append(e, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: gateway.Redacted})
		}
	}
	return e
}

// secretForms are ways in which a credential may be written; those whose
// reading loses nothing are redacted exactly.
var secretForms = map[string]func(string) string{
	"plain":        func(s string) string { return s },
	"quoted":       func(s string) string { return `"` + s + `"` },
	"assignment":   func(s string) string { return "AWS_ACCESS_KEY_ID=" + s },
	"json in text": func(s string) string { return `{"accessKeyId": "` + s + `"}` },
	"yaml":         func(s string) string { return "aws:\n  key: " + s + "\n" },
	"url query":    func(s string) string { return "https://a.example/?k=" + s + "&x=1" },
	"markdown":     func(s string) string { return "**" + s + "**" },
	"html":         func(s string) string { return "<td>" + s + "</td>" },
	"comment":      func(s string) string { return "<!-- " + s + " -->" },
	"brackets":     func(s string) string { return "(" + s + ")" },
	"sentence":     func(s string) string { return "My key is " + s + ", please." },
	"log":          func(s string) string { return "2026-11-24T10:00:00Z INFO using " + s + " region=eu" },
	"base64":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte("key id: " + s + " ok")) },
	"percent":      func(s string) string { return strings.ReplaceAll(url.QueryEscape("key: "+s), "A", "%41") },
	"entities":     func(s string) string { return strings.ReplaceAll(html.EscapeString("key: "+s), "A", "&#65;") },
	"backslash u":  func(s string) string { return "key: " + strings.ReplaceAll(s, "A", `\u0041`) },
	"zero width":   func(s string) string { return "key: " + s[:8] + "\u200b" + s[8:] },
	"fullwidth":    func(s string) string { return "key: " + strings.Map(func(r rune) rune { return r + 0xfee0 }, s) },
	"long text":    func(s string) string { return strings.Repeat("Nothing to see here. ", 3000) + s },
	"long line":    func(s string) string { return strings.Repeat("x", 5000) + " " + s + " " + strings.Repeat("y", 5000) },
}

// TestSecretsMatrix walks twenty forms by eighteen places: each is found, and
// after redaction neither the credential nor any reading of it is left.
func TestSecretsMatrix(t *testing.T) {
	s := newScanner(t, Options{})
	for form, f := range secretForms {
		for place, shape := range results {
			t.Run(form+"/"+place, func(t *testing.T) {
				raw := fmt.Sprintf(shape, quoted(f(synthetic)))
				r := scanResult(t, s, raw)
				out, err := gateway.Redact(json.RawMessage(raw), edits(r.Findings))
				if err != nil {
					t.Fatal(err)
				}
				if !jsontext.Value(out).IsValid() {
					t.Fatalf("not JSON: %s", out)
				}
				again := scanResult(t, s, string(out))
				for _, f := range edits(again.Findings) {
					t.Errorf("still found at %s after redaction: %.300s", f.Where, out)
				}
				if string(out) == raw || strings.Contains(string(out), synthetic) {
					t.Errorf("not redacted: %.300s\n%+v", out, r.Findings)
				}
			})
		}
	}
}

// FuzzRedaction redacts what was found in arbitrary texts: the rest of the JSON
// is byte for byte what it was, and the credential is gone.
func FuzzRedaction(f *testing.F) {
	f.Add("before ", " after", "note")
	f.Add("\u202e\x00\"", "\\u0041}", "a/b~c")
	f.Add("{\"a\":\"", "\"}", "")
	s := newScanner(f, Options{})
	f.Fuzz(func(t *testing.T, before, after, name string) {
		before, after, name = strings.ToValidUTF8(before, ""), strings.ToValidUTF8(after, ""), strings.ToValidUTF8(name, "")
		text, err := json.Marshal(before + " " + synthetic + " " + after)
		if err != nil {
			t.Fatal(err)
		}
		key, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		head, tail := `{"first":[1.50, "x"],`+string(key)+` : `, ` ,"last":{"n":1e2}}`
		raw := head + string(text) + tail
		if gateway.CheckJSON([]byte(raw)) != nil {
			t.Skip() // a name that is there twice
		}
		r := scanResult(t, s, raw)
		e := slices.DeleteFunc(edits(r.Findings), func(e gateway.Edit) bool { return e.Key })
		if len(e) == 0 {
			t.Skip() // what stands around it makes it something else
		}
		out, err := gateway.Redact(json.RawMessage(raw), e)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(out), head) || !strings.HasSuffix(string(out), tail) {
			t.Errorf("the rest changed: %s", out)
		}
		if !jsontext.Value(out).IsValid() || strings.Contains(string(out), synthetic) {
			t.Errorf("%s", out)
		}
	})
}

func TestHoneytokenBlocksInArgumentsOnly(t *testing.T) {
	s := newScanner(t, Options{Honeytokens: []string{decoy}})
	backwards := []rune(decoy)
	slices.Reverse(backwards)
	for _, sent := range []string{decoy, string(backwards), "%64" + decoy[1:], base64.StdEncoding.EncodeToString([]byte("\x00\x01" + decoy)), strings.ToUpper(decoy), strings.ReplaceAll(decoy, "-", " "), base64.StdEncoding.EncodeToString([]byte("take " + decoy + " now"))} {
		if r := scanArgs(t, s, `{"to":"x","body":"`+sent+`"}`); !slices.ContainsFunc(r.Findings, func(f gateway.Finding) bool {
			return f.Kind == gateway.FindingHoneytoken && f.Action == gateway.ActionBlock && f.Where == "/body"
		}) {
			t.Errorf("%q: %+v", sent, r.Findings)
		}
	}
	r := scanResult(t, s, `{"content":[{"type":"text","text":"`+decoy+`"}]}`)
	if len(r.Findings) != 1 || r.Findings[0].Action != gateway.ActionObserve {
		t.Errorf("where it was put: %+v", r.Findings)
	}
}

// An upstream that echoes the gateway's credential must not hand it to the agent.
func TestOwnCredentialsAreRedacted(t *testing.T) {
	own := "plain-looking-upstream-password"
	s := newScanner(t, Options{Own: []string{"Bearer " + own}, Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: gateway.ActionObserve}})
	for _, echo := range []string{"Authorization: Bearer " + own, own + own, base64.StdEncoding.EncodeToString([]byte("you sent " + own))} {
		raw := `{"content":[{"type":"text","text":"` + echo + `"}],"isError":true}`
		out, err := gateway.Redact(json.RawMessage(raw), edits(scanResult(t, s, raw).Findings))
		if err != nil || strings.Contains(string(out), own) || string(out) == raw {
			t.Errorf("%s, %v", out, err)
		}
	}
}

func TestActionsByServerAndTool(t *testing.T) {
	s := newScanner(t, Options{
		Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: gateway.ActionObserve},
		Servers: map[string]ServerActions{"demo": {
			ToolActions: ToolActions{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: gateway.ActionPolicy}},
			Tools:       map[string]ToolActions{"fetch": {Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: gateway.ActionBlock}}},
		}},
	})
	for _, c := range []struct {
		server, name string
		want         gateway.Action
	}{{"demo", "fetch", gateway.ActionBlock}, {"demo", "other", gateway.ActionPolicy}, {"files", "fetch", gateway.ActionObserve}} {
		r, err := s.Request(t.Context(), newCall(t, &gateway.Tool{Server: c.server, Name: c.name, Wire: c.server + "__" + c.name}, `{"k":"`+synthetic+`"}`))
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Action != c.want {
			t.Errorf("%s %s: %+v, %v, want %s", c.server, c.name, r.Findings, err, c.want)
		}
	}
	for _, o := range []Options{
		{Actions: map[gateway.FindingKind]gateway.Action{"injektion": gateway.ActionBlock}},
		{Servers: map[string]ServerActions{"demo": {ToolActions: ToolActions{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingPII: "delete"}}}}},
		{Args: map[gateway.FindingKind]gateway.Action{gateway.FindingPII: gateway.ActionRedact}},
		{Honeytokens: []string{"short"}},
		{Judge: &Judge{URL: "classifier.example"}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
}

// What would be redacted beside what an upstream asks cannot be, so it blocks. What an
// agent sends keeps its action, which the record goes by: the road refuses it.
func TestSecretInMeta(t *testing.T) {
	s := newScanner(t, Options{})
	for kind, want := range map[gateway.Kind]gateway.Action{gateway.KindTool: gateway.ActionRedact, gateway.KindElicitation: gateway.ActionBlock} {
		c := newCall(t, demo, `{"q":"weather"}`)
		c.Kind = kind
		c.Extra = []gateway.Member{{Name: "_meta", Value: json.RawMessage(`{"trace":"` + synthetic + `"}`)}}
		r, err := s.Request(t.Context(), c)
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Action != want || r.Findings[0].Where != "/_meta/trace" || !r.Findings[0].Beside {
			t.Errorf("%s: %+v, %v", kind, r.Findings, err)
		}
	}
}

// What is said of what agents send holds there, the narrowest of it.
func TestActionsOfWhatIsSent(t *testing.T) {
	of := func(a gateway.Action) map[gateway.FindingKind]gateway.Action {
		return map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: a}
	}
	s := newScanner(t, Options{Args: of(gateway.ActionPolicy), Servers: map[string]ServerActions{
		"a": {ToolActions: ToolActions{Actions: of(gateway.ActionTokenize)}},
		"b": {ToolActions: ToolActions{Actions: of(gateway.ActionTokenize), Args: of(gateway.ActionObserve)},
			Tools: map[string]ToolActions{"t": {Args: of(gateway.ActionBlock)}, "u": {Actions: of(gateway.ActionRedact)}}},
	}})
	for _, tt := range []struct {
		server, tool string
		sent, shown  gateway.Action
	}{
		{"none", "t", gateway.ActionPolicy, gateway.ActionRedact},
		{"a", "t", gateway.ActionTokenize, gateway.ActionTokenize},
		{"b", "none", gateway.ActionObserve, gateway.ActionTokenize},
		{"b", "t", gateway.ActionBlock, gateway.ActionTokenize},
		{"b", "u", gateway.ActionRedact, gateway.ActionRedact},
	} {
		c := newCall(t, &gateway.Tool{Server: tt.server, Name: tt.tool, Wire: tt.server + "__" + tt.tool}, `{"k":"`+synthetic+`"}`)
		c.Result = &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"` + synthetic + `"}]}`)}
		sent, err := s.Request(t.Context(), c)
		shown, also := s.Result(t.Context(), c)
		if err != nil || also != nil || len(sent.Findings) != 1 || len(shown.Findings) != 1 || sent.Findings[0].Action != tt.sent || shown.Findings[0].Action != tt.shown {
			t.Errorf("%s %s: sent %+v, shown %+v", tt.server, tt.tool, sent.Findings, shown.Findings)
		}
	}
}

func TestResourceBlobs(t *testing.T) {
	s := newScanner(t, Options{})
	text := base64.StdEncoding.EncodeToString([]byte("config\nkey = " + synthetic + "\n"))
	raw := `{"contents":[{"uri":"file:///c","mimeType":"application/octet-stream","blob":"` + text + `"}]}`
	r := scanResult(t, s, raw)
	if len(r.Findings) == 0 || r.Findings[0].Where != "/contents/0/blob" || r.Findings[0].Span != [2]int{} {
		t.Fatalf("%+v", r.Findings)
	}
	out, err := gateway.Redact(json.RawMessage(raw), edits(r.Findings))
	if err != nil || strings.Contains(string(out), text) {
		t.Errorf("%s, %v", out, err)
	}
}

// A blob that says it is text is scanned whatever bytes are mixed in.
func TestTextBlobWithControlCharacters(t *testing.T) {
	s := newScanner(t, Options{})
	b := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x01\xff", 200) + " key " + synthetic + " " + strings.Repeat("\x02", 200)))
	r := scanResult(t, s, `{"contents":[{"uri":"file:///c","blob":"`+b+`","mimeType":"text/plain; charset=utf-8"}]}`)
	if len(r.Findings) == 0 {
		t.Error("not found")
	}
}

// What an agent sends is scanned also if it starts like an image and says so.
func TestDataBehindMagicBytes(t *testing.T) {
	s := newScanner(t, Options{Honeytokens: []string{decoy}})
	b := base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n the token is " + decoy + " so keep it"))
	r := scanArgs(t, s, `{"type":"image","mimeType":"image/png","data":"`+b+`"}`)
	if !slices.ContainsFunc(r.Findings, func(f gateway.Finding) bool { return f.Kind == gateway.FindingHoneytoken }) {
		t.Errorf("%+v", r.Findings)
	}
}

func TestCancelledScanIsAnError(t *testing.T) {
	s := newScanner(t, Options{})
	c := newCall(t, demo, `{"q":"a text to scan"}`)
	ctx, cancel := contextCancelled(t)
	cancel()
	if _, err := s.Request(ctx, c); err == nil {
		t.Error("a scan that was not finished is no report")
	}
}

// Ten thousand findings in one text must neither cost ten thousand edits nor
// let any of them pass.
func TestFloodOfFindings(t *testing.T) {
	s := newScanner(t, Options{})
	raw := `{"content":[{"type":"text","text":"` + strings.Repeat(synthetic+" ", 10000) + `"}]}`
	r := scanResult(t, s, raw)
	if n := len(r.Findings); n == 0 || n > 2*maxPerLeaf {
		t.Fatalf("%d findings", n)
	}
	out, err := gateway.Redact(json.RawMessage(raw), edits(r.Findings))
	if err != nil || strings.Contains(string(out), synthetic) {
		t.Errorf("%.200s, %v", out, err)
	}
	many := `{"content":[` + strings.TrimSuffix(strings.Repeat(`"`+synthetic+` ",`, maxFindings+1), ",") + `]}`
	c := newCall(t, demo, "")
	c.Result = &gateway.Result{Raw: json.RawMessage(many)}
	if _, err := s.Result(t.Context(), c); err == nil {
		t.Error("more findings than can be acted on must be refused")
	}
}

// A long name is in the pointer of every text below it. Beyond a bound these
// cannot be pointed at: what would be redacted blocks, and nothing passes.
func TestFindingsBelowLongNames(t *testing.T) {
	s := newScanner(t, Options{})
	name := strings.Repeat("n", 64<<10)
	r := scanResult(t, s, `{"structuredContent":{"`+name+`":[`+strings.TrimSuffix(strings.Repeat(`"key `+synthetic+`.",`, 100), ",")+`]}}`)
	redacted, blocked, pointers := 0, 0, 0
	for _, f := range r.Findings {
		pointers += len(f.Where)
		switch {
		case f.Kind == gateway.FindingSecret && f.Action == gateway.ActionRedact && f.Where != "":
			redacted++
		case f.Kind == gateway.FindingSecret && f.Action == gateway.ActionBlock && f.Where == "" && f.Span == [2]int{}:
			blocked++
		}
	}
	if redacted < 8 || redacted+blocked < 100 || pointers > 2*longPointers {
		t.Errorf("%d redacted and %d blocked, with %d bytes of pointers", redacted, blocked, pointers)
	}
}

// What most of an argument says under a cipher is told by what was decoded for all
// detectors: the words of data are no order.
func TestArgumentUnderACipherIsAFinding(t *testing.T) {
	s := newScanner(t, Options{})
	for text, want := range map[string]string{
		"Gur nppbhag bs gur bjare vf va gur onax naq lbh unir gb cnl sbe vg":                                "rot13",
		"eht tnuocca fo eht renwo si ni eht knab dna uoy evah ot yap rof ti":                                "reversed",
		"The account of the owner is in the bank and you have to pay for it":                                "",
		`{"target_object_id": "pot_1", "operation_id": "turn_off_stove", "arguments": {"stove_id": "one"}}`: "",
	} {
		body, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		report, err := s.Request(t.Context(), newCall(t, demo, `{"body":`+string(body)+`}`))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range report.Findings {
			if f.Rule == "exfil.encoded-text" {
				got = f.Via
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
