// Package normal turns a string into what a model would read: once, so that
// every detector judges the same text.
//
// [Normalizer.Normalize] returns a [Text] with three things.
//
//   - Views. The first is the whole string with its Unicode tricks and escapes
//     undone in place: NFKC, invisible characters, ANSI and OSC sequences,
//     look-alike letters in words of mixed scripts, URL, HTML and backslash
//     escapes. The others are decodings of parts of it: base64, hex, reversed
//     text, ciphers and so on, nested up to [Options.Depth], each with the way
//     it was hidden ("base64>gzip").
//   - Marks: places that hold something a person does not see, whatever it
//     says: tag characters, bytes in variation selectors, concealed terminal
//     text, bidi overrides, hidden HTML.
//   - A map from every byte of every view back to the string as it was given,
//     [View.Raw].
//
// Work is linear in the input and bounded: depth, number of decodings, and
// decoded bytes all have limits. Those grow with the input, so that as many words
// as fit into it can be decoded, and what is unpacked has one of its own: it can
// grow, and uses up nothing that plain encodings need. What exceeds a limit all
// the same is left undecoded and marked [Truncated]. Nothing here decides whether
// text is harmful.
//
//	t := n.Normalize(raw)
//	defer t.Release()
//	for i := range t.Views {
//		v := &t.Views[i]
//		if at := strings.Index(v.Text, "needle"); at >= 0 {
//			span := v.Raw(at, at+len("needle")) // in raw
//			fmt.Println(span, v.Via)            // "" for the text itself
//		}
//	}
package normal

import (
	"sync"

	"toolward/guard/decode/sieve"
)

// Options bounds the work of a [Normalizer]. Zero values are the defaults.
type Options struct {
	Depth  int // nested decodings; 4 if zero
	Views  int // decodings kept per text, beside one for every 16 bytes of it; 64 if zero
	Growth int // decoded bytes in all, as a multiple of the input, plus 4 KiB, and as many unpacked ones, plus 64 KiB; 4 if zero
}

// Normalizer makes [Text] values. It is safe for concurrent use.
type Normalizer struct {
	opts Options
	pool sync.Pool
}

// New returns a Normalizer with the given bounds.
func New(opts Options) *Normalizer {
	if opts.Depth == 0 {
		opts.Depth = 4
	}
	if opts.Views == 0 {
		opts.Views = 64
	}
	if opts.Growth == 0 {
		opts.Growth = 4
	}
	return &Normalizer{opts: opts}
}

// Text is a normalised string. It is not safe for concurrent use, and must not
// be used after Release.
type Text struct {
	Raw   string // as given
	Views []View // never empty; Views[0] is all of Raw, normalised in place
	Marks []Mark // by place

	owner *Normalizer
	views int // decodings that may be kept
	left  int // decoded bytes that may still be made …
	pack  int // … and unpacked ones
	work  worker

	blocks []sieve.Block   // of Raw …
	levels [][]sieve.Block // … and of the view that is decoded at each depth

	marks      markIndex
	marked     [kinds]uint16 // marks of each kind
	truncated  int           // index of the mark Truncated, if there is one
	inflations int           // that may still be begun
}

// Clean is the whole text as a model would read it: Views[0].Text. It is the
// same string as Raw when there was nothing to undo.
func (t *Text) Clean() string { return t.Views[0].Text }

// Blocks says of which kinds the bytes of Raw are. It is valid until Release.
func (t *Text) Blocks() []sieve.Block { return t.blocks }

// maxPooled is the longest text whose memory is used again, in bytes.
const maxPooled = 256 << 10

// Release gives the text's memory back to its Normalizer. Strings taken from
// it stay valid.
func (t *Text) Release() {
	if n := t.owner; n != nil {
		if len(t.Raw) > maxPooled {
			*t = Text{}
			return
		}
		clear(t.Views)
		*t = Text{Views: t.Views[:0], Marks: t.Marks[:0], work: t.work, marks: t.marks, blocks: t.blocks, levels: t.levels}
		n.pool.Put(t)
	}
}

// View is a reading of the text, or of a part of it.
type View struct {
	Text string // what it says
	Via  string // how it was hidden, outermost first: "base64>url"; "" for Views[0]
	Span [2]int // the part of Raw it was made from, as byte offsets

	segs  []seg // nil: Text is Raw[Span[0]:Span[1]], or opaque if it differs in length
	exact bool
}

// Mark is a place that holds something a person reading the text does not see,
// or that looks like something it is not.
type Mark struct {
	Kind  Kind
	Span  [2]int // byte offsets in Raw
	Count int    // characters or sequences that it stands for
}

// Kind of a [Mark].
type Kind uint8

// The kinds of marks.
const (
	Tags       Kind = iota // Unicode tag characters that are not an emoji flag
	Selectors              // variation selectors that carry bytes
	ZeroWidth              // invisible characters inside Latin words
	Bidi                   // a bidi override
	Concealed              // ANSI: concealed text, or text in the colour of its background
	HiddenHTML             // comment, display:none, zero size, colour on the same colour, off screen
	HiddenAttr             // alt, title, aria-label and other attributes of more than a few words
	Homoglyph              // words of mixed scripts
	Stacked                // piles of combining characters
	Control                // control characters and terminal sequences that move or erase
	Escaped                // dense URL, HTML or backslash escapes of plain letters
	Truncated              // a limit was reached: part of the text was not decoded, or not read
	kinds
)

// String returns the mark's name as findings show it.
func (k Kind) String() string {
	names := [kinds]string{"tag-characters", "variation-selectors", "zero-width", "bidi", "concealed",
		"hidden-html", "hidden-attribute", "homoglyph", "stacked-marks", "control", "escaped", "truncated"}
	if k < kinds {
		return names[k]
	}
	return "unknown"
}

// Hidden reports whether a mark of this kind is suspicious by itself, whatever
// the text says. The others are context: HTML comments, attributes and escapes
// are everyday things.
func (k Kind) Hidden() bool {
	switch k {
	case Tags, Selectors, Bidi, Concealed:
		return true
	}
	return false
}

// Normalize reads raw. The Text it returns should be released; text without
// anything to undo is recognised without allocating.
func (n *Normalizer) Normalize(raw string) *Text {
	t, _ := n.pool.Get().(*Text)
	if t == nil {
		t = new(Text)
	}
	t.owner, t.Raw = n, raw
	t.views = n.opts.Views + len(raw)/shortestToken
	t.left = n.opts.Growth*len(raw) + 4096
	t.pack = n.opts.Growth*len(raw) + 64<<10
	t.inflations = leastInflations + len(raw)/inflationBytes
	t.inPlace()
	t.markup()
	t.decode(0, 0)
	t.indexMarks()
	return t
}
