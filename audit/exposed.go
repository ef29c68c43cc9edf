package audit

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"toolward/audit/journal"
)

// ExposedError says that others than the owner may write to files of the record. What
// they change is found, but they can make the record end, or cut off what no
// checkpoint elsewhere holds. Calls are recorded all the same.
type ExposedError struct{ Files []string }

func (e *ExposedError) Error() string {
	return fmt.Sprintf("others than the owner may write to files of the record: chmod go-w %s", strings.Join(e.Files, " "))
}

// Degraded is true: the gateway works.
func (e *ExposedError) Degraded() bool { return true }

// exposed looks at the files' modes, nil if all are the owner's to write.
func (o Options) exposed() error {
	if runtime.GOOS == "windows" { // who may write is not in the mode there
		return nil
	}
	var e ExposedError
	journals := journal.Names(o.journal())
	for _, path := range []string{o.Path, o.Path + "-wal", journals[0], journals[1], o.Path + ".pub", o.Keys, o.Checkpoints, older(o.Checkpoints)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o022 != 0 {
			e.Files = append(e.Files, path)
		}
	}
	if e.Files == nil {
		return nil
	}
	return &e
}
