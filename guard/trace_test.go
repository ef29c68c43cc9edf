package guard

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"toolward/gateway"
)

const chart = "Maria Oyelaran, ward 7B: chronic lymphocytic leukaemia, policy QX-4410-2297-83"

var (
	records = &gateway.Tool{Kind: gateway.KindTool, Server: "records", Name: "read", Wire: "records__read", Labels: []string{"private"}}
	weather = &gateway.Tool{Kind: gateway.KindTool, Server: "weather", Name: "get", Wire: "weather__get"}
	mailer  = &gateway.Tool{Kind: gateway.KindTool, Server: "mail", Name: "send", Wire: "mail__send", Labels: []string{"external"}}
)

// returns lets a tool return a text to the agent and gives the call's ID.
func returns(t *testing.T, s *Scanner, tool *gateway.Tool, text string) string {
	t.Helper()
	c := newCall(t, tool, `{"patient":"P-88213"}`)
	c.Result = &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"` + quoted(text) + `"}]}`)}
	if _, err := s.Result(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// copied are the provenance findings in a call.
func copied(t *testing.T, s *Scanner, c *gateway.Call) []gateway.Finding {
	t.Helper()
	r, err := s.Request(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var found []gateway.Finding
	for _, f := range r.Findings {
		if f.Kind == gateway.FindingProvenance {
			found = append(found, f)
		}
	}
	return found
}

func TestPrivateResultIsFoundInLaterCall(t *testing.T) {
	s := newScanner(t, Options{})
	id := returns(t, s, records, chart)
	f := copied(t, s, newCall(t, mailer, `{"to":"x@a.example","body":"`+base64.StdEncoding.EncodeToString([]byte(chart))+`"}`))
	if len(f) != 1 {
		t.Fatalf("%+v", f)
	}
	want := gateway.Finding{
		Kind: gateway.FindingProvenance, Rule: "provenance.copy", Stage: gateway.StageRequest, Where: "/body", Span: f[0].Span, Severity: gateway.SeverityHigh,
		Sample: f[0].Sample, Via: "base64", From: id, Print: f[0].Print, Action: gateway.ActionPolicy,
	}
	if f[0] != want {
		t.Errorf("got %+v", f[0])
	}
	for _, word := range strings.Fields(chart) {
		if strings.Contains(f[0].Sample, word) && len(word) > 2 {
			t.Errorf("the sample shows the text: %q", f[0].Sample)
		}
	}
}

func TestOnlyPrivateResultsAreRemembered(t *testing.T) {
	s := newScanner(t, Options{})
	returns(t, s, weather, chart)
	if f := copied(t, s, newCall(t, mailer, `{"body":"`+chart+`"}`)); len(f) != 0 {
		t.Errorf("%+v", f)
	}
}

func TestWithheldResultIsNotRemembered(t *testing.T) {
	s := newScanner(t, Options{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingSecret: gateway.ActionBlock}})
	returns(t, s, records, chart+" "+synthetic)
	if f := copied(t, s, newCall(t, mailer, `{"body":"`+chart+`"}`)); len(f) != 0 {
		t.Errorf("the agent never saw it: %+v", f)
	}
}

// The next call rightly names what the last one returned.
func TestSeverityOfCopies(t *testing.T) {
	s := newScanner(t, Options{})
	returns(t, s, records, chart)
	for _, c := range []struct {
		tool *gateway.Tool
		args string
		want gateway.Severity
	}{
		{records, `{"patient":"Maria Oyelaran, ward 7B"}`, gateway.SeverityLow},
		{weather, `{"city":"Maria Oyelaran, ward 7B"}`, gateway.SeverityLow},
		{mailer, `{"body":"maria oyelaran ward 7b"}`, gateway.SeverityMedium},
		{mailer, `{"body":"` + chart + `"}`, gateway.SeverityHigh},
		{weather, `{"city":"nalerayO airaM"}`, ""},
		{weather, `{"city":"38-7922-0144-XQ ycilop ,aimeakuel citycohpmyl"}`, gateway.SeverityHigh},
	} {
		f := copied(t, s, newCall(t, c.tool, c.args))
		if c.want == "" && len(f) == 0 {
			continue
		}
		if len(f) == 0 || f[0].Severity != c.want {
			t.Errorf("%s to %s: %+v, want %s", c.args, c.tool.Wire, f, c.want)
		}
	}
}

// A model that an upstream asks for a completion may answer with what another
// upstream returned.
func TestPrivateResultIsFoundInSampling(t *testing.T) {
	s := newScanner(t, Options{})
	returns(t, s, records, chart)
	c := newCall(t, mailer, `{"messages":[{"role":"user","content":{"type":"text","text":"What do you know?"}}]}`)
	c.Kind = gateway.KindSampling
	if f := copied(t, s, c); len(f) != 0 {
		t.Errorf("the upstream's own question: %+v", f)
	}
	c.Result = &gateway.Result{Raw: json.RawMessage(`{"role":"assistant","content":{"type":"text","text":"` + chart + `"}}`)}
	r, err := s.Result(t.Context(), c)
	if err != nil || len(r.Findings) == 0 || r.Findings[0].Kind != gateway.FindingProvenance || r.Findings[0].Stage != gateway.StageResult {
		t.Errorf("%+v, %v", r.Findings, err)
	}
}

func TestCopyInMetaIsFound(t *testing.T) {
	s := newScanner(t, Options{})
	returns(t, s, records, chart)
	c := newCall(t, mailer, `{"to":"x"}`)
	c.Extra = []gateway.Member{{Name: "_meta", Value: json.RawMessage(`{"note":"` + chart + `"}`)}}
	if f := copied(t, s, c); len(f) != 1 || f[0].Where != "/_meta/note" || !f[0].Beside {
		t.Errorf("%+v", f)
	}
}

func TestRedactedCopy(t *testing.T) {
	s := newScanner(t, Options{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingProvenance: gateway.ActionRedact}})
	returns(t, s, records, chart)
	args := `{"to":"x@a.example","subject":"hello","body":"As asked: ` + chart + `. Bye."}`
	r := scanArgs(t, s, args)
	out, err := gateway.Redact(json.RawMessage(args), edits(r.Findings))
	if err != nil || strings.Contains(string(out), "leukaemia") || !strings.Contains(string(out), "As asked: ") || !strings.Contains(string(out), ". Bye.") {
		t.Errorf("%s, %v", out, err)
	}
}
