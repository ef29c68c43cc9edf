package guard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard/guardtest"
)

func kinds(t testing.TB) []guardtest.Kind {
	clean, err := guardtest.Clean("..")
	if err != nil {
		t.Fatal(err)
	}
	return clean
}

// BenchmarkScan is the cost of a whole scan, as a result and as arguments, of
// the texts that tools deal in.
func BenchmarkScan(b *testing.B) {
	s := newScanner(b, Options{})
	for _, k := range kinds(b) {
		for _, size := range []int{1 << 10, 64 << 10} {
			c, raw := kindCall(b, k, size)
			b.Run(fmt.Sprintf("result/%s/%dKiB", k.Name, size>>10), func(b *testing.B) {
				perKiB(b, len(raw), func() { scanHalf(b, s, c, false) })
			})
			b.Run(fmt.Sprintf("args/%s/%dKiB", k.Name, size>>10), func(b *testing.B) {
				perKiB(b, len(raw), func() { scanHalf(b, s, c, true) })
			})
		}
	}
}

// BenchmarkHostile is the same for texts made to be dear, as arguments, which
// costs more, up to 10 MiB. What a KiB costs must not grow with the size: ×16KiB
// is how much it does.
func BenchmarkHostile(b *testing.B) {
	s := newScanner(b, Options{})
	for _, k := range guardtest.Hostile() {
		first := 0.0
		for _, size := range []int{16 << 10, 256 << 10, 10 << 20} {
			b.Run(fmt.Sprintf("%s/%dKiB", k.Name, size>>10), func(b *testing.B) {
				c, raw := kindCall(b, k, size)
				each := perKiB(b, len(raw), func() { scanHalf(b, s, c, true) })
				if first == 0 {
					first = each
				}
				b.ReportMetric(each/first, "×16KiB")
			})
		}
	}
}

// perKiB measures f, which handles so many bytes, in µs per KiB.
func perKiB(b *testing.B, bytes int, f func()) float64 {
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
	each := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / (float64(bytes) / 1024) / 1000
	b.ReportMetric(each, "µs/KiB")
	return each
}

// kindCall is a call whose arguments and result hold a text of a kind.
func kindCall(t testing.TB, k guardtest.Kind, size int) (*gateway.Call, string) {
	value := k.Make(size)
	raw := `{"content":[{"type":"text","text":` + value + `}]}`
	if !strings.HasPrefix(value, `"`) {
		raw = `{"structuredContent":` + value + `}`
	}
	if err := gateway.CheckJSON([]byte(raw)); err != nil {
		t.Fatalf("%s: %v", k.Name, err)
	}
	c := newCall(t, demo, `{"body":`+value+`}`)
	c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
	return c, raw
}

// scanHalf scans one side of a call. A fault is fine: text may hold more than
// is acted on.
func scanHalf(t testing.TB, s *Scanner, c *gateway.Call, sent bool) {
	if sent {
		s.Request(t.Context(), c)
	} else {
		s.Result(t.Context(), c)
	}
}
