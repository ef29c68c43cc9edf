package normal

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"toolward/guard/decode/inflate"
	"toolward/guard/decode/sieve"
)

// decode looks for encoded text in view i and adds what it finds. Depth is
// that of view i. In the deepest views it only looks whether there is more, which
// [Text.add] marks.
func (t *Text) decode(i, depth int) {
	blocks := t.look(i, depth)
	t.tokens(i, depth, blocks)
	if depth >= t.owner.opts.Depth {
		return
	}
	t.series(i, depth, blocks)
	t.split(i, depth, blocks)
	t.segments(i, depth)
	if !strings.HasSuffix(t.Views[i].Via, "quoted-printable") {
		t.quotedPrintable(i, depth)
	}
}

// look returns the blocks of view i, in memory of its depth: those of deeper views are read
// while it is decoded.
func (t *Text) look(i, depth int) []sieve.Block {
	v := &t.Views[i]
	if v.exact && v.segs == nil && len(v.Text) == len(t.Raw) {
		return t.blocks
	}
	for len(t.levels) <= depth {
		t.levels = append(t.levels, nil)
	}
	t.levels[depth] = sieve.Read(t.levels[depth], v.Text)
	return t.levels[depth]
}

// shortestToken is how long a word must be to be tried as encoded, in bytes.
const shortestToken = 16

// tokens tries every long run of bytes without a space.
func (t *Text) tokens(i, depth int, blocks []sieve.Block) {
	src := t.Views[i].Text
	tried := 0 // what base85 was tried on ends here
	for at := 0; at < len(src); {
		if at = sieve.Run(blocks, at, shortestToken, token); at >= len(src) {
			break
		}
		from := at
		seen := tokenClass(0)
		for at < len(src) && tokenByte[src[at]] {
			seen |= tokenClasses[src[at]]
			at++
		}
		end := at
		if seen&^base64Classes == 0 {
			if stop := continued(src, from, at); stop > at {
				end, at = stop, stop
			}
		}
		if end-from < shortestToken {
			continue
		}
		v := &t.Views[i]
		if text, name := t.unpack(src[from:end], seen); text != "" {
			t.add(text, join(v.Via, name), v.Raw(from, end), depth+1)
			continue
		}
		t.joined(i, from, end, depth)
		if seen&hasOther == 0 || from < tried {
			continue
		}
		// Base85 uses quotes and brackets too: take in all up to the spaces.
		first := strings.LastIndexAny(src[tried:from], " \n\t") + 1 + tried
		tried = end
		if k := strings.IndexAny(src[end:], " \n\t"); k >= 0 {
			tried += k
		} else {
			tried = len(src)
		}
		if text, name := fromBase85(strings.Trim(src[first:tried], "\",")); text != "" {
			t.add(text, join(v.Via, name), t.Views[i].Raw(first, tried), depth+1)
		}
	}
}

func token(b *sieve.Block) uint64 { return b.Token }

// continued returns the end of a block of base64 that an encoder broke into
// lines of equal width, given its first line; to itself if it is but one. Each
// line may begin with the sign of a quotation or a comment, and blanks.
func continued(src string, from, to int) int {
	width := to - from
	if width < 2*shortestToken || width > 80 || width%4 != 0 {
		return to
	}
	for {
		next := to
		for next < len(src) && (src[next] == '\n' || src[next] == '\r') {
			next++
		}
		if next > to {
			next += lineSigns(src[next:])
		}
		stop := next
		for stop < len(src) && stop-next <= width && tokenClasses[src[stop]]&base64Classes != 0 {
			stop++
		}
		if next == to || stop-next < 2 || stop-next > width {
			return to
		}
		if to = stop; stop-next < width {
			return to
		}
	}
}

// lineSigns is how many of the bytes at the start of a line quote or comment it.
func lineSigns(line string) int {
	n := 0
	for n < len(line) && n < 8 && strings.IndexByte(" \t>#*;|", line[n]) >= 0 {
		n++
	}
	return n
}

// tokenClass is a set of kinds of bytes.
type tokenClass uint8

const (
	hasLower tokenClass = 1 << iota
	hasUpper
	hasDigit
	hasBase64 // + / - _ =
	hasOther  // other printable bytes

	base64Classes = hasLower | hasUpper | hasDigit | hasBase64
)

// tokenByte has the bytes that encodings of bytes use, as [sieve.Block.Token]; tokenClasses
// what each is.
var tokenByte, tokenClasses = func() (set [256]bool, class [256]tokenClass) {
	for c := byte('!'); c <= '~'; c++ {
		switch {
		case c >= 'a' && c <= 'z':
			class[c] = hasLower
		case c >= 'A' && c <= 'Z':
			class[c] = hasUpper
		case c >= '0' && c <= '9':
			class[c] = hasDigit
		case strings.IndexByte("+/-_=", c) >= 0:
			class[c] = hasBase64
		case strings.IndexByte("\"'`,<>{}[]()|\\", c) >= 0:
			continue
		default:
			class[c] = hasOther
		}
		set[c] = true
	}
	return set, class
}()

// unpack decodes one token by whatever encoding makes text of it.
func (t *Text) unpack(s string, seen tokenClass) (text, name string) {
	s = strings.TrimRight(s, "=")
	if len(s) < shortestToken {
		return "", ""
	}
	if seen&hasOther == 0 {
		if cut := strings.LastIndexByte(s, '='); cut > 0 { // key=value
			if text, name = t.unpack(s[cut+1:], seen); text != "" {
				return text, name
			}
		}
		if seen&hasDigit != 0 || seen&(hasLower|hasUpper) == hasLower|hasUpper {
			if text = fromBinary(s); text != "" {
				return text, "binary"
			}
			if b := fromHex(s); b != nil {
				return t.readable(b, "hex")
			}
			if seen&hasLower == 0 || seen&hasUpper == 0 {
				if b := fromBase32(s); b != nil {
					if text, name = t.readable(b, "base32"); text != "" {
						return text, name
					}
				}
			}
			if b := fromBase64(s); b != nil {
				if text, name = t.readable(b, "base64"); text != "" {
					return text, name
				}
			}
			if seen&hasBase64 == 0 {
				if b := fromBase58(s); b != nil {
					return t.readable(b, "base58")
				}
			}
		}
		return "", ""
	}
	if bare := strings.TrimLeft(s, "#:@$"); len(bare) < len(s) {
		s, seen = bare, classesOf(bare)
		if seen&hasOther == 0 {
			return t.unpack(s, seen)
		}
	}
	if _, rest, ok := strings.Cut(s, "://"); ok { // what stands in its path
		_, path, _ := strings.Cut(rest, "/")
		if len(path) < shortestToken || strings.Contains(path, "://") {
			return "", ""
		}
		return t.unpack(path, classesOf(path))
	}
	if cut := strings.LastIndexAny(s, ":;"); cut >= 0 && cut < len(s)-shortestToken { // key:value
		if text, name = t.unpack(s[cut+1:], classesOf(s[cut+1:])); text != "" {
			return text, name
		}
	}
	return "", ""
}

func classesOf(s string) (seen tokenClass) {
	for i := range len(s) {
		seen |= tokenClasses[s[i]]
	}
	return seen
}

// readable turns decoded bytes into text: as they are, unpacked, or from
// UTF-16. It returns "" if they are none.
func (t *Text) readable(b []byte, name string) (string, string) {
	switch format := inflate.Format(b); {
	case format != "":
		b, name = t.inflate(b, format), join(name, format)
	case len(b) > 4 && bytes.Count(b, []byte{0}) >= len(b)/3:
		b = bytes.ReplaceAll(b, []byte{0}, nil)
	case len(b) >= 48 && inflate.Deflated(b) && !printable(b):
		b, name = t.inflate(b, inflate.Deflate), join(name, inflate.Deflate)
	}
	if !printable(b) {
		return "", ""
	}
	return string(b), name
}

// Bounds on how often something is unpacked for one text, since starting to do so
// is dear: so often, and once for so many bytes of it.
const (
	leastInflations = 64
	inflationBytes  = 64
)

// inflate unpacks b, to at most four times its size and 4 KiB: a bomb yields
// its beginning. The bytes are valid until the next call.
func (t *Text) inflate(b []byte, format string) []byte {
	if t.inflations--; t.inflations < 0 {
		t.mark(Truncated, [2]int{0, len(t.Raw)}, 1)
		return nil
	}
	r, err := t.work.zip.Open(b, format)
	if err != nil {
		return nil
	}
	t.work.scratch = slices.Grow(t.work.scratch[:0], 4*len(b)+4096)
	out := t.work.scratch[:4*len(b)+4096]
	n, err := io.ReadFull(r, out)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil
	}
	return out[:n]
}
