//go:build e2e

package audit

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestSecondVerifier has a program in another language, written from the format
// alone, say of each vector what stands beside it.
func TestSecondVerifier(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("the second verifier is a Python program: ", err)
	}
	run := func(t *testing.T, args ...string) (string, bool) {
		out, err := exec.Command(python, append([]string{"second/verify.py"}, args...)...).CombinedOutput()
		if strings.Contains(string(out), "Traceback") {
			t.Errorf("it broke: %s", out)
		}
		return string(out), err == nil
	}
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
