package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
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
	wordMost   = 64 // bytes of a word that count
)

// words yields where the words of a text begin and end: runs of letters, digits
// and underscores, and each rune of scripts that put no spaces between words.
// Escapes of JSON are no part of a word:
//
//	{"a":"one\ntwo-3"} → a, one, two, 3
func words(text string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		pieces(text, func(start, end int, word bool) bool { return !word || yield(start, end) })
	}
}

// pieces hands over words and escapes, which are not cut.
func pieces(text string, yield func(start, end int, word bool) bool) {
	start := -1
	for i := 0; i < len(text); {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[i:])
		}
		alone := r >= 0x2e80 && unicode.IsLetter(r)
		if !alone && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r)) {
			if start < 0 {
				start = i
			}
			i += size
			continue
		}
		if start >= 0 && !yield(start, i, true) {
			return
		}
		start = -1
		if r == '\\' {
			size += escape(text[i+size:])
		}
		if (alone || r == '\\') && !yield(i, i+size, alone) {
			return
		}
		i += size
	}
	if start >= 0 {
		yield(start, len(text), true)
	}
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
		pieces(text, func(start, stop int, _ bool) bool {
			if start < at && at < stop || start < end && end < stop {
				whole = false
			}
			return whole && start < end
		})
		if whole {
			return true
		}
		from = at + 1
	}
}

// place is the block of a word and the hash that its bits come of.
func wordAt(word string) (block int, hash uint64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(word[:min(len(word), wordMost)])) // never fails (hash.Hash)
	sum := h.Sum64()
	sum ^= sum >> 33 // fnv's high bits are poor
	sum *= 0xff51afd7ed558ccd
	sum ^= sum >> 33
	return int(sum % wordBlocks), sum / wordBlocks
}

// bits yields the bits of a word in a block of a length in bytes.
func bitsOf(hash uint64, length int) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		step := hash>>29 | 1
		for i := range uint64(wordHashes) {
			if !yield((hash + i*step) % uint64(length*8)) {
				return
			}
		}
	}
}

// wordFilter makes the blocks of a span's filter.
func wordFilter(texts iter.Seq[string]) [wordBlocks][]byte {
	seen := map[string]struct{}{}
	for text := range texts {
		for start, end := range words(text) {
			if word := text[start:min(end, start+wordMost)]; len(seen) < 1<<22 {
				if _, ok := seen[word]; !ok {
					seen[strings.Clone(word)] = struct{}{}
				}
			}
		}
	}
	length := max(8, len(seen)*wordBits/8/wordBlocks)
	var blocks [wordBlocks][]byte
	for i := range blocks {
		blocks[i] = make([]byte, length)
	}
	for word := range seen {
		block, hash := wordAt(word)
		for bit := range bitsOf(hash, length) {
			blocks[block][bit/8] |= 1 << (bit % 8)
		}
	}
	return blocks
}

// lacking says in which spans of a range no call holds all words of the texts.
// The blocks of a word stand side by side.
func (r *Reader) lacking(ctx context.Context, from, to int64, texts []string) (spans map[int64]bool, err error) {
	spans = map[int64]bool{}
	for _, text := range texts {
		for start, end := range words(text) {
			if err := r.lackingWord(ctx, from, to, text[start:end], spans); err != nil {
				return nil, fmt.Errorf("look for words: %w", err)
			}
		}
	}
	return spans, nil
}

func (r *Reader) lackingWord(ctx context.Context, from, to int64, word string, spans map[int64]bool) (err error) {
	block, hash := wordAt(word)
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT span, bits FROM words WHERE block = ? AND span BETWEEN ? AND ?", block, from, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var span int64
		var bits sql.RawBytes
		if err := rows.Scan(&span, &bits); err != nil {
			return err
		}
		for bit := range bitsOf(hash, max(1, len(bits))) {
			if len(bits) > 0 && bits[bit/8]&(1<<(bit%8)) == 0 {
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
	})
	return blocks, errors.Join(err, rows.Err())
}

func noRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
