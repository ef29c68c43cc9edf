package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// What leaves the database is a file of signed notes, and one more of those before
// them: when the file has grown to turnAt, its content moves to the name with
// ".1", in the place of what was there, and it begins anew. An older checkpoint
// proves nothing that a newer one does not. What has to stay is carried over: the
// newest checkpoint, and each statement of a change of keys, by which whoever
// trusts an old key follows to the present one.
//
// It is emptied in place: a file may be mounted alone into a container, or be held
// open by what ships it. A crash at that moment leaves all of it in the older file.
const turnAt = 4 << 20 // two weeks at one checkpoint a minute

// older names the file of what left before.
func older(path string) string { return path + ".1" }

// appendNote appends a note and an empty line to a file of them, durably. What
// a loss of power or a full disk left unfinished at the end goes first: it would
// run into the next note.
func appendNote(path, text string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	held, at, err := tailOf(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	end := at
	if i := bytes.LastIndex(held, []byte("\n\n")); i >= 0 {
		end += int64(i) + 2
	}
	if end >= turnAt {
		err = turnOver(f, path)
		if err == nil {
			end, err = f.Seek(0, io.SeekEnd)
		}
	} else {
		err = f.Truncate(end)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(text+"\n"), end)
	}
	if err != nil {
		err = errors.Join(err, f.Truncate(end))
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// turnOver moves the content of a file of notes to the older one, and begins anew
// with what is carried over.
func turnOver(f *os.File, path string) error {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 2*turnAt))
	if err != nil {
		return err
	}
	var carried [][]byte
	notes := splitNotes(text)
	for _, n := range notes {
		if bytes.HasPrefix(n, []byte(statesKeys+"\n")) && !slices.ContainsFunc(carried, func(c []byte) bool { return bytes.Equal(c, n) }) {
			carried = append(carried, n)
		}
	}
	for _, n := range slices.Backward(notes) {
		if !isStatement(string(n)) {
			carried = append(carried, n)
			break
		}
	}
	info, err := f.Stat()
	if err == nil {
		err = writeWhole(older(path), string(text), info.Mode().Perm())
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt(append(bytes.Join(carried, []byte("\n")), '\n'), 0)
	}
	return err
}

// tailOf reads the end of a file of checkpoints, where the newest are, and says
// at what offset it begins.
func tailOf(f *os.File) (tail []byte, at int64, err error) {
	const enough = 64 << 10
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	at = max(0, info.Size()-enough)
	tail, err = io.ReadAll(io.NewSectionReader(f, at, enough))
	return tail, at, err
}

// noted reports whether a note is among the newest of a file of them.
func noted(path, text string) (bool, error) {
	tail, err := newestOf(path)
	return strings.Contains(string(tail), text), err
}

// newestOf reads the end of a file of notes, nothing if there is no file.
func newestOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tail, _, err := tailOf(f)
	return tail, errors.Join(err, f.Close())
}

// claimed is what the newest checkpoint outside says; of event 0 if nothing left
// the database yet.
func (w *writer) claimed() (head, error) {
	for _, path := range []string{w.opts.Checkpoints, older(w.opts.Checkpoints)} {
		text, err := newestOf(path)
		if err != nil {
			return head{}, err
		}
		claim, ok, err := w.keys.newest(text)
		if err != nil {
			return head{}, fmt.Errorf("%s: %w", path, err)
		}
		if ok {
			return claim, nil
		}
	}
	return head{}, nil
}

// newest reads the last whole checkpoint of a file of them. A crash can cut the
// last one short; the one before it then counts.
func (k *Keys) newest(file []byte) (head, bool, error) {
	known, err := k.verifiers()
	if err != nil {
		return head{}, false, err
	}
	for notes := splitNotes(file); len(notes) > 0; notes = notes[:len(notes)-1] {
		n, err := note.Open(notes[len(notes)-1], known)
		if err != nil || isStatement(n.Text) {
			continue
		}
		h, err := parseCheckpoint(n.Text)
		return h, err == nil, err
	}
	if len(bytes.TrimSpace(file)) > 0 {
		return head{}, false, errors.New("it holds no checkpoint that this record's key signed")
	}
	return head{}, false, nil
}

// splitNotes cuts a file of signed notes: each begins with the line after a
// signature's empty line.
func splitNotes(file []byte) [][]byte {
	var notes [][]byte
	for part := range bytes.SplitSeq(file, []byte("\n\n")) {
		if bytes.HasPrefix(part, []byte("— ")) && len(notes) > 0 {
			last := len(notes) - 1
			notes[last] = append(append(notes[last], "\n\n"...), append(bytes.TrimRight(part, "\n"), '\n')...)
			continue
		}
		if len(part) > 0 {
			notes = append(notes, bytes.Clone(part))
		}
	}
	return notes
}
