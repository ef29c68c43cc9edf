package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// watchIn opens a stream and returns its lines, closed at its end.
func watchIn(t *testing.T, d *desk, token string) (lines chan map[string]any, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "http://localhost"+Prefix+"approvals?watch=true", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	out, in := io.Pipe()
	go func() {
		defer in.Close()
		d.ServeHTTP(pipeWriter{http.Header{}, in}, r)
	}()
	lines = make(chan map[string]any, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			var m map[string]any
			if err := json.Unmarshal(bytes.TrimSpace(s.Bytes()), &m); err != nil {
				t.Error(err)
			}
			lines <- m
		}
	}()
	return lines, cancel
}

type pipeWriter struct {
	header http.Header
	io.Writer
}

func (w pipeWriter) Header() http.Header { return w.header }
func (w pipeWriter) WriteHeader(int)     {}
func (w pipeWriter) Flush()              {}

func TestWatchTellsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.room.ask("a1", "bot")
		lines, leave := watchIn(t, d, "viewer")
		expect := func(id, state string) {
			t.Helper()
			if m := <-lines; m["id"] != id || m["state"] != state {
				t.Errorf("got %v, want %s %s", m, id, state)
			}
		}
		expect("a1", "pending")
		d.room.ask("a2", "bot")
		expect("a2", "pending")
		d.do(t, "approver", "POST", "approvals/a1/approve", "")
		expect("a1", "approved")
		d.do(t, "approver", "POST", "approvals/a1/revoke", "")
		expect("a1", "revoked")
		leave()
		if m, open := <-lines; open {
			t.Errorf("after the client left: %v", m)
		}
	})
}

// A stream sleeps until something happens, and what happens wakes each of many once.
func TestStreamsAreWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		const many = 20
		var all []chan map[string]any
		for range many {
			lines, leave := watchIn(t, d, "viewer")
			defer leave()
			all = append(all, lines)
		}
		synctest.Wait()
		looks := func() int {
			d.room.mu.Lock()
			defer d.room.mu.Unlock()
			return d.room.looked
		}
		began := looks()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := looks() - began; n != 0 {
			t.Errorf("%d looks while nothing happened", n)
		}
		at := time.Now()
		d.room.ask("a1", "bot")
		for i, lines := range all {
			if m := <-lines; m["id"] != "a1" {
				t.Errorf("stream %d: %v", i, m)
			}
		}
		if late := time.Since(at); late != 0 {
			t.Errorf("they were told %v later", late)
		}
		synctest.Wait()
		if n := looks() - began; n != many {
			t.Errorf("%d looks of %d streams", n, many)
		}
	})
}

// A stream ends with what lets its operator see it.
func TestAttackTokenThatExpiresInAStream(t *testing.T) {
	for name, end := range map[string]func(*desk){
		"it expires":      func(*desk) { time.Sleep(time.Hour) },
		"within a leeway": func(d *desk) { d.road.change(func(r *road) { r.leeway = time.Hour }); time.Sleep(time.Hour) },
		"it is revoked":   func(d *desk) { d.road.change(func(r *road) { r.agents["viewer"] = nil }) },
		"it loses a role": func(d *desk) {
			d.road.change(func(r *road) { a := *r.agents["viewer"]; a.Roles = nil; r.agents["viewer"] = &a })
		},
		"the gateway ends": func(d *desk) { d.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				lines, leave := watchIn(t, d, "viewer")
				defer leave()
				synctest.Wait()
				end(d)
				began := time.Now()
				if m, open := <-lines; open {
					t.Errorf("it goes on: %v", m)
				}
				if late := time.Since(began); late > beat {
					t.Errorf("it ended %v later", late)
				}
				d.room.ask("a1", "bot")
			})
		})
	}
}
