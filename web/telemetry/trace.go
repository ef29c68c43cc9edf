package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"toolward/gateway"
)

// Tracer makes a span of each call, named and attributed by the OpenTelemetry
// semantic conventions for MCP (server side), with toolward.* beside them.
// Arguments, results and tokens are never attributes, nor is what an agent made
// up: methods and tools that do not exist are "other". A trace's tracestate is
// not taken over (W3C Trace Context §3.3.1.5 leaves that to us): it is text of
// whoever sent it, and would reach collector and upstreams unjudged.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

var _ gateway.Observer = (*Tracer)(nil)

// NewTracer exports over OTLP/HTTP as the OTEL_EXPORTER_OTLP_* variables say,
// and installs W3C trace context (https://www.w3.org/TR/trace-context/) as the
// process's propagator, so that upstreams are handed the trace.
func NewTracer(ctx context.Context, version string) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	res := resource.NewSchemaless(attribute.String("service.name", "toolward"), attribute.String("service.version", version))
	merged, err := resource.Merge(res, resource.Environment())
	if err != nil {
		merged = res
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(merged))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return &Tracer{provider: provider, tracer: provider.Tracer("toolward")}, nil
}

// Close flushes what was not exported yet.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Middleware continues the trace that a request's traceparent header names.
func (t *Tracer) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(parent(r.Context(), propagation.HeaderCarrier(r.Header))))
	})
}

// parent is the context within the trace that a carrier names.
func parent(ctx context.Context, from propagation.TextMapCarrier) context.Context {
	return otel.GetTextMapPropagator().Extract(ctx, parentOnly{from})
}

// parentOnly is a carrier of nothing but a traceparent.
type parentOnly struct{ propagation.TextMapCarrier }

func (p parentOnly) Get(key string) string {
	if key != "traceparent" {
		return ""
	}
	return p.TextMapCarrier.Get(key)
}

// metaCarrier reads trace context from a request's _meta (MCP SEP-414).
type metaCarrier gateway.Object

func (m metaCarrier) Get(key string) string {
	s, _, _ := gateway.Object(m).String(key)
	return s
}
func (m metaCarrier) Set(string, string) {}
func (m metaCarrier) Keys() []string     { return []string{"traceparent", "tracestate"} }

// Begin implements [gateway.Observer].
func (t *Tracer) Begin(ctx context.Context, c *gateway.Call) context.Context {
	for _, m := range c.Extra {
		if m.Name != "_meta" {
			continue
		}
		if o, err := gateway.Split(m.Value); err == nil {
			ctx = parent(ctx, metaCarrier(o))
		}
	}
	ctx, span := t.tracer.Start(ctx, method(c), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(c.Time))
	c.Trace = span.SpanContext().TraceID().String() // for the record
	return ctx
}

// End implements [gateway.Observer].
func (t *Tracer) End(ctx context.Context, c *gateway.Call) {
	span := trace.SpanFromContext(ctx)
	if c.Tool != nil {
		span.SetName(method(c) + " " + tool(c))
	}
	effect := gateway.EffectAllow
	if c.Refusal != nil {
		effect = gateway.EffectDeny
		span.SetAttributes(attribute.String("error.type", string(c.Refusal.Code)))
		span.SetStatus(codes.Error, string(c.Refusal.Code))
	} else if c.Result != nil && c.Result.IsError {
		span.SetAttributes(attribute.String("error.type", "tool_error"))
	}
	span.SetAttributes(
		attribute.String("mcp.method.name", method(c)),
		attribute.String("mcp.protocol.version", revision(c.Protocol)),
		attribute.String("gen_ai.tool.name", tool(c)),
		attribute.String("toolward.call.id", c.ID),
		attribute.String("toolward.decision.effect", string(effect)),
		attribute.String("toolward.policy.revision", c.Decision.Revision),
	)
	span.End()
}

// other stands for names that nobody but an agent knows.
const other = "other"

// method is a call's method, if it is one: refusals before there is a call, and
// what upstreams send unasked, may be about any text.
func method(c *gateway.Call) string {
	if c.Kind != gateway.KindLifecycle && c.Kind != gateway.KindNotification || named[c.Method] {
		return c.Method
	}
	return other
}

// named are the methods of these kinds, and the gateway's own words.
var named = map[string]bool{"initialize": true, "ping": true, "authenticate": true, "http": true,
	"notifications/message": true, "notifications/progress": true, "notifications/tasks/status": true}

// tool is the name of what a call found. Resources have URIs, which are not
// bounded and may hold anything.
func tool(c *gateway.Call) string {
	if c.Tool == nil || c.Tool.Kind == gateway.KindResource {
		return other
	}
	return c.Tool.Wire
}

// revision is a protocol revision, which is a date; agents may say anything.
func revision(protocol string) string {
	if protocol == "" {
		return ""
	}
	if _, err := time.Parse(time.DateOnly, protocol); err != nil {
		return other
	}
	return protocol
}
