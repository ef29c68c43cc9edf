package audit

import (
	"context"
	"database/sql"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-sqlite3"

	"toolward/audit/schema"
	"toolward/gateway"
)

var looks atomic.Int64 // questions that those of watched asked

func init() {
	// SQLite asks for leave for each SELECT that it is given.
	sql.Register("sqlite3_counting", &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		c.RegisterAuthorizer(func(op int, _, _, _ string) int {
			if op == sqlite3.SQLITE_SELECT {
				looks.Add(1)
			}
			return sqlite3.SQLITE_OK
		})
		return nil
	}})
}

// watched is the same record, read by connections that are counted.
func watched(t *testing.T, s *Store) *Store {
	t.Helper()
	db, err := sql.Open("sqlite3_counting", schema.DSN(s.opts.Path, "ro", time.Second, "&_query_only=1"))
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return &Store{Reader: &Reader{db: db, writer: s.writer}, writer: s.writer}
}

// followers follow a record until the context ends, and count what they see.
func followers(ctx context.Context, t *testing.T, s *Store, many int) (seen *atomic.Int64) {
	t.Helper()
	seen = new(atomic.Int64)
	for range many {
		go func() {
			for _, err := range s.Follow(ctx, Filter{}, &Cursor{}) {
				if err != nil {
					t.Error(err)
				}
				seen.Add(1)
			}
		}()
	}
	synctest.Wait()
	return seen
}

// TestFollowIsWoken follows a record many times over. Between commits nothing is
// asked of it; a commit wakes all at once, and each sees the call.
func TestFollowIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		const many = 20
		seen := followers(ctx, t, watched(t, s), many)
		before := looks.Load()
		if before == 0 {
			t.Fatal("what is asked is not counted")
		}
		time.Sleep(50 * time.Second) // a checkpoint, which is a commit, comes after a minute
		if n := looks.Load() - before; n != 0 {
			t.Errorf("%d questions between two commits", n)
		}
		for i := range int64(3) {
			c := newCall(t, `{}`)
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			time.Sleep(paced) // the attempt was a commit, too
			at := time.Now()
			respond(c, `{}`)
			must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
			synctest.Wait()
			if n, late := seen.Load(), time.Since(at); n != many*(i+1) || late != 0 {
				t.Errorf("after call %d: %d were seen within %v, want %d", i+1, n, late, many*(i+1))
			}
			time.Sleep(paced)
		}
	})
}

// TestFollowIsPaced has a commit each millisecond. Whoever follows looks now and then
// for all that came, and loses none.
func TestFollowIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := followers(ctx, t, watched(t, s), 1)
		before := looks.Load()
		const calls = 300
		for range calls {
			record(t, s, `{}`, `{}`)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(paced)
		synctest.Wait()
		if n := seen.Load(); n != calls {
			t.Errorf("%d calls were seen, want %d", n, calls)
		}
		if n := looks.Load() - before; n > 100 {
			t.Errorf("%d questions for %d calls within %v", n, calls, calls*time.Millisecond)
		}
	})
}
