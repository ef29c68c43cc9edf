package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// segment is one of the files.
type segment struct {
	f    file        // nil while there is none
	info os.FileInfo // of f
	end  int64       // where the next frame goes
	high int64       // up to here frames stood since the file was empty
	last int64       // number of the last event; 0: it has none
}

// file is what a journal does with a file.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (os.FileInfo, error)
	Name() string
	Sync() error
	datasync() error // waits for what was written, and for no time stamp
}

type osFile struct{ *os.File }

func openOSFile(name string, flags int, perm fs.FileMode) (file, error) {
	if err := regular(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := os.OpenFile(name, flags, perm)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm() != perm { // whatever the umask is, and who made it: who may not, does not own it
		err = f.Chmod(perm)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return osFile{f}, nil
}

// regular fails for what is no file: a link would have us write, and overwrite, where
// somebody else says, and a pipe wait for who writes.
func regular(name string) error {
	info, err := os.Lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	return err
}

// open opens a segment's file.
func (j *Journal) open(i, flags int) error {
	name := j.names[i]
	f, err := j.openFile(name, flags, j.perm)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = ours(f)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	j.segments[i] = segment{f: f, info: info, end: int64(len(mark)), high: info.Size()}
	return nil
}

// ours refuses a file that is not a segment, nor was about to be one.
func ours(f file) error {
	b := make([]byte, len(mark))
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if _, marked := marked(b[:n]); !marked {
		return fmt.Errorf("%s is no journal of this version of toolward", f.Name())
	}
	return nil
}

// begin has the segment that is written begin anew, and makes its file if there is none.
func (j *Journal) begin() error {
	s := &j.segments[j.at]
	if s.f == nil {
		err := j.open(j.at, os.O_RDWR|os.O_CREATE)
		if err == nil {
			err = wipe(s.f, s.high) // of what stood there before
		}
		if err == nil {
			err = syncDir(filepath.Dir(j.path))
		}
		if err != nil {
			return fmt.Errorf("audit journal: %w", err)
		}
		s.high = max(s.high, int64(len(mark)))
	}
	s.end, s.last = int64(len(mark)), 0
	return nil
}

func (j *Journal) clear(i int) error {
	s := &j.segments[i]
	if s.f == nil {
		return nil
	}
	info, err := os.Lstat(j.names[i])
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, s.info) {
		err = s.f.Close() // it is not ours any more
		*s = segment{}
		return err
	}
	if err != nil {
		return err
	}
	if err := wipe(s.f, s.high); err != nil {
		return err
	}
	s.end, s.high, s.last = int64(len(mark)), int64(len(mark)), 0
	return nil
}

// wipe overwrites a file with zeros behind its mark. The file keeps its size, so that what
// is written next needs no room.
func wipe(f file, high int64) error {
	if _, err := f.WriteAt([]byte(mark), 0); err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at := int64(len(mark)); at < high; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), high-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}

// syncDir makes a new name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
