package provenance

// An entity is something short that is rare by itself: an account number, a
// phone number, an ID. It is remembered whole, because a run of letters and
// digits of its length would mean nothing.
type span struct {
	at, n int // symbols
}

const (
	minEntity = gram + 1
	maxEntity = 2*gram - 1
	minDigits = 6

	// Entries of entities have places from here on, which say how long it is.
	entityPlace = places
)

// entities returns the entities of a text, as ranges of its symbols.
func entities(text []byte) []span {
	var found []span
	at := 0 // symbols so far
	for i := 0; i < len(text); {
		if !alnum(text[i]) {
			if text[i] >= 0x80 {
				n := 1
				for i+n < len(text) && text[i+n] >= 0x80 {
					n++
				}
				syms, _ := appendSymbols(nil, nil, text[i:i+n])
				at += len(syms)
				i += n
				continue
			}
			i++
			continue
		}
		end, n := token(text, i)
		if n >= minEntity && n <= maxEntity && rare(text[i:end]) {
			found = append(found, span{at, n})
		}
		at += n
		i = end
	}
	return found
}

// token returns the end of the token at text[i] and its letters and digits:
// words that hang together by one of "-._@:/#" are one token, and so are
// groups of digits with one space between them.
func token(text []byte, i int) (end, n int) {
	for i < len(text) {
		if alnum(text[i]) {
			n++
			i++
			continue
		}
		if i+1 >= len(text) || !alnum(text[i+1]) {
			break
		}
		switch text[i] {
		case '-', '.', '_', '@', '#':
		case ' ':
			if !isDigit(text[i-1]) || !isDigit(text[i+1]) {
				return i, n
			}
		default:
			return i, n
		}
		i++
	}
	return i, n
}

// rare reports whether a token would hardly be written by chance: digits
// enough, several different ones, neither counted up or down nor a date.
func rare(token []byte) bool {
	var seen [10]bool
	ds, different, steps, last := 0, 0, 0, -9
	for _, c := range token {
		if !isDigit(c) {
			continue
		}
		d := int(c - '0')
		ds++
		if !seen[d] {
			seen[d] = true
			different++
		}
		if d == last+1 || d == last-1 || d == last {
			steps++
		}
		last = d
	}
	return ds >= minDigits && different >= 4 && steps*2 < ds && !date(token)
}

// date reports whether a token starts as a year does, or holds one at its end.
func date(token []byte) bool {
	year := func(b []byte) bool {
		return len(b) >= 4 && (b[0] == '1' && b[1] == '9' || b[0] == '2' && b[1] == '0') && isDigit(b[2]) && isDigit(b[3])
	}
	return year(token) || len(token) >= 4 && year(token[len(token)-4:])
}

// entityEntry is the entry of an entity, filed under its first gram.
func entityEntry(hashes []uint64, e span, slot int) entry {
	return makeEntry(hashes[e.at], extOf(hashes[e.at+e.n-gram]), slot, entityPlace+e.n-minEntity)
}

func alnum(c byte) bool { return c < 0x80 && asciiSymbol[c] != noneSym }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
