package literal

// filter says where a literal may begin, by the hash of the bytes there: the
// machine's rows are many, and a text that is walked through them reads most of
// them from afar. Every second byte is looked at with the two behind it: a literal
// begins there or one byte before, or is in these three. Where one may begin, its
// first four bytes are looked at. What the filter says is never wrong about where
// none begins.
//
//	literal token, text "my token": "y t" is nothing, "tok" is of one, "toke" begins one
type filter struct {
	three [1 << threeBits / 64]uint64
	four  [1 << fourBits / 64]uint64 // the first four bytes; a literal of three with each byte behind it
	two   [1 << 16 / 64]uint64       // literals of two
	any   bool                       // a literal has one byte: nothing is skipped
}

const (
	long = 4 // the fewest bytes of a literal that are looked at

	threeBits, fourBits = 17, 16

	lower  = 0x20       // makes capitals small, and some other bytes the same as others
	golden = 0x9e3779b1 // 2^32 over the golden ratio, which spreads bits well
)

func hashThree(x uint32) uint32 { return x << 8 * golden >> (32 - threeBits) }
func hashFour(x uint32) uint32  { return x * golden >> (32 - fourBits) }

func set(table []uint64, h uint32) { table[h>>6] |= 1 << (h & 63) }

func (f *filter) add(lit string) {
	var x uint32
	for i := range min(len(lit), long) {
		x |= uint32(lit[i]|lower) << (8 * i)
	}
	switch {
	case len(lit) < 2:
		f.any = true
	case len(lit) == 2:
		set(f.two[:], x)
		for c := range uint32(256) {
			set(f.three[:], hashThree(x|(c|lower)<<16))
			set(f.three[:], hashThree(x<<8|c|lower))
		}
	case len(lit) == 3:
		set(f.three[:], hashThree(x))
		for c := range uint32(256) {
			y := x | (c|lower)<<24
			set(f.four[:], hashFour(y))
			set(f.three[:], hashThree(y>>8))
		}
	default:
		set(f.four[:], hashFour(x))
		set(f.three[:], hashThree(x))
		set(f.three[:], hashThree(x>>8))
	}
}

// may reports whether a literal may begin with the bytes of x, the first one lowest.
func (f *filter) may(x uint32) bool {
	four, two := hashFour(x), x&0xffff
	return (f.four[four>>6]>>(four&63)|f.two[two>>6]>>(two&63))&1 != 0
}

// mayAt reports whether one may begin with s[i:].
func (f *filter) mayAt(s string, i int) bool {
	if i+long > len(s) {
		return true
	}
	s = s[i : i+long]
	return f.may(uint32(s[0]|lower) | uint32(s[1]|lower)<<8 | uint32(s[2]|lower)<<16 | uint32(s[3]|lower)<<24)
}

// skip returns the first place from i on where a literal may begin.
func (f *filter) skip(s string, i int) int {
	if f.any || f.mayAt(s, i) {
		return i
	}
	const all = 0x2020202020202020
	for ; i+8 <= len(s); i += 6 {
		t := s[i : i+8]
		x := (uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56) | all // one load
		a, b, c := hashThree(uint32(x>>8)), hashThree(uint32(x>>24)), hashThree(uint32(x>>40))
		hits := f.three[a>>6]>>(a&63)&1 | f.three[b>>6]>>(b&63)&1<<1 | f.three[c>>6]>>(c&63)&1<<2
		for k := 0; hits != 0; k, hits = k+2, hits>>1 {
			if hits&1 == 0 {
				continue
			}
			for at := k; at < k+3; at++ {
				if at <= len(t)-long && f.may(uint32(x>>(8*at))) || at > len(t)-long && f.mayAt(s, i+at) {
					return i + at
				}
			}
		}
	}
	for ; i < len(s); i++ {
		if f.mayAt(s, i) {
			return i
		}
	}
	return i
}
