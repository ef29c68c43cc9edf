package guard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"toolward/gateway"
)

const paragraph = "The maintenance window for the storage cluster is planned for Thursday evening; please make sure that all jobs have been drained before nine and let Ms. Ferreira know if anything is left over.\n"

const record = `{"id": 4711, "name": "Anna Kurz", "tags": ["a1", "b2"], "updatedAt": "2026-01-04T10:00:00Z", "ratio": 0.25, "open": true, "url": "https://tracker.example/items/4711"}, `

// samples are texts of a size, by what they are like.
func samples(size int) map[string]string {
	blob := make([]byte, size*3/4)
	rand.NewChaCha8([32]byte{1}).Read(blob)
	cut := func(s string) string { return strings.Repeat(s, size/len(s)+1)[:size] }
	return map[string]string{
		"text":        cut(paragraph),
		"base64":      base64.StdEncoding.EncodeToString(blob),
		"escapes":     cut(`%2541&amp;#37;\u0025`),
		"keys":        cut("AKIA ghp_ sk-ant- eyJ -----BEGIN password= "),
		"digits":      cut("4111 1111 1111 1112 "),
		"urls":        cut("https://a.example/?d=aGVsbG8gd29ybGQgaGVsbG8 "),
		"imperatives": cut("ignore all of it. you must now, assistant: "),
	}
}

// BenchmarkScan is the cost of a whole scan of a result, by size and kind.
func BenchmarkScan(b *testing.B) {
	s := newScanner(b, Options{})
	tool := &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "read", Wire: "demo__read"}
	for _, size := range []int{1 << 10, 64 << 10} {
		for name, text := range samples(size) {
			q, err := json.Marshal(text)
			if err != nil {
				b.Fatal(err)
			}
			benchResult(b, s, tool, fmt.Sprintf("%s-%dKiB", name, size>>10), `{"content":[{"type":"text","text":`+string(q)+`}]}`)
		}
		items := strings.Repeat(record, size/len(record)+1)[:size/len(record)*len(record)]
		benchResult(b, s, tool, fmt.Sprintf("json-%dKiB", size>>10), `{"structuredContent":{"items":[`+strings.TrimSuffix(items, ", ")+`]}}`)
	}
}

func benchResult(b *testing.B, s *Scanner, tool *gateway.Tool, name, raw string) {
	b.Run(name, func(b *testing.B) {
		c := newCall(b, tool, "")
		c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Result(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}
