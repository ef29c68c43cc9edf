package verify

import (
	"bytes"
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
)

// frame is an event in the journal.
type frame struct {
	seq     int64
	payload []byte
}

// readJournal goes on with what the journal beside the record holds and the database does
// not have yet: of a gateway that runs it is the last quarter of a second, of one that was
// killed what the next start moves. What does not follow is a problem, unless the database
// has it by now.
func (v *verifier) readJournal(ctx context.Context, db *sql.DB) error {
	v.stored = v.Last
	var frames []frame
	for _, name := range []string{v.opts.Path + ".journal.0", v.opts.Path + ".journal.1"} {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		frames = append(frames, framesOf(b)...)
	}
	slices.SortStableFunc(frames, func(a, b frame) int { return int(a.seq - b.seq) })
	frames = slices.DeleteFunc(frames, func(f frame) bool { return f.seq <= v.Last })
	first := v.Last + 1
	for _, f := range frames {
		if !v.journaled(f) {
			return v.astray(ctx, db, f)
		}
	}
	if v.Last >= first {
		v.Notices = append(v.Notices, areEvents(first, v.Last)+" in the journal beside the database, which gets them when a gateway runs")
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
func (v *verifier) journaled(f frame) bool {
	r, beside, ok := v.parse(f)
	if !ok || r.seq != v.Last+1 || !bytes.Equal(chained(v.last, r), r.hash) {
		return false
	}
	v.event(r)
	v.row = nil
	text := append(slices.Clone(beside[0]), beside[1]...)
	if len(beside[2]) > 0 {
		text = append(append(text, '\n'), beside[2]...)
	}
	sum := sha256.Sum256(text)
	if digest := r.column("digest"); digest != "" && digest != string(sum[:16]) || digest == "" && len(text) > 0 {
		v.problem(r.seq, groupText, "its text is not the one that was recorded")
	}
	return true
}

// framesOf are the frames of a segment, up to the first that was not written whole.
func framesOf(b []byte) (all []frame) {
	rest, ours := bytes.CutPrefix(b, []byte("toolward journal 1\n"))
	for last := int64(0); ours && len(rest) >= 16; {
		length, sum, seq := uint64(binary.LittleEndian.Uint32(rest)), binary.LittleEndian.Uint32(rest[4:]), int64(binary.LittleEndian.Uint64(rest[8:]))
		if length == 0 || length > uint64(len(rest)-16) || seq <= last {
			return all
		}
		if crc32.Checksum(rest[8:16+length], crc32.MakeTable(crc32.Castagnoli)) != sum {
			return all
		}
		all = append(all, frame{seq, rest[16 : 16+length]})
		rest, last = rest[16+length:], seq
	}
	return all
}

// parse reads a frame: the hash before, the columns as they are hashed, the MAC, the ID of
// the call of which the column has the number, salt, text and what stands beside it.
func (v *verifier) parse(f frame) (r *rowView, beside [3][]byte, ok bool) {
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
		_, _ = next()
	}
	for i := 0; ok && i < len(beside); i++ {
		beside[i], _ = next()
	}
	seq, err := strconv.ParseInt(string(number), 10, 64)
	r.seq = seq
	return r, beside, ok && err == nil && seq == f.seq
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
