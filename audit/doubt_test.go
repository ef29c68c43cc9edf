package audit

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// lying is a statement that does what it says, and then reports that it failed: a
// commit whose answer was lost.
type lying struct{ driver.Stmt }

func (l lying) QueryContext(_ context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := run(l.Stmt, args); err != nil {
		return nil, err
	}
	return nil, errors.New("disk I/O error")
}

// What was reported as failed and is in the record all the same counts once: what
// was moved there was followed before, and what the gateway said itself counts from the
// recovery on. It would otherwise come true at the next start, when nobody thinks of it
// any more.
func TestFollowerSeesCommitsThatWereReportedAsFailed(t *testing.T) {
	for name, standby := range map[string]string{"alone": "", "with a standby": "standby.jsonl"} {
		for what, record := range map[string]func(*Store) error{
			"a call": func(s *Store) error {
				return s.Record(context.Background(), gateway.PhaseAttempt, newCall(t, `{"doubtful":true}`))
			},
			"a decision": func(s *Store) error {
				_, err := s.Append(context.Background(), Event{Type: "approval.approved", Body: `{}`, Kept: Kept{Text: `{"note":"yes"}`}})
				return err
			},
			"the gateway's own": func(s *Store) error {
				err := s.writer.do(context.Background(), func() error {
					_, err := s.writer.write([]*Event{ownEvent("approval.expired", struct{}{})})
					return err
				})
				if err == nil {
					return errors.New("nothing was reported as failed")
				}
				return nil
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				s := openStore(t, func(o *Options) {
					if standby != "" {
						o.Standby = filepath.Join(t.TempDir(), standby)
					}
				})
				var seen everything
				must(t, s.Attach(t.Context(), &seen))
				must(t, s.writer.do(t.Context(), func() error {
					s.writer.conn.commit = lying{s.writer.conn.commit}
					return nil
				}))
				must(t, record(s))
				settled(t, s)
				if s.writer.failure() == nil {
					t.Fatal("no commit was reported as failed")
				}
				must(t, s.writer.do(t.Context(), func() error {
					if s.writer.tried = s.writer.tried.Add(-retry); !s.writer.recover() {
						return s.writer.failure()
					}
					return nil
				}))
				untilRecorded(t, s)
				there := column1(t, s, "SELECT type FROM events WHERE type LIKE 'call.%' OR type LIKE 'approval.%' ORDER BY seq")
				if len(there) != 2 || !slices.Equal(seen, there) {
					t.Errorf("the follower saw %v, the record has %v", seen, there)
				}
				checkChain(t, s)
			})
		}
	}
}

// everything is a follower that remembers what it saw of agents and people.
type everything []string

func (f *everything) Restore(json.RawMessage) error      { return nil }
func (f *everything) Snapshot() (json.RawMessage, error) { return json.RawMessage("{}"), nil }

func (f *everything) Fold(e gateway.Entry) error {
	if !strings.HasPrefix(e.Type, "audit.") {
		*f = append(*f, e.Type)
	}
	return nil
}
