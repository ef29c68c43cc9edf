//go:build e2e

package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Collector takes OpenTelemetry traces and keeps the bodies as they came.
type Collector struct {
	Log
	URL string
}

// NewCollector starts a collector that closes with the test.
func NewCollector(t testing.TB) *Collector {
	c := new(Collector)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(c, r.Body) // what breaks off is exported again
	}))
	t.Cleanup(srv.Close)
	c.URL = srv.URL
	return c
}

// Env makes a gateway export to the collector.
func (c *Collector) Env() []string {
	return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + c.URL, "OTEL_EXPORTER_OTLP_COMPRESSION=none", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BSP_MAX_QUEUE_SIZE=100000"}
}
