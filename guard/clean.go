package guard

import (
	"hash/maphash"
	"sync"
)

// clean are the last short texts of a scan in which nothing was found. Lists of records
// say the same names over and over, and many of the same values, and the same text under
// the same names has nothing in it again.
//
//	[{"id": "A-1017", "state": "open"}, {"id": "A-1018", "state": "open"}]    the second "id", "state" and "open" are not read
type clean [128]cleanText

type cleanText struct {
	text, name, around string
	listed             int
	kind               leafKind
}

// maxClean is the longest text that is remembered, in bytes.
const maxClean = 256

var (
	cleanSeed = maphash.MakeSeed() // unknown to who writes texts: none can be made to share a place
	cleanPool = sync.Pool{New: func() any { return new(clean) }}
)

// place is where a text is remembered, and what of it is.
func (c *clean) place(l *leaf) (*cleanText, cleanText) {
	n := maphash.String(cleanSeed, l.text) + uint64(len(l.name))
	return &c[n%uint64(len(c))], cleanText{l.text, l.name, l.around, l.listed, l.kind}
}

// release forgets the texts.
func (c *clean) release() {
	clear(c[:])
	cleanPool.Put(c)
}
