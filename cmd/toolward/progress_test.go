package main

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Who watches is told every two seconds; a file is told nothing unless it is asked
// for.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		if (&progressFlag{}).report(&terminal{w: &out}, "verified") != nil {
			t.Error("something that is no terminal is told")
		}
		far := (&progressFlag{always: true}).report(&terminal{w: &out}, "verified")
		for i := range int64(50) { // the record grows while it is read
			time.Sleep(100 * time.Millisecond)
			far(i*5, 200)
		}
		if got, want := out.String(), "verified: 47 %\nverified: 97 %\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	for _, c := range []struct {
		done, of int64
		want     string
	}{{0, 0, "x: 0 %"}, {1, 3, "x: 33 %"}, {7, 7, "x: 100 %"}, {9, 7, "x: 100 %"}, {9, -1, "x: 9 lines"}} {
		if got := progressLine("x", c.done, c.of); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.done, c.of, got, c.want)
		}
	}
}

// What is written arrives whole, and its lines are told of.
func TestLinesAreCounted(t *testing.T) {
	var out bytes.Buffer
	var told []int64
	l := &lineCounter{Writer: &out, far: func(done, of int64) { told = append(told, done, of) }, of: 3}
	for _, s := range []string{"one\ntw", "o\nthree", "\n"} {
		if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != "one\ntwo\nthree\n" || !slices.Equal(told, []int64{1, 3, 2, 3, 3, 3}) {
		t.Errorf("%q, told %v", out.String(), told)
	}
}
