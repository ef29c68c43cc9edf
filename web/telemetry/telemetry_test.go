package telemetry

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// Names and sizes of labels are bounded by the catalog, whatever agents send.
func TestMetricsOfCalls(t *testing.T) {
	m := NewMetrics("v1")
	m.Info("toolward_policy_info", "Policy.", "revision", func() string { return "r1" })
	m.Gauge("toolward_upstream_up", "Up.", map[string]string{"server": "files"}, func() float64 { return 1 })
	tool := &gateway.Tool{Server: "files", Name: "read"}
	for _, c := range []*gateway.Call{
		{Kind: gateway.KindTool, Tool: tool, Time: time.Now(), Stages: gateway.Stages{Guard: time.Millisecond},
			Findings: []gateway.Finding{{Kind: gateway.FindingSecret, Stage: gateway.StageResult, Action: gateway.ActionRedact}}},
		{Kind: gateway.KindTool, Tool: tool, Time: time.Now(), Refusal: gateway.Refuse("policy", gateway.PolicyDenied, "no")},
		{Kind: gateway.KindTool, Tool: tool, Time: time.Now(), Result: &gateway.Result{IsError: true}, Stages: gateway.Stages{Upstream: time.Second}},
		{Kind: gateway.KindTool, Tool: tool, Time: time.Now(), Refusal: &gateway.Refusal{Step: "limit", Code: gateway.RateLimited, Rule: gateway.LimitTool}},
		{Kind: gateway.KindTool, Name: "attacker-chosen", Time: time.Now(), Refusal: gateway.Refuse("catalog", gateway.UnknownTool, "no")},
		{Kind: gateway.KindResource, Tool: &gateway.Tool{Server: "files", Name: "file:///attacker-chosen"}, Time: time.Now()},
	} {
		m.End(m.Begin(context.Background(), c), c)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	text := w.Body.String()
	for _, want := range []string{
		`toolward_calls_total{code="",effect="allow",kind="tool",outcome="ok",server="files",tool="read"} 1`,
		`toolward_calls_total{code="",effect="allow",kind="tool",outcome="error",server="files",tool="read"} 1`,
		`toolward_calls_total{code="policy",effect="deny",kind="tool",outcome="refused",server="files",tool="read"} 1`,
		`toolward_calls_total{code="unknown_tool",effect="deny",kind="tool",outcome="refused",server="",tool="other"} 1`,
		`toolward_calls_total{code="unrecorded",effect="deny",kind="tool",outcome="refused",server="",tool="other"} 0`,
		`toolward_limit_refusals_total{rule="tool"} 1`,
		`toolward_limit_refusals_total{rule="agent"} 0`,
		`toolward_call_duration_seconds_count{server="files"} 5`,
		`toolward_upstream_duration_seconds_count{server="files"} 1`,
		`toolward_policy_info{revision="r1"} 1`,
		`toolward_guard_findings_total{action="redact",kind="secret",stage="result"} 1`,
		`toolward_stage_duration_seconds_count{stage="guard"} 1`,
		`toolward_calls_in_flight 0`,
		`toolward_upstream_up{server="files"} 1`,
		`toolward_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(text, "attacker-chosen") {
		t.Error("a name that an agent chose is a label")
	}
}

// Spans go to a real collector endpoint, carry the trace of the request, and
// hold neither arguments nor tokens.
func TestTracesOfCalls(t *testing.T) {
	received := make(chan []byte, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b := make([]byte, 64<<10)
		n, _ := r.Body.Read(b)
		received <- b[:n]
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
	tracer, err := NewTracer(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	args, err := gateway.ParseArgs([]byte(`{"path":"argument-value"}`))
	if err != nil {
		t.Fatal(err)
	}
	c := &gateway.Call{ID: "call-1", Method: "tools/call", Kind: gateway.KindTool, Time: time.Now(), Args: args,
		Tool:  &gateway.Tool{Server: "files", Name: "read", Wire: "files__read"},
		Extra: []gateway.Member{{Name: "_meta", Value: []byte(`{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`)}}}
	tracer.End(tracer.Begin(t.Context(), c), c)
	if err := tracer.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c.Trace != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the call's trace is %q", c.Trace)
	}
	span := string(<-received)
	for _, want := range []string{"tools/call files__read", "call-1", "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c"} {
		if !strings.Contains(span, want) {
			t.Errorf("the span lacks %q", want)
		}
	}
	if strings.Contains(span, "argument-value") {
		t.Error("arguments are in the span")
	}
}
