//go:build e2e

package attacks

import (
	"encoding/json"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/guard/guardtest"
)

// A result that says the same twice, as text and structured, is read once: what is wrong
// with it is taken out at both places, or withheld, wherever in the text it stands.
func TestResultsThatSayItTwice(t *testing.T) {
	filler := strings.Repeat("The report of the quarter is \"done\", with all of its tables.\n", 60)
	order := guardtest.Orders()[0].Text
	inRow := func(text string) map[string]any { return map[string]any{"id": 7, "log": text} }
	type said struct {
		text       string
		structured any
	}
	results := map[string]said{}
	for what, bad := range map[string]string{"order": order, "credential": lab.Credential} {
		for where, text := range map[string]string{"begin": bad + "\n" + filler, "middle": filler + bad + "\n" + filler, "end": filler + bad} {
			results[what+" "+where+" the same"] = said{text, map[string]any{"result": text}}
			results[what+" "+where+" JSON"] = said{inJSON(t, inRow(text)), inRow(text)}
			results[what+" "+where+" in the text alone"] = said{inJSON(t, map[string]any{"log": filler, "more": text}), map[string]any{"log": filler}}
			results[what+" "+where+" structured alone"] = said{inJSON(t, map[string]any{"log": filler}), map[string]any{"log": filler, "more": text}}
		}
		// Cut over the end of one long text and the begin of the next, as far as it goes in a text alone.
		half := len(bad) / 2
		cut := map[string]any{"a": filler + bad[:half], "b": bad[half:] + filler}
		if what == "order" {
			results["order cut in two"] = said{inJSON(t, cut), cut}
		}
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"say","description":"Says it.","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			var params struct{ Arguments struct{ Name string } }
			_ = json.Unmarshal(r.Params, &params) // it is the test's own
			r := results[params.Arguments.Name]
			return `"result":{"content":[{"type":"text","text":` + inJSON(t, r.text) + `}],"structuredContent":` + inJSON(t, r.structured) + `}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters}, Config: map[string]any{"upstreams": map[string]any{"s": up.Config()}}})
	for name := range results {
		a := lab.CallREST(t, g, g.Tester(), "s__say", `{"name":`+inJSON(t, name)+`}`)
		switch {
		case strings.HasPrefix(name, "order") && a.Code != "withheld":
			t.Errorf("%s: delivered: %q", name, a.Code)
		case strings.HasPrefix(name, "credential") && (a.Code != "" || strings.Contains(a.Text, lab.Credential)):
			t.Errorf("%s: %q, with the credential %d times", name, a.Code, strings.Count(a.Text, lab.Credential))
		}
	}
}
