package verify

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// claim is what a checkpoint says.
type claim struct {
	seq  int64
	hash []byte
	time string
	file string
}

// epoch is a key and the first event at which it signs.
type epoch struct {
	from int64
	key  note.Verifier
}

// signer is the key that signs what stands at an event.
func (v *verifier) signer(seq int64) note.Verifier {
	key := v.ring[0].key
	for _, e := range v.ring {
		if e.from <= seq {
			key = e.key
		}
	}
	return key
}

// known are all keys that ever signed for the record.
func (v *verifier) known() note.Verifiers {
	var keys []note.Verifier
	for _, e := range v.ring {
		if !slices.ContainsFunc(keys, func(k note.Verifier) bool { return k.Name() == e.key.Name() && k.KeyHash() == e.key.KeyHash() }) {
			keys = append(keys, e.key)
		}
	}
	return note.VerifierList(keys...)
}

// checkpoint reads a signed checkpoint. It has four lines, the first of them the
// name of the key, which signs at the event after the one that is covered.
func (v *verifier) checkpoint(signed string) (claim, error) {
	n, err := note.Open([]byte(signed), v.known())
	if err != nil {
		return claim{}, err
	}
	lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
	if len(lines) != 4 {
		return claim{}, fmt.Errorf("it is no checkpoint: %d lines instead of 4", len(lines))
	}
	if lines[0] != n.Sigs[0].Name {
		return claim{}, fmt.Errorf("it is no checkpoint: its first line is not its key's name")
	}
	seq, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return claim{}, err
	}
	if key := v.signer(seq + 1); key.Name() != n.Sigs[0].Name || key.KeyHash() != n.Sigs[0].Hash {
		return claim{}, fmt.Errorf("it is signed by %s, whose time it was not", n.Sigs[0].Name)
	}
	sum, err := base64.StdEncoding.DecodeString(lines[2])
	if err == nil && len(sum) != sha256.Size {
		err = errors.New("a hash of the wrong length")
	}
	return claim{seq: seq, hash: sum, time: lines[3]}, err
}

// statement reads a signed statement: its first line says of what kind, the
// second names the key, the third is JSON. It has to be signed by the key whose
// time it is at an event, 0 for one that is known from outside alone.
func (v *verifier) statement(seq int64, kind, signed string, into any) error {
	n, err := note.Open([]byte(signed), v.known())
	if err != nil {
		return err
	}
	if key := v.signer(seq); seq > 0 && (key.Name() != n.Sigs[0].Name || key.KeyHash() != n.Sigs[0].Hash) {
		return fmt.Errorf("it is signed by %s, whose time it was not", n.Sigs[0].Name)
	}
	lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
	if len(lines) != 3 || lines[0] != "toolward audit "+kind {
		return fmt.Errorf("what it signs is no statement of a %s", kind)
	}
	return json.Unmarshal([]byte(lines[2]), into)
}

// notesFile is a file of what left the database.
type notesFile struct {
	path  string
	notes []outsideNote
}

// openOutside reads the files with what left the database.
func (v *verifier) openOutside(context.Context, *sql.DB) error {
	paths := v.opts.Checkpoints
	if beside := v.opts.Path + ".checkpoints"; len(paths) == 0 {
		if _, err := os.Stat(beside); err == nil {
			paths = []string{beside}
		}
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("checkpoints: %w", err)
		}
		if isDatabase(text) {
			v.problem(0, "", "%s is a database, and no file of checkpoints: nothing was compared with it", path)
			continue
		}
		f := notesFile{path, notesIn(string(text))}
		// What it held before it was begun anew lies beside it.
		if before, err := os.ReadFile(path + ".1"); err == nil {
			f.notes = append(notesIn(string(before)), f.notes...)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("checkpoints: %w", err)
		}
		v.files = append(v.files, f)
	}
	return nil
}

// isDatabase reports whether a file is SQLite's, or its write-ahead log (SQLite file
// format §1.3, §4.1). The checkpoints inside a record are legible there too, and
// would prove the record by itself.
func isDatabase(text []byte) bool {
	return slices.ContainsFunc([]string{"SQLite format 3\x00", "\x37\x7f\x06\x82", "\x37\x7f\x06\x83"}, func(magic string) bool {
		return strings.HasPrefix(string(text[:min(len(text), 16)]), magic)
	})
}

// readOutside checks the notes that left the database. One without a signature,
// or cut short at the end, was never finished; any other that does not hold is a
// problem, and so is a file in which nothing holds.
func (v *verifier) readOutside(context.Context, *sql.DB) error {
	seen := map[string]bool{} // what was carried over is there twice
	for _, f := range v.files {
		before := v.claims
		for i, n := range f.notes {
			if !seen[f.path+n.text] {
				v.outsideNote(f.path, i+1, n)
			}
			seen[f.path+n.text] = true
		}
		if v.claims == before {
			v.problem(0, "", "%s holds no checkpoint of this record: nothing was compared with it", f.path)
		}
	}
	return nil
}

func (v *verifier) outsideNote(path string, number int, n outsideNote) {
	const statesNewKey = "toolward audit keys\n"
	if strings.HasPrefix(n.text, "toolward audit ") {
		if _, err := note.Open([]byte(n.text), v.known()); err == nil {
			v.stated = append(v.stated, n.text)
		} else if n.whole && !strings.HasPrefix(n.text, statesNewKey) { // whose keys are unknown, unless it belongs here

			v.problem(0, "", "statement %d of %s does not hold: %v", number, path, err)
		}
		return
	}
	c, err := v.checkpoint(n.text)
	if err != nil {
		if n.whole {
			v.problem(0, "note of "+path, "checkpoint %d of %s does not hold: %v", number, path, err)
		}
		return
	}
	v.claims++
	if v.opts.AsOfEvent > 0 && c.seq > v.opts.AsOfEvent || !v.opts.AsOfTime.IsZero() && c.time > v.opts.AsOfTime.UTC().Format("2006-01-02T15:04:05Z") {
		return // of what the copy does not have yet
	}
	c.file = path
	v.outside[c.seq] = append(v.outside[c.seq], c)
	if c.seq > v.furthest.seq {
		v.furthest = c
	}
}

// outsideNote is a signed note of a file, and whether the file goes on after it.
type outsideNote struct {
	text  string
	whole bool
}

// notesIn finds signed notes: as they are, each followed by an empty line, and
// quoted in lines of the gateway's log, in its text form and its JSON form.
//
//	… msg="audit checkpoint" event=2 note="toolward-audit-5e1f00d1\n2\n…\n\n— toolward…\n"
//	{…,"msg":"audit checkpoint","event":2,"note":"toolward-audit-5e1f00d1\n2\n…"}
func notesIn(text string) (notes []outsideNote) {
	var plain strings.Builder
	for line := range strings.Lines(text) {
		if quoted, ok := quotedNote(line); ok {
			notes = append(notes, outsideNote{quoted, true})
		} else {
			plain.WriteString(line)
		}
	}
	for rest := plain.String(); strings.TrimSpace(rest) != ""; {
		body, after, _ := strings.Cut(rest, "\n\n")
		if !strings.HasPrefix(after, "— ") {
			rest = after
			continue
		}
		signatures, next, whole := strings.Cut(after, "\n\n")
		rest = next
		notes = append(notes, outsideNote{body + "\n\n" + strings.TrimSuffix(signatures, "\n") + "\n", whole})
	}
	return notes
}

func quotedNote(line string) (string, bool) {
	for _, name := range []string{`note="`, `"note":"`} {
		if _, rest, ok := strings.Cut(line, name); ok {
			if quoted, err := strconv.QuotedPrefix(`"` + rest); err == nil {
				text, err := strconv.Unquote(quoted)
				return text, err == nil
			}
		}
	}
	return "", false
}

// insideCheckpoint checks a checkpoint in the database: it signs the event before it.
func (v *verifier) insideCheckpoint(r *rowView) {
	var checkpoint struct{ Note string }
	if err := json.Unmarshal([]byte(r.column("body")), &checkpoint); err != nil {
		v.problem(r.seq, groupInside, "its checkpoint cannot be read: %v", err)
		return
	}
	c, err := v.checkpoint(checkpoint.Note)
	switch {
	case err != nil:
		v.problem(r.seq, groupInside, "its checkpoint is not signed by this record's key: %v", err)
	case c.seq != v.Last || string(c.hash) != string(v.last):
		v.problem(r.seq, groupInside, "its checkpoint is about another event %d than the one before it", c.seq)
	default:
		v.Inside++
		v.Signed = c.seq
		v.inDB = append(v.inDB, c.seq)
	}
}

// compare holds an event against the checkpoints outside.
func (v *verifier) compare(seq int64, hash []byte) {
	for _, c := range v.outside[seq] {
		if string(c.hash) != string(hash) {
			v.problem(seq, groupOutside, "the event is not the one that the checkpoint of %s in %s was made of: the record was rewritten", c.time, c.file)
			continue
		}
		v.Outside++
		if v.held = append(v.held, c); c.seq >= v.newest.seq {
			v.newest = c
		}
	}
	delete(v.outside, seq)
}
