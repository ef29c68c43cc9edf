package provenance

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

const prose = "The maintenance window for the storage cluster is planned for Thursday evening; please make sure that all jobs have been drained before nine and let Ms. Ferreira know if anything is left over. "

// BenchmarkCheck is the cost of looking up the arguments of a principal who
// holds private results.
func BenchmarkCheck(b *testing.B) {
	blob := make([]byte, 48<<10)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(blob)
	for _, c := range []struct{ name, text string }{
		{"prose-1KiB", strings.Repeat(prose, 8)[:1<<10]},
		{"prose-64KiB", strings.Repeat(prose, 500)[:64<<10]},
		{"json-1KiB", strings.Repeat(`{"id": 4711, "name": "Anna Kurz", "tags": ["a1", "b2"], "updatedAt": "2026-01-04T10:00:00Z", "ratio": 0.25}, `, 12)[:1<<10]},
		{"base64-64KiB", base64.StdEncoding.EncodeToString(blob)},
		{"escapes-64KiB", strings.Repeat("%2541&amp;#37;\\u0025", 4000)[:64<<10]},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := New(Options{})
			s.Learn("agent", "call-1", nil, []Field{{Text: secretText + strings.Repeat(secretText, 50)}})
			f := []Field{{Where: "/text", Text: c.text}}
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				s.Check("agent", f)
			}
		})
	}
}

// BenchmarkCheckFields is the cost of a call with many short values that change.
func BenchmarkCheckFields(b *testing.B) {
	s := New(Options{})
	learn(s, "agent", "call-1", strings.Repeat(secretText, 50))
	var calls [2][]Field
	for i := range 20 {
		calls[0] = append(calls[0], Field{Where: fmt.Sprint("/f", i), Text: fmt.Sprint("value number ", i)})
		calls[1] = append(calls[1], Field{Where: fmt.Sprint("/f", i), Text: fmt.Sprint("another one, ", i)})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Check("agent", calls[i&1])
	}
}

// BenchmarkLearn is the cost of remembering a private result.
func BenchmarkLearn(b *testing.B) {
	text := strings.Repeat(prose, 500)[:64<<10]
	s := New(Options{})
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Learn("agent", "call-1", nil, []Field{{Text: text}})
	}
}
