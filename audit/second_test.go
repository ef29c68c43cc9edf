//go:build e2e

package audit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSecondVerifier has a program in another language, written from the format
// alone, say the same of a record as Verify does.
func TestSecondVerifier(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the second verifier is a Python program: ", err)
	}
	run := func(db, public string, outside ...string) (string, bool) {
		out, err := exec.Command(python, append([]string{"second/verify.py", db, public}, outside...)...).CombinedOutput()
		if strings.Contains(string(out), "Traceback") {
			t.Errorf("it broke: %s", out)
		}
		return string(out), err == nil
	}
	const own = `INSERT INTO events SELECT 15, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3`
	statement := func(s ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) { tamper(t, path, s...) }
	}
	for name, change := range map[string]func(*testing.T, string){
		"as written":         statement(),
		"edited":             statement(`UPDATE events SET agent = 'bob' WHERE seq = 3`),
		"removed":            statement(`DELETE FROM events WHERE seq = 7`),
		"cut":                statement(`DELETE FROM events WHERE seq > 9`),
		"appended":           statement(own),
		"a text changed":     statement(`UPDATE bodies SET text = '{}' WHERE seq = 3`),
		"interned changed":   statement(`UPDATE interned SET text = '{}'`),
		"checkpoint changed": statement(`UPDATE events SET body = replace(body, '"note"', '"nite"') WHERE seq = 2`),
		"rebuilt": func(t *testing.T, path string) {
			tamper(t, path, `UPDATE events SET agent = 'bob' WHERE seq = 3`)
			rebuildChain(t, path)
		},
		"another record": func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(read(t, newRecord(t, 5))), 0o600))
		},
		"outside emptied": func(t *testing.T, path string) { must(t, os.WriteFile(path+".checkpoints", nil, 0o600)) },
		"outside changed": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".checkpoints", []byte(strings.Replace(read(t, path+".checkpoints"), "\n13\n", "\n12\n", 1)), 0o600))
		},
		"new keys": func(t *testing.T, path string) {
			_, err := RotateKeys(Options{Path: path}, "rita", "why not")
			must(t, err)
		},
		"a segment": func(t *testing.T, path string) {
			tamper(t, path, own)
			_, err := NewSegment(Options{Path: path}, "rita", "why not", true)
			must(t, err)
		},
		"a gap": func(t *testing.T, path string) {
			tamper(t, path, `DELETE FROM events WHERE seq > 9`, `DELETE FROM bodies WHERE seq > 9`)
			_, err := NewSegment(Options{Path: path}, "rita", "why not", true)
			must(t, err)
		},
		"pruned": func(t *testing.T, path string) {
			s, err := Open(Options{Path: path})
			must(t, err)
			must(t, s.Attach(t.Context(), nobody{}))
			young := record(t, s, `{}`, `{}`)
			_, err = s.Prune(t.Context(), young.Time, "rita", "why not")
			must(t, err)
			must(t, s.Close())
		},
		"a forged prune": func(t *testing.T, path string) {
			notes := notesIn(read(t, path+".checkpoints"))
			forge(t, path, nil, TypePrune, string(marshal(map[string]any{"through": 13, "note": notes[len(notes)-1].text})))
		},
		"a backup": func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".live"))
			must(t, os.Rename(path+".pub", path+".live.pub"))
			_, err := MakeBackup(t.Context(), Options{Path: path + ".live", Keys: path + ".keys"}, path, "rita")
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 5)
			public := filepath.Join(t.TempDir(), "kept.pub")
			must(t, os.WriteFile(public, []byte(read(t, path+".pub")), 0o600))
			change(t, path)
			v, err := Verify(t.Context(), VerifyOptions{Path: path, PublicKey: read(t, public), Checkpoints: []string{path + ".checkpoints"}})
			must(t, err)
			out, holds := run(path, public, path+".checkpoints")
			if holds != (len(v.Problems) == 0) {
				t.Errorf("the first says %v, the second:\n%s", v.Problems, out)
			}
			if holds && (!strings.Contains(out, v.Hash) || !strings.Contains(out, fmt.Sprintf("; %d checkpoints outside hold", v.Outside))) {
				t.Errorf("the first ends with %s and compared %d, the second:\n%s", v.Hash, v.Outside, out)
			}
		})
	}
}
