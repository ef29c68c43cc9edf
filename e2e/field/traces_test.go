//go:build e2e

package field

import (
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestTraceLeadsToTheCall finds the calls of a trace in the record: the agent's, by
// header and by _meta, and one that the gateway began; without traces there is none.
func TestTraceLeadsToTheCall(t *testing.T) {
	const sent = "4bf92f3577b34da6a3ce929d0e0e4736" // the example of W3C Trace Context §3.2.2.3
	g := lab.Start(t, lab.Options{Env: lab.NewCollector(t).Env()})
	r := lab.NewRequest(t, g.URL+"/v1/tools/lab__echo/call", g.Tester(), strings.NewReader(lab.Text("x")))
	r.Header.Set("traceparent", "00-"+sent+"-00f067aa0ba902b7-01")
	traced := lab.Do(t, r)
	own := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("y"))
	refused := lab.NewRequest(t, g.URL+"/v1/tools/lab__none/call", g.Tester(), strings.NewReader(`{}`))
	refused.Method = http.MethodPost
	refused.Header.Set("traceparent", "00-"+sent+"-00f067aa0ba902b7-01")
	lab.Do(t, refused)
	if traced.Status != http.StatusOK {
		t.Fatalf("%+v", traced)
	}
	out, err := g.Command("audit", "list", "--trace", sent, "--columns", "tool,outcome", "-o", "csv", "--config", "toolward.yaml").Output()
	if want := "\"tool\",\"outcome\"\r\n\"lab__none\",\"refused\"\r\n\"lab__echo\",\"ok\"\r\n"; err != nil || string(out) != want {
		t.Errorf("the trace leads to\n%s%v, want\n%s", out, err, want)
	}
	if id, _ := g.Recorded(t, "", own.ID)["trace_id"].(string); len(id) != 32 || id == sent {
		t.Errorf("a call of no trace has %q", id)
	}
	none := lab.Start(t, lab.Options{})
	if a := lab.CallREST(t, none, none.Tester(), "lab__echo", lab.Text("x")); none.Recorded(t, "", a.ID)["trace_id"] != nil {
		t.Error("a trace without traces")
	}
}
