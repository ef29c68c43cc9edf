package limit

import (
	"testing"

	"toolward/gateway"
)

func BenchmarkAcquire(b *testing.B) {
	tool := &gateway.Tool{Wire: "github__create_issue"}
	fast := Rate{1e9, 1 << 30}
	for name, opts := range map[string]Options{
		"agent":           {Default: fast, Concurrency: 1 << 30, Total: 1 << 30},
		"agent+tool+pair": {Default: fast, Tools: map[string]Tool{tool.Wire: {All: fast, PerAgent: fast}}},
		"refused":         {Default: Rate{1e-9, 1}},
	} {
		l := newLimiter(b, opts)
		a := agent("ann")
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if release, err := l.Acquire(b.Context(), a, tool); err == nil {
					release()
				}
			}
		})
	}
	l := newLimiter(b, Options{Default: fast})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		a := agent("ann")
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if release, err := l.Acquire(b.Context(), a, tool); err == nil {
					release()
				}
			}
		})
	})
}
