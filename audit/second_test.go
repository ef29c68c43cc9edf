//go:build e2e

package audit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"toolward/audit/journal"
	"toolward/audit/verify"
)

// secondVerifier runs the program, and reports whether it says that a record holds.
func secondVerifier(python string) func(*testing.T, ...string) (string, bool) {
	return func(t *testing.T, args ...string) (string, bool) {
		out, err := exec.Command(python, append([]string{"second/verify.py"}, args...)...).CombinedOutput()
		if strings.Contains(string(out), "Traceback") {
			t.Errorf("it broke: %s", out)
		}
		return string(out), err == nil
	}
}

// TestSecondVerifier has a program in another language, written from the format
// alone, say of each vector what stands beside it.
func TestSecondVerifier(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the second verifier is a Python program: ", err)
	}
	run := secondVerifier(python)
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			path, want := loadVector(t, v.name)
			said, without := run(t, path, path+".pub", path+".checkpoints")
			if without != want.WithoutKeys {
				t.Errorf("without keys: %v, want %v:\n%s", without, want.WithoutKeys, said)
			}
			said, holds := run(t, "--keys", path+".keys", path, path+".pub", path+".checkpoints")
			if holds != want.Holds {
				t.Errorf("got %v, want %v:\n%s", holds, want.Holds, said)
			}
			if ends := fmt.Sprintf("is %s; %d checkpoints outside hold", want.Hash, want.Outside); holds && !strings.Contains(said, ends) {
				t.Errorf("it does not say %q:\n%s", ends, said)
			}
		})
	}
}

// TestSecondVerifierReadsTheJournal has it look at what a gateway left that was killed, as
// it is, torn, and changed.
func TestSecondVerifierReadsTheJournal(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the second verifier is a Python program: ", err)
	}
	run := secondVerifier(python)
	_, killed, _ := journaled(t, 4)
	name := journal.Names(Options{Path: killed}.journal())[0]
	whole := []byte(read(t, name))
	events := bytes.TrimRight(whole, "\x00")
	changed := bytes.Replace(whole, []byte(`{"n":2}`), []byte(`{"n":7}`), 1)
	mend(changed)
	moved := replaceLast(whole, "call.attempt", "call.attemp7")
	mend(moved)
	id, none := ofAttempt(t, whole)
	for what, c := range map[string]struct {
		journal []byte
		holds   bool
	}{
		"as it is": {whole, true}, "torn": {events[:len(events)-9], true}, "empty": {nil, true},
		"a text changed": {changed, false}, "a column changed": {moved, false},
		"a sum not right": {bytes.Replace(whole, []byte(`{"n":2}`), []byte(`{"n":7}`), 1), false},
		"another method":  {reframed(t, whole, []byte("tools/call"), []byte("tools/cull")), false},
		"no attempt's ID": {reframed(t, whole, id, none), false}, "no journal": {[]byte("SQLite format 3\x00"), false},
	} {
		must(t, os.WriteFile(name, c.journal, 0o600))
		said, holds := run(t, "--keys", killed+".keys", killed, killed+".pub", killed+".checkpoints")
		if holds != c.holds {
			t.Errorf("%s: %v, want %v:\n%s", what, holds, c.holds, said)
		}
		v, err := verify.Record(t.Context(), verify.Options{Path: killed, Keys: killed + ".keys"})
		must(t, err)
		if first := len(v.Problems) == 0; first != holds {
			t.Errorf("%s: the second says %v, the first %v", what, holds, v.Problems)
		}
		if ends := fmt.Sprintf("%d events, up to %d, the last one is %s", v.Events, v.Last, v.Hash); holds && !strings.Contains(said, ends) {
			t.Errorf("%s: it does not say %q:\n%s", what, ends, said)
		}
	}
}
