package normal

import (
	"testing"

	"toolward/guard/decode/sieve"
	"toolward/guard/guardtest"
)

// BenchmarkTechnique is what each way of looking for something encoded costs where there
// is nothing, in µs per KiB of the texts that tools deal in.
func BenchmarkTechnique(b *testing.B) {
	clean, err := guardtest.Clean("../../..")
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range clean {
		text := New(Options{}).Normalize(k.Text(16 << 10))
		text.Views[0] = View{Text: text.Raw, Span: [2]int{0, len(text.Raw)}, exact: true}
		blocks := sieve.Read(nil, text.Raw)
		for _, technique := range []struct {
			name string
			find func(i, depth int)
		}{
			{"in place", func(i, depth int) { text.settle(i, depth, blocks) }},
			{"sieve", func(i, depth int) { blocks = sieve.Read(blocks, text.Raw) }},
			{"long words: base64, hex, base32, base58, base85", func(i, depth int) { text.tokens(i, depth, blocks) }},
			{"series: spaced, codes, Morse, spelling", func(i, depth int) { text.series(i, depth, blocks) }},
			{"split words", func(i, depth int) { text.split(i, depth, blocks) }},
			{"ciphers: reversed, rotated, leet", text.segments},
			{"quoted-printable", text.quotedPrintable},
		} {
			b.Run(k.Name+"/"+technique.name, func(b *testing.B) {
				first, views, marks := text.Views[0], len(text.Views), len(text.Marks)
				for b.Loop() {
					technique.find(0, 0)
					text.Views, text.Marks = text.Views[:views], text.Marks[:marks]
					text.Views[0] = first
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(len(text.Raw))/1024)/1000, "µs/KiB")
			})
		}
	}
}
