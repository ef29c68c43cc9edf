// Package journal is the file that makes events durable before the database has
// them: one sequential write for as many as wait. Package audit owns the record, and
// moves what stands here into the database soon after.
//
// # Guarantees
//
//   - What [Journal.Append] returned nil for survives the death of the process at
//     any instant, and after [Journal.Sync] the loss of power.
//   - A frame that was not written whole is none.
//   - No frame is written over before the database has its event: the caller says up to
//     which event that is.
//   - The files stay at two segments of a bounded size each, and one frame more.
//
// # What it does not do
//
// It knows nothing of what is in a frame. A check sum finds what was torn, not what
// somebody changed: that an event is the gateway's own, and follows the one before, is
// for the chain and the MACs of package audit to say.
//
// # Files
//
// There are two segments, PATH.0 and PATH.1, used in turn. Each begins with a line of
// 19 bytes, and then has frames, one behind the other. All numbers are little endian.
//
//	"toolward journal 1\n"
//	4 bytes   length of the payload; 0: there is no further frame
//	4 bytes   CRC-32C (Castagnoli) of the 8 bytes and the payload that follow
//	8 bytes   number of the event
//	          payload
//
// The first frame of a segment may have any number, the next has a greater one. A frame
// of a number that is not, or that the file is too short for, is left from an earlier use of
// the segment or was never finished: the segment ends before it. One whose sum is wrong
// is passed over: what follows it was written later, and is to be missed. The segment whose
// first frame has the lower number is read first.
package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// Size is how large a segment gets, in bytes, before the other one is used. It ends
// with the frame that passes it.
const Size = 8 << 20

const (
	mark   = "toolward journal 1\n"
	header = 16 // bytes of a frame before its payload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrNoRoom is returned by [Journal.Append] when both segments are full of events that
// the database does not have. Nothing was written.
var ErrNoRoom = errors.New("the journal is full of events that the database does not have yet")

// Journal is two segments. It is used by one goroutine at a time.
type Journal struct {
	path     string
	names    [2]string
	size     int64
	segments [2]segment
	at       int  // the segment that is written
	torn     bool // a write failed: what stands at its end is not known
	openFile func(name string, flags int, perm fs.FileMode) (file, error)
	perm     fs.FileMode // of the files
}

// Open opens the segments that are there, and makes none. What they hold is for [Read];
// before anything is appended, [Journal.Clear] has to empty them. They can be read by whom
// perm says, those that are made later too: the database's own mode, as SQLite has it for
// its log.
func Open(path string, size int64, perm fs.FileMode) (*Journal, error) {
	j := &Journal{path: path, names: Names(path), size: size, torn: true, openFile: openOSFile, perm: perm}
	for i := range j.segments {
		err := j.open(i, os.O_RDWR)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(fmt.Errorf("audit journal: %w", err), j.Close())
		}
	}
	return j, nil
}

// Names are the two files of a journal.
func Names(path string) [2]string { return [2]string{path + ".0", path + ".1"} }

// Frame appends a frame to what the next [Journal.Append] writes. Payload appends what
// is in it.
func Frame(b []byte, seq int64, payload func([]byte) []byte) []byte {
	at := len(b)
	b = append(b, make([]byte, header)...)
	b = payload(b)
	binary.LittleEndian.PutUint64(b[at+8:], uint64(seq))
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-header))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(b[at+8:], castagnoli))
	return b
}

// Append writes frames, up to the one of the event last, behind those that stand there.
// Settled is the last event that the database has. After an error other than [ErrNoRoom]
// nothing can be appended until [Journal.Clear].
func (j *Journal) Append(frames []byte, last, settled int64) error {
	if j.torn {
		return errors.New("audit journal: its end is not known after a write that failed")
	}
	s := &j.segments[j.at]
	if full := s.last != 0 && s.end+int64(len(frames)) > j.size; full || s.f == nil {
		if other := &j.segments[1-j.at]; full && other.last > settled {
			return ErrNoRoom
		} else if full {
			j.at, s = 1-j.at, other
		}
		if err := j.begin(); err != nil {
			j.torn = true
			return err
		}
	}
	if n, err := s.f.WriteAt(frames, s.end); err != nil {
		j.torn, s.high = true, max(s.high, s.end+int64(n)) // a part may stand there, until [Journal.Clear]
		return fmt.Errorf("audit journal: %w", err)
	}
	s.end += int64(len(frames))
	s.high, s.last = max(s.high, s.end), last
	return nil
}

// Begins reports whether so many bytes of frames would be the first of a segment.
func (j *Journal) Begins(frames int) bool {
	s := &j.segments[j.at]
	return s.last == 0 || s.end+int64(frames) > j.size
}

// Present fails when the segment that is written was removed or replaced: what is written
// to it then would be lost with the process. Nothing can be appended after that until
// [Journal.Clear].
func (j *Journal) Present() error {
	s, name := &j.segments[j.at], j.names[j.at]
	if s.f == nil {
		return nil
	}
	info, err := os.Lstat(name)
	if err != nil {
		err = fmt.Errorf("the audit journal was removed: %w", err)
	} else if !os.SameFile(info, s.info) {
		err = fmt.Errorf("the audit journal %s was replaced by another file", name)
	}
	j.torn = j.torn || err != nil
	return err
}

// Sync returns once what was appended is on the disk. After an error nothing can be
// appended until [Journal.Clear]: the kernel may have dropped what it could not write.
func (j *Journal) Sync() error {
	s := &j.segments[j.at]
	if s.f == nil {
		return nil
	}
	if err := s.f.datasync(); err != nil {
		j.torn = true
		return fmt.Errorf("audit journal: %w", err)
	}
	return nil
}

// Used reports whether frames stand in the segments.
func (j *Journal) Used() bool { return j.segments[0].last != 0 || j.segments[1].last != 0 }

// Clear empties the segments, of which the database has all: what stood there is
// overwritten, so that nothing that is erased from the database stays here.
func (j *Journal) Clear() error {
	for i := range j.segments {
		if err := j.clear(i); err != nil {
			j.torn = true
			return fmt.Errorf("audit journal: %w", err)
		}
	}
	j.at, j.torn = 0, false
	return nil
}

// Remove empties the segments, removes them and closes them.
func (j *Journal) Remove() error {
	err := j.Clear()
	var made []string
	for i := range j.segments {
		if j.segments[i].f != nil {
			made = append(made, j.names[i])
		}
	}
	err = errors.Join(err, j.Close())
	for _, name := range made {
		if err == nil {
			err = os.Remove(name)
		}
	}
	return err
}

// Close closes the segments and leaves what is in them.
func (j *Journal) Close() error {
	var errs []error
	for i := range j.segments {
		if s := &j.segments[i]; s.f != nil {
			errs = append(errs, s.f.Close())
			*s = segment{}
		}
	}
	j.torn = true
	return errors.Join(errs...)
}
