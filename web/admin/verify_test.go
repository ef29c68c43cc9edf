package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// steady verifies a row each second, a minute long.
func steady(order VerifyOrder) (Verification, error) {
	switch order.AsOf {
	case "":
		return minute, nil
	case "broken":
		return func(context.Context, func(done, of int64)) (any, error) { return nil, errors.New("a secret path") }, nil
	case "panic":
		return func(context.Context, func(done, of int64)) (any, error) { panic("a mistake") }, nil
	}
	return nil, malformed("as_of is an event, or a time")
}

func minute(ctx context.Context, progress func(done, of int64)) (any, error) {
	for n := range int64(60) {
		progress(n, 60)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return map[string]any{"events": 60}, nil
}

func verifiers(t *testing.T) *desk {
	return newDesk(t, func(o *Options) { o.Verify = steady })
}

// A verification runs on when the request that began it is over; whoever orders
// another meanwhile has the same; and what it found is there until the next begins.
func TestVerifyIsOneJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := verifiers(t)
		defer d.Close()
		_, first := d.do(t, "approver", "POST", "audit/verify", `{"strict":true}`)
		id := first["id"].(string)
		if first["state"] != JobRunning || first["joined"] != nil || id == "" {
			t.Errorf("began: %v", first)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if _, second := d.do(t, "admin", "POST", "audit/verify", ""); second["id"] != id || second["joined"] != true || second["done"] != 30.0 || second["of"] != 60.0 {
			t.Errorf("ordered again: %v", second)
		}
		time.Sleep(31 * time.Second)
		synctest.Wait()
		_, done := d.do(t, "viewer", "GET", "audit/verify/"+id, "")
		if report, _ := done["report"].(map[string]any); done["state"] != JobDone || report["events"] != 60.0 || done["ended"] == nil {
			t.Errorf("ended: %v", done)
		}
		if _, next := d.do(t, "approver", "POST", "audit/verify", ""); next["id"] == id || next["state"] != JobRunning {
			t.Errorf("the next: %v", next)
		}
		if status, m := d.do(t, "viewer", "GET", "audit/verify/"+id, ""); status != http.StatusNotFound || m["code"] != "no_job" {
			t.Errorf("the one before: %d %v", status, m)
		}
	})
}

// What keeps it from verifying is said to who asked where it is their slip, and is in
// the log where it is not.
func TestVerifyThatCannot(t *testing.T) {
	d := verifiers(t)
	if status, m := d.do(t, "admin", "POST", "audit/verify", `{"as_of":"soon"}`); status != http.StatusBadRequest || d.verifying.last != nil {
		t.Errorf("a slip: %d %v", status, m)
	}
	for _, asOf := range []string{"broken", "panic"} {
		synctest.Test(t, func(t *testing.T) {
			d := verifiers(t)
			defer d.Close()
			_, job := d.do(t, "admin", "POST", "audit/verify", `{"as_of":"`+asOf+`"}`)
			synctest.Wait()
			_, job = d.do(t, "admin", "GET", "audit/verify/"+job["id"].(string), "")
			if said, _ := job["error"].(string); job["state"] != JobFailed || !strings.HasPrefix(said, "the gateway could not do that") {
				t.Errorf("%s: %v", asOf, job)
			}
		})
	}
}

// Cancelling, and the end of the gateway, end it; both wait until it has ended.
func TestVerifyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := verifiers(t)
		_, job := d.do(t, "approver", "POST", "audit/verify", "")
		id := job["id"].(string)
		time.Sleep(5 * time.Second)
		began := time.Now()
		if status, m := d.do(t, "approver", "POST", "audit/verify/"+id+"/cancel", ""); status != http.StatusOK || m["state"] != JobCancelled || time.Since(began) != 0 {
			t.Errorf("cancelled: %d %v after %v", status, m, time.Since(began))
		}
		if _, m := d.do(t, "approver", "POST", "audit/verify/"+id+"/cancel", ""); m["state"] != JobCancelled {
			t.Errorf("cancelled again: %v", m)
		}
		_, job = d.do(t, "approver", "POST", "audit/verify", "")
		d.Close()
		if _, m := d.do(t, "viewer", "GET", "audit/verify/"+job["id"].(string), ""); m["state"] != JobCancelled {
			t.Errorf("after the end of the gateway: %v", m)
		}
		if status, m := d.do(t, "approver", "POST", "audit/verify", ""); status != http.StatusServiceUnavailable {
			t.Errorf("begun after the end: %d %v", status, m)
		}
	})
}

// A stream of it tells each step, and ends with it.
func TestVerifyIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := verifiers(t)
		defer d.Close()
		_, job := d.do(t, "approver", "POST", "audit/verify", "")
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+Prefix+"audit/verify/"+job["id"].(string)+"?watch=true", nil)
		r.Header.Set("Authorization", "Bearer viewer")
		out, in := io.Pipe()
		go func() {
			defer in.Close()
			d.ServeHTTP(pipeWriter{http.Header{}, in}, r)
		}()
		last, n := Job{}, 0
		for s := bufio.NewScanner(out); s.Scan(); n++ {
			last = Job{}
			if err := json.Unmarshal(s.Bytes(), &last); err != nil {
				t.Fatal(err)
			}
		}
		if last.State != JobDone || last.Report == nil || n < 60 || n > 62 {
			t.Errorf("%d lines, at last %+v", n, last)
		}
	})
}
