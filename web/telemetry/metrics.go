// Package telemetry turns calls into numbers and traces: Prometheus metrics,
// and OpenTelemetry spans when an exporter is configured. Both are
// [gateway.Observer]s; neither can change a call.
//
// Labels are bounded: servers and tools come from the catalog, codes and kinds
// from closed lists, and agents, sessions and arguments are never labels.
package telemetry

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"toolward/gateway"
)

// Metrics counts calls. It is safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	calls    *prometheus.CounterVec
	findings *prometheus.CounterVec
	limits   *prometheus.CounterVec
	stages   [6]prometheus.Observer
	total    *prometheus.HistogramVec
	upstream *prometheus.HistogramVec
	flight   prometheus.Gauge
}

var _ gateway.Observer = (*Metrics)(nil)

// buckets are in seconds, from what the gateway itself costs to what a tool may take.
var buckets = []float64{.000025, .0001, .00025, .001, .0025, .01, .05, .1, .5, 1, 5, 10, 30, 60, 120}

// NewMetrics returns metrics with a registry of their own.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolward_calls_total", Help: "Calls by what became of them; code is empty for calls that went through, which may be errors of the tool.",
		}, []string{"server", "tool", "kind", "effect", "outcome", "code"}),
		limits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolward_limit_refusals_total", Help: "Calls that a limit refused, by which.",
		}, []string{"rule"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toolward_guard_findings_total", Help: "Guard findings by kind, stage and action.",
		}, []string{"kind", "stage", "action"}),
		flight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "toolward_calls_in_flight", Help: "Calls on the road now."}),
	}
	stage := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "toolward_stage_duration_seconds", Help: "Time that calls spent in each step.", Buckets: buckets,
	}, []string{"stage"})
	for i, name := range []string{"limit", "guard", "policy", "approve", "record", "upstream"} {
		m.stages[i] = stage.WithLabelValues(name)
	}
	m.total = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "toolward_call_duration_seconds", Help: "Time from reading a request to having its answer, by server.", Buckets: buckets,
	}, []string{"server"})
	m.upstream = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "toolward_upstream_duration_seconds", Help: "Time that a server took for calls.", Buckets: buckets,
	}, []string{"server"})
	for _, code := range gateway.Codes { // what never happened is 0, not missing: a rate of it is 0 as well
		m.calls.WithLabelValues("", other, string(gateway.KindTool), string(gateway.EffectDeny), "refused", string(code))
	}
	for _, rule := range gateway.LimitRules {
		m.limits.WithLabelValues(string(rule))
	}
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "toolward_build_info", Help: "Version of the running gateway."}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.calls, m.findings, m.limits, m.flight, stage, m.total, m.upstream, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a number that is read when metrics are scraped.
func (m *Metrics) Gauge(name, help string, labels map[string]string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, value))
}

// GaugeOf adds a gauge with a label whose values come and go: all that there are when
// somebody scrapes have a number.
func (m *Metrics) GaugeOf(name, help, label string, values func() []string, of func(value string) float64) {
	m.registry.MustRegister(&eachMetric{prometheus.NewDesc(name, help, []string{label}, nil), prometheus.GaugeValue, values, of})
}

// CounterOf is GaugeOf for counters that somebody else keeps.
func (m *Metrics) CounterOf(name, help, label string, values func() []string, of func(value string) float64) {
	m.registry.MustRegister(&eachMetric{prometheus.NewDesc(name, help, []string{label}, nil), prometheus.CounterValue, values, of})
}

type eachMetric struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values func() []string
	of     func(string) float64
}

func (e *eachMetric) Describe(ch chan<- *prometheus.Desc) { ch <- e.desc }

func (e *eachMetric) Collect(ch chan<- prometheus.Metric) {
	for _, value := range e.values() {
		ch <- prometheus.MustNewConstMetric(e.desc, e.kind, e.of(value), value)
	}
}

// Info adds a gauge that is 1, and says something by a label that can change.
func (m *Metrics) Info(name, help, label string, value func() string) {
	m.registry.MustRegister(&infoMetric{prometheus.NewDesc(name, help, []string{label}, nil), value})
}

type infoMetric struct {
	desc  *prometheus.Desc
	value func() string
}

func (i *infoMetric) Describe(ch chan<- *prometheus.Desc) { ch <- i.desc }

func (i *infoMetric) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(i.desc, prometheus.GaugeValue, 1, i.value())
}

// Histogram adds a histogram of seconds.
func (m *Metrics) Histogram(name, help string) prometheus.Observer {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	m.registry.MustRegister(h)
	return h
}

// Counter adds a counter.
func (m *Metrics) Counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

// Counts adds a counter with a label whose values are known: all of them are
// there from the beginning, at zero. What it returns counts one, and what is not
// among the values as the last.
func (m *Metrics) Counts(name, help, label string, values []string) func(value string) {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	m.registry.MustRegister(v)
	counters := map[string]prometheus.Counter{}
	for _, value := range values {
		counters[value] = v.WithLabelValues(value)
	}
	rest := counters[values[len(values)-1]]
	return func(value string) {
		if c := counters[value]; c != nil {
			c.Inc()
			return
		}
		rest.Inc()
	}
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Begin implements [gateway.Observer].
func (m *Metrics) Begin(ctx context.Context, _ *gateway.Call) context.Context {
	m.flight.Inc()
	return ctx
}

// End implements [gateway.Observer].
func (m *Metrics) End(_ context.Context, c *gateway.Call) {
	m.flight.Dec()
	server, tool := "", other
	if c.Tool != nil {
		server, tool = c.Tool.Server, c.Tool.Name
		if c.Kind == gateway.KindResource {
			tool = other // URIs are not bounded
		}
	}
	effect, code := gateway.EffectAllow, gateway.Code("")
	if c.Refusal != nil {
		effect, code = gateway.EffectDeny, c.Refusal.Code
	}
	outcome := "refused"
	if c.Refusal == nil || c.Stages.Upstream > 0 {
		outcome = c.Outcome()
	}
	m.calls.WithLabelValues(server, tool, string(c.Kind), string(effect), outcome, string(code)).Inc()
	if c.Refusal != nil && c.Refusal.Rule != "" {
		m.limits.WithLabelValues(string(c.Refusal.Rule)).Inc()
	}
	for _, f := range c.Findings {
		m.findings.WithLabelValues(string(f.Kind), string(f.Stage), string(f.Action)).Inc()
	}
	s := c.Stages
	for i, d := range [6]time.Duration{s.Limit, s.Guard, s.Policy, s.Approve, s.Record, s.Upstream} {
		if d > 0 {
			m.stages[i].Observe(d.Seconds())
		}
	}
	if s.Upstream > 0 {
		m.upstream.WithLabelValues(server).Observe(s.Upstream.Seconds())
	}
	m.total.WithLabelValues(server).Observe(time.Since(c.Time).Seconds())
}
