package literal

// filter says where a literal may begin, by the hash of the bytes there: the
// machine's rows are many, and a text that is walked through them reads most of
// them from afar. The hashes of four bytes, three and two are bits of a table
// each; a literal is in that of its own length, one of more bytes in the first.
// The first two bytes of all of them are in one more, which most text goes no
// further than. What it says is never wrong about where none begins.
type filter struct {
	pair, four, three, two [1 << 16 / 64]uint64
}

// long is the fewest bytes of a literal that the first table has whole.
const long = 4

// lower makes capitals small, and some other bytes the same as others.
const lower = 0x20

const golden = 0x9e3779b1 // 2^32 over the golden ratio, which spreads bits well

func hashFour(x uint32) uint16  { return uint16(x * golden >> 16) }
func hashThree(x uint32) uint16 { return uint16(x << 8 * golden >> 16) }
func hashTwo(x uint32) uint16   { return uint16(x) }

func set(table *[1 << 16 / 64]uint64, h uint16) { table[h>>6] |= 1 << (h & 63) }

func has(table *[1 << 16 / 64]uint64, h uint16) bool { return table[h>>6]>>(h&63)&1 != 0 }

func (f *filter) add(lit string) {
	var x uint32
	for i := range min(len(lit), long) {
		x |= uint32(lit[i]|lower) << (8 * i)
	}
	if len(lit) > 1 {
		set(&f.pair, hashTwo(x))
	}
	switch len(lit) {
	case 1:
		for c := range uint32(256) {
			set(&f.two, hashTwo(x|c<<8))
			set(&f.pair, hashTwo(x|c<<8))
		}
	case 2:
		set(&f.two, hashTwo(x))
	case 3:
		set(&f.three, hashThree(x))
	default:
		set(&f.four, hashFour(x))
	}
}

// may reports whether a literal may begin with the bytes of x, the first one
// lowest.
func (f *filter) may(x uint32) bool {
	return has(&f.four, hashFour(x)) || has(&f.three, hashThree(x)) || has(&f.two, hashTwo(x))
}

// mayAt is the same for s[i:].
func (f *filter) mayAt(s string, i int) bool {
	if i+long > len(s) {
		return true
	}
	return f.may(uint32(s[i]|lower) | uint32(s[i+1]|lower)<<8 | uint32(s[i+2]|lower)<<16 | uint32(s[i+3]|lower)<<24)
}

// skip returns the first place from i on where a literal may begin.
func (f *filter) skip(s string, i int) int {
	for ; i+long <= len(s); i++ {
		x := uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24 // one load
		x |= lower<<24 | lower<<16 | lower<<8 | lower
		if has(&f.pair, hashTwo(x)) && f.may(x) {
			return i
		}
	}
	return i
}
