package journal

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"slices"
)

// Entry is a frame that was written whole.
type Entry struct {
	Seq     int64
	Payload []byte
}

// Read reads the entries of a journal by their numbers, also while a gateway writes it:
// then what it uses anew meanwhile is missing at the beginning. Numbers grow, with gaps:
// not every event goes through the journal, and the database may have what is here. Without files
// there are no entries.
func Read(path string) ([]Entry, error) {
	var runs [][]Entry
	for _, name := range Names(path) {
		err := regular(name)
		var b []byte
		if err == nil {
			b, err = os.ReadFile(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("audit journal: %w", err)
		}
		run, err := entries(b)
		if err != nil {
			return nil, fmt.Errorf("audit journal %s: %w", name, err)
		}
		if len(run) > 0 {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b []Entry) int { return cmp.Compare(a[0].Seq, b[0].Seq) })
	return slices.Concat(runs...), nil
}

// entries are the frames of a segment, up to the first that is none; one of a wrong sum is
// passed over, as far as its length says. The payloads lie in b.
func entries(b []byte) (all []Entry, err error) {
	rest, ours := marked(b)
	if !ours {
		return nil, errors.New("it is no journal of this version of toolward")
	}
	for len(rest) >= header {
		length := binary.LittleEndian.Uint32(rest)
		if length == 0 || uint64(length) > uint64(len(rest)-header) {
			break
		}
		frame := rest[:header+int(length)]
		rest = rest[len(frame):]
		if crc32.Checksum(frame[8:], castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
			continue
		}
		seq := int64(binary.LittleEndian.Uint64(frame[8:]))
		if seq <= 0 || len(all) > 0 && seq <= all[len(all)-1].Seq {
			break
		}
		all = append(all, Entry{Seq: seq, Payload: slices.Clip(frame[header:])})
	}
	return all, nil
}

// marked is what stands behind the mark of a segment, and whether it has one: one that
// was just being made has not all of it.
func marked(b []byte) (rest []byte, ours bool) {
	if rest, ours = bytes.CutPrefix(b, []byte(mark)); ours {
		return rest, true
	}
	return nil, bytes.HasPrefix([]byte(mark), bytes.TrimRight(b[:min(len(b), len(mark))], "\x00"))
}
