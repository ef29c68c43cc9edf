package reading

import (
	"testing"

	"toolward/guard/decode/sieve"
	"toolward/guard/guardtest"
)

// BenchmarkTechnique is what each way of reading costs where nothing is encoded, in µs
// per KiB of the texts that tools deal in.
func BenchmarkTechnique(b *testing.B) {
	clean, err := guardtest.Clean("../../..")
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range clean {
		x := Expander{Mostly: true}
		text := []byte(k.Text(16 << 10))
		x.Expand(text, nil, nil) // for its buffers
		v := View{Text: text, end: len(text), plain: true}
		x.blocks = sieve.Read(x.blocks, text)
		each := func(f func(lo, hi int)) func() {
			return func() { x.regions(&v, f) }
		}
		for _, technique := range []struct {
			name string
			read func()
		}{
			{"sieve", func() { x.blocks = sieve.Read(x.blocks, text) }},
			{"escapes", func() { x.unescape(&v) }},
			{"lists of numbers", func() { x.numbers(&v) }},
			{"Morse", func() { x.morse(&v) }},
			{"invisible characters", func() { x.invisible(&v) }},
			{"regions", each(func(int, int) {})},
			{"base64", each(func(lo, hi int) { x.positional(&v, lo, hi, sextet, "base64", usual) })},
			{"base32 and uuencode", each(func(lo, hi int) { x.oneCased(&v, lo, hi, lower); x.oneCased(&v, lo, hi, upper) })},
			{"base85", each(func(lo, hi int) {
				x.groups85(&v, lo, hi, adobe85, "ascii85")
				x.groups85(&v, lo, hi, z85, "z85")
				x.groups85(&v, lo, hi, base85, "base85")
			})},
			{"base58", each(func(lo, hi int) { x.radix58(&v, lo, hi) })},
		} {
			b.Run(k.Name+"/"+technique.name, func(b *testing.B) {
				for b.Loop() {
					x.work, x.budget, x.streams, x.views, x.texts, x.origins = maxPasses*len(text)+freePasses, freeGrowth, maxStreams, x.views[:1], x.texts[:0], x.origins[:0]
					technique.read()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(float64(len(text))/1024)/1000, "µs/KiB")
			})
		}
	}
}
