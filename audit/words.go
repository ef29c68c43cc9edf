package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Texts are found by their words. For each span whose calls have all ended there
// is a Bloom filter of the words in arguments, results, what was beside them,
// reasons and causes: it says of a word that it is not there, or that it may be.
// It is cut into blocks, and all bits of a word are in one, so that a question
// reads one row of a span. Filters are made beside the writer, from the record; a
// span without one is read.
const (
	wordBlocks = 64
	wordBits   = 16 // of filter for each word: one span of 1,700 is read in vain
	wordHashes = 8
)

// What a byte is to words.
const (
	byteApart  = iota // between words
	byteWord          // of a word
	byteEscape        // a backslash: an escape of JSON begins
	byteRune          // of a rune that is looked up
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf:
			t[c] = byteRune
		case c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z':
			t[c] = byteWord
		case c == '\\':
			t[c] = byteEscape
		}
	}
	return t
}()

// piece is the first word, or escape of JSON, that begins at a place or after it: from
// start to end, which are the same where there is none. A word is a run of letters, digits
// and underscores, or one letter of a script that puts no spaces between words, and has a
// hash that is not 0. An escape has none: it is no part of a word, and is not cut.
//
//	{"a":"one\ntwo-3"} → a, one, \n, two, 3
func piece(text string, from int) (start, end int, hash uint64) {
	for start = from; start < len(text); {
		switch byteClass[text[start]] {
		case byteApart:
			start++
			continue
		case byteEscape:
			return start, start + 1 + escape(text[start+1:]), 0
		}
		if end, hash = wordAt(text, start); end > start {
			return start, end, hash
		}
		_, size := utf8.DecodeRuneInString(text[start:])
		start += size
	}
	return start, start, 0
}

// wordAt is the end and the hash of the word that begins at a place; if none does, that
// is its end. Who has a text recorded can make words of one hash: each is then looked for
// in vain where the other is, and no more.
func wordAt(text string, start int) (end int, hash uint64) {
	const offset, prime = 0xcbf29ce484222325, 0x100000001b3 // FNV-1a
	sum, size := uint64(offset), 0
	for end = start; ; end += size {
		for ; end < len(text) && byteClass[text[end]] == byteWord; end++ {
			sum = (sum ^ uint64(text[end])) * prime
		}
		if end == len(text) || byteClass[text[end]] != byteRune {
			return end, mixed(sum)
		}
		var r rune
		r, size = utf8.DecodeRuneInString(text[end:])
		alone := r >= 0x2e80 && unicode.IsLetter(r)
		if alone && end > start || !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return end, mixed(sum)
		}
		sum = (sum ^ uint64(r)) * prime
		if alone {
			return end + size, mixed(sum)
		}
	}
}

// mixed spreads a sum of FNV, whose high bits are poor, over all bits. It is not 0.
func mixed(sum uint64) uint64 {
	sum ^= sum >> 33
	sum *= 0xff51afd7ed558ccd
	return max(sum^sum>>33, 1)
}

// escape is the length of what follows a backslash: "n", "u001f".
func escape(rest string) int {
	switch {
	case rest == "":
		return 0
	case rest[0] == 'u' && len(rest) >= 5:
		return 5
	}
	return 1
}

// holdsWords reports whether a text stands in another as whole words: it begins
// and ends between words, or where they do.
func holdsWords(text, wanted string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], wanted)
		if i < 0 {
			return false
		}
		at, end := from+i, from+i+len(wanted)
		whole := true
		for start, stop, _ := piece(text, 0); whole && start < min(end, stop); start, stop, _ = piece(text, stop) {
			whole = (at <= start || stop <= at) && (end <= start || stop <= end)
		}
		if whole {
			return true
		}
		from = at + 1
	}
}

// wordBlock is the block that the bits of a word are in.
func wordBlock(hash uint64) int { return int(hash >> 58) }

// wordBit is one of the bits of a word in a block of a length in bytes, which is less
// than 2^29.
func wordBit(hash uint64, i, length int) uint {
	at := uint32(hash) + uint32(i)*uint32(hash>>26|1)
	return uint(uint64(at) * uint64(length*8) >> 32)
}

// wordSet is a set of words, by their hashes: a table of open addresses, at most half
// full. 0 is an empty place. Where the search for a place begins nobody can foresee, or
// words could be recorded that all begin at one, and each would be compared with all.
type wordSet struct {
	table []uint64
	words int
	shift int    // 64 less the bits of a place
	odd   uint64 // random
}

// newWordSet makes one of 2^bits places.
func newWordSet(bits int, odd uint64) *wordSet {
	return &wordSet{table: make([]uint64, 1<<bits), shift: 64 - bits, odd: odd}
}

func (s *wordSet) add(hash uint64) {
	mask := uint64(len(s.table) - 1)
	i := hash * s.odd >> s.shift
	for ; s.table[i] != 0; i = (i + 1) & mask {
		if s.table[i] == hash {
			return
		}
	}
	s.table[i] = hash
	if s.words++; 2*s.words <= len(s.table) {
		return
	}
	wider := newWordSet(65-s.shift, s.odd)
	for _, hash := range s.table {
		if hash != 0 {
			wider.add(hash)
		}
	}
	*s = *wider
}

// mostWords is how many words a filter tells apart. With one more, which says that there are
// too many, the table that they are in is just half full: it takes 64 MiB.
const mostWords = 1<<22 - 1

// wordFilter makes the blocks of a span's filter. They are empty, and hide no word, if
// there are more words than most.
func wordFilter(texts iter.Seq[string], most int) (blocks [wordBlocks][]byte) {
	seen := newWordSet(14, rand.Uint64()|1)
	for text := range texts {
		for start, end, hash := piece(text, 0); start < end && seen.words <= most; start, end, hash = piece(text, end) {
			if hash != 0 {
				seen.add(hash)
			}
		}
	}
	length := max(8, seen.words*wordBits/8/wordBlocks)
	if seen.words > most {
		length = 0
	}
	all := make([]byte, wordBlocks*length)
	for i := range blocks {
		blocks[i] = all[i*length:][:length:length]
	}
	for _, hash := range seen.table {
		if hash == 0 || length == 0 {
			continue
		}
		block := blocks[wordBlock(hash)]
		for i := range wordHashes {
			bit := wordBit(hash, i, length)
			block[bit/8] |= 1 << (bit % 8)
		}
	}
	return blocks
}

// lacking says in which spans of a range no call holds all words of the texts.
// The blocks of a word stand side by side.
func (r *Reader) lacking(ctx context.Context, from, to int64, texts []string) (spans map[int64]bool, err error) {
	spans = map[int64]bool{}
	for _, text := range texts {
		for start, end, hash := piece(text, 0); start < end; start, end, hash = piece(text, end) {
			if hash == 0 {
				continue
			}
			if err := r.lackingWord(ctx, from, to, hash, spans); err != nil {
				return nil, fmt.Errorf("look for words: %w", err)
			}
		}
	}
	return spans, nil
}

func (r *Reader) lackingWord(ctx context.Context, from, to int64, hash uint64, spans map[int64]bool) (err error) {
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT span, bits FROM words WHERE block = ? AND span BETWEEN ? AND ?", wordBlock(hash), from, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var span int64
		var filter sql.RawBytes
		if err := rows.Scan(&span, &filter); err != nil {
			return err
		}
		for i := 0; i < wordHashes && len(filter) > 0; i++ {
			if bit := wordBit(hash, i, len(filter)); filter[bit/8]&(1<<(bit%8)) == 0 {
				spans[span] = true
			}
		}
	}
	return rows.Err()
}

// indexAll indexes spans until the store is closed.
func (s *Store) indexAll(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for {
			more, err := s.indexSpan(ctx)
			if err != nil && ctx.Err() == nil && s.writer.failure() == nil {
				s.opts.Log.Warn("the record could not be indexed", "error", err)
			}
			if err != nil || !more {
				break
			}
		}
	}
}

// spanWords makes the filter of a span.
func (s *Store) spanWords(ctx context.Context, span int64) (blocks [wordBlocks][]byte, err error) {
	rows, err := s.Reader.now(ctx).QueryContext(ctx, `SELECT concat_ws(' ', args, beside, result, reasons, cause, trace_id) FROM calls WHERE seq BETWEEN ? AND ?`, span*spanSize, span*spanSize+spanSize-1)
	if err != nil {
		return blocks, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	blocks = wordFilter(func(yield func(string) bool) {
		for rows.Next() {
			var text string
			if err = rows.Scan(&text); err != nil || !yield(text) {
				return
			}
		}
	}, mostWords)
	return blocks, errors.Join(err, rows.Err())
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
