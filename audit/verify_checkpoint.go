package audit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
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

func (v *verifier) open(signed string) (claim, error) {
	n, err := note.Open([]byte(signed), v.keys)
	if err != nil {
		return claim{}, err
	}
	lines := strings.Split(strings.TrimSuffix(n.Text, "\n"), "\n")
	if len(lines) != 4 {
		return claim{}, fmt.Errorf("%d lines instead of 4", len(lines))
	}
	seq, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return claim{}, err
	}
	sum, err := base64.StdEncoding.DecodeString(lines[2])
	if err == nil && len(sum) != sha256.Size {
		err = errors.New("a hash of the wrong length")
	}
	return claim{seq: seq, hash: sum, time: lines[3]}, err
}

// readOutside reads a file of checkpoints. One without a signature, or cut
// short at the end, was never finished; any other that does not hold is a
// problem.
func (v *verifier) readOutside(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("checkpoints: %w", err)
	}
	rest := string(text)
	for n := 1; strings.TrimSpace(rest) != ""; n++ {
		body, after, _ := strings.Cut(rest, "\n\n")
		if !strings.HasPrefix(after, "— ") {
			rest = after
			continue
		}
		signatures, next, whole := strings.Cut(after, "\n\n")
		rest = next
		c, err := v.open(body + "\n\n" + strings.TrimSuffix(signatures, "\n") + "\n")
		if err != nil {
			if whole {
				v.problem(0, "checkpoint %d of %s does not hold: %v", n, path, err)
			}
			continue
		}
		c.file = path
		v.outside[c.seq] = append(v.outside[c.seq], c)
		if c.seq > v.furthest.seq {
			v.furthest = c
		}
	}
	return nil
}

// inside checks a checkpoint in the database: it signs the event before it.
func (v *verifier) inside(seq int64, body string) {
	var checkpoint struct{ Note string }
	if err := json.Unmarshal([]byte(body), &checkpoint); err != nil {
		v.problem(seq, "its checkpoint cannot be read: %v", err)
		return
	}
	c, err := v.open(checkpoint.Note)
	switch {
	case err != nil:
		v.problem(seq, "its checkpoint is not signed by this record's key: %v", err)
	case c.seq != seq-1 || string(c.hash) != string(v.last):
		v.problem(seq, "its checkpoint is about another event %d than the one before it", c.seq)
	default:
		v.Inside++
		v.Signed = c.seq
	}
}

// compare holds an event against the checkpoints outside.
func (v *verifier) compare(seq int64, hash []byte) {
	for _, c := range v.outside[seq] {
		if string(c.hash) != string(hash) {
			v.problem(seq, "the event is not the one that the checkpoint of %s in %s was made of: the record was rewritten", c.time, c.file)
		} else {
			v.Outside++
		}
	}
	delete(v.outside, seq)
}

// end looks for what should come after the last event.
func (v *verifier) end() {
	if v.furthest.seq > v.Last {
		v.problem(v.Last+1, "events %d to %d were cut from the end: the checkpoint of %s in %s counted them",
			v.Last+1, v.furthest.seq, v.furthest.time, v.furthest.file)
	}
}
