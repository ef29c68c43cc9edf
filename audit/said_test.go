package audit

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// What a person says while they do something to the record is signed and stays for
// ever, so a credential that they paste with it must not get in: not into the files,
// not into the statements that leave them.
func TestAttackSecretInAReason(t *testing.T) {
	const secret, own = "synthetic-3141592653589793", "own-credential-of-the-gateway"
	for name, do := range map[string]func(t *testing.T, opts Options, why string) error{
		"prune": func(t *testing.T, opts Options, why string) error {
			s, err := Open(opts)
			must(t, err)
			must(t, s.Attach(t.Context(), nobody{}))
			_, err = s.Prune(t.Context(), time.Now().Add(time.Minute), "rita "+why, why)
			must(t, s.Close())
			return err
		},
		"erase": func(t *testing.T, opts Options, why string) error {
			s, err := Open(opts)
			must(t, err)
			_, err = s.Erase(t.Context(), Erasure{Agent: testAgent.ID, Why: why})
			must(t, s.Close())
			return err
		},
		"keys": func(_ *testing.T, opts Options, why string) error {
			_, err := RotateKeys(opts, "rita", why)
			return err
		},
		"segment": func(t *testing.T, opts Options, why string) error {
			tamper(t, opts.Path, "INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) SELECT max(seq) + 1, 1, 'audit.close', '{}', zeroblob(32), zeroblob(16) FROM events")
			_, err := NewSegment(opts, "rita", why, false)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			opts := Options{Path: newRecord(t, 6), Log: slog.New(slog.NewTextHandler(&log, nil)), Find: findSynthetic, Own: []gateway.Secret{{Text: own, Token: "${OWN}"}}}
			must(t, do(t, opts, "case 4711, key "+secret+" and "+own))
			all := log.String()
			files, err := filepath.Glob(opts.Path + "*")
			must(t, err)
			for _, f := range files {
				b, err := os.ReadFile(f)
				must(t, err)
				all += string(b)
			}
			for _, s := range []string{secret, own} {
				if strings.Contains(all, s) {
					t.Errorf("%q is there", s)
				}
			}
			if !strings.Contains(all, "case 4711, key [hmac:") || !strings.Contains(all, "${OWN}") {
				t.Error("the reason is not there")
			}
		})
	}
}
