package verify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"toolward/audit/schema"
)

// frame is an event in the journal.
type frame struct {
	seq     int64
	payload []byte
}

// readJournal reads what the journal beside the record holds. It is read before the
// database: what a gateway that runs writes to the database alone is there before what
// follows it is in the journal.
func (v *verifier) readJournal(context.Context, *sql.DB) error {
	first, err := v.readSegment(".journal.0")
	if err != nil {
		return err
	}
	second, err := v.readSegment(".journal.1")
	if err == nil && len(first) > 0 && len(second) > 0 && first[0].seq < second[0].seq {
		first, err = v.readSegment(".journal.0") // with what it got before the second was begun
	}
	v.frames = append(first, second...)
	slices.SortStableFunc(v.frames, func(a, b frame) int { return cmp.Compare(a.seq, b.seq) })
	return err
}

// readSegment reads the frames of one of the journal's files.
func (v *verifier) readSegment(suffix string) ([]frame, error) {
	name := schema.Real(v.opts.Path) + suffix
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() { // the gateway takes none, and a pipe would keep who reads it waiting
		v.problem(0, "", "%s is not a file", name)
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	all, ours := framesOf(b)
	if !ours {
		v.problem(0, "", "%s is no journal of this version of toolward: events that the database does not have yet may have stood there", name)
	}
	return all, nil
}

// followJournal goes on with what the database did not have yet when it was read: of a
// gateway that runs it is the last quarter of a second, of one that was killed what the next
// start moves. What does not follow is a problem, unless the database has it by now.
func (v *verifier) followJournal(ctx context.Context, db *sql.DB) error {
	v.stored = v.Last
	said := map[string]bool{}
	for _, f := range v.frames {
		r, beside, ok := v.parse(f, said)
		if f.seq <= v.stored {
			continue
		}
		if !ok || !v.journaled(r, beside, said) {
			return v.astray(ctx, db, f)
		}
	}
	if v.Last > v.stored {
		v.Notices = append(v.Notices, areEvents(v.stored+1, v.Last)+" in the journal beside the database, which gets them when a gateway runs")
	}
	return nil
}

// astray reports a frame that does not follow.
func (v *verifier) astray(ctx context.Context, db *sql.DB, f frame) error {
	var last sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT max(seq) FROM events").Scan(&last); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	if last.Int64 < f.seq {
		v.problem(f.seq, "", "it is in the journal and does not follow event %d, the last of the record: events before it were lost with the power, or somebody changed one of the two", v.Last)
	}
	return nil
}

// journaled takes an event of the journal, and reports whether it follows.
func (v *verifier) journaled(r *rowView, beside [3][]byte, said map[string]bool) bool {
	if r.seq != v.Last+1 || !bytes.Equal(chained(v.last, r), r.hash) {
		return false
	}
	v.event(r)
	v.row = nil
	text := append(slices.Clone(beside[0]), beside[1]...)
	if len(beside[2]) > 0 {
		text = append(append(text, '\n'), beside[2]...)
	}
	if digest := r.column("digest"); digest != "" && digest != string(shortSum(text)) || digest == "" && len(text) > 0 {
		v.problem(r.seq, groupText, "its text is not the one that was recorded")
	}
	for _, digest := range []string{r.column("who"), r.column("what")} {
		if digest != "" && !said[digest] {
			v.problem(r.seq, groupShared, "what it calls %x is not in the journal as it was recorded", digest)
		}
	}
	return true
}

// shortSum is by which the record names what stands beside an event.
func shortSum(saltAndText []byte) []byte {
	sum := sha256.Sum256(saltAndText)
	return sum[:16]
}

// framesOf are the frames of a segment that were written whole, also behind one that was
// changed, and whether it is one: of one that was just being made the mark may not be whole.
func framesOf(b []byte) (all []frame, ours bool) {
	const mark = "toolward journal 1\n"
	rest, whole := bytes.CutPrefix(b, []byte(mark))
	if !whole {
		return nil, strings.HasPrefix(mark, strings.TrimRight(string(b[:min(len(b), len(mark))]), "\x00"))
	}
	for last := int64(0); len(rest) >= 16; {
		length, sum, seq := uint64(binary.LittleEndian.Uint32(rest)), binary.LittleEndian.Uint32(rest[4:]), int64(binary.LittleEndian.Uint64(rest[8:]))
		if length == 0 || length > uint64(len(rest)-16) {
			break
		}
		whole := rest[:16+length]
		rest = rest[len(whole):]
		if crc32.Checksum(whole[8:], crc32.MakeTable(crc32.Castagnoli)) != sum {
			continue
		}
		if seq <= last {
			break
		}
		all, last = append(all, frame{seq, whole[16:]}), seq
	}
	return all, true
}

// parse reads a frame: the hash before, the columns as they are hashed, the MAC, the ID of
// the call of which the column has the number, salt, text and what stands beside it, and what
// is interned: said gets the digests of what is as it was recorded.
func (v *verifier) parse(f frame, said map[string]bool) (r *rowView, beside [3][]byte, ok bool) {
	if len(f.payload) < sha256.Size {
		return nil, beside, false
	}
	rest := f.payload[sha256.Size:]
	next := func() (value []byte, there bool) {
		value, there, rest, ok = cutNetstring(rest)
		return value, there
	}
	r = &rowView{columns: make([]sql.NullString, len(hashed)-1)}
	number, _ := next()
	for i := 0; ok && i < len(r.columns); i++ {
		value, there := next()
		r.columns[i] = sql.NullString{String: string(value), Valid: there}
	}
	if !ok {
		return nil, beside, false
	}
	sum := sha256.Sum256(f.payload[:len(f.payload)-len(rest)])
	r.hash = sum[:]
	r.mac, _ = next()
	if ok {
		_, r.of = next()
	}
	for i := 0; ok && i < len(beside); i++ {
		beside[i], _ = next()
	}
	for ok && len(rest) > 0 {
		var part [3][]byte
		for i := 0; ok && i < len(part); i++ {
			part[i], _ = next()
		}
		if ok && bytes.Equal(shortSum(slices.Concat(part[1], part[2])), part[0]) {
			said[string(part[0])] = true
		}
	}
	seq, err := strconv.ParseInt(string(number), 10, 64)
	r.seq = seq
	return r, beside, ok && err == nil && seq == f.seq && r.of == r.ofAttempt()
}

// ofAttempt reports whether an event's call has to be the number of an attempt: an ID is not
// digits alone.
func (r *rowView) ofAttempt() bool {
	call := r.column("call")
	return r.column("type") == "call.outcome" && call != "" && strings.Trim(call, "0123456789") == ""
}

// cutNetstring cuts off the first netstring, or "-", which is none.
func cutNetstring(b []byte) (value []byte, there bool, rest []byte, ok bool) {
	if len(b) > 0 && b[0] == '-' {
		return nil, false, b[1:], true
	}
	length, rest, _ := bytes.Cut(b, []byte(":"))
	n, err := strconv.ParseUint(string(length), 10, 31)
	if err != nil || n >= uint64(len(rest)) || rest[n] != ',' {
		return nil, false, nil, false
	}
	return rest[:n], true, rest[n+1:], true
}
