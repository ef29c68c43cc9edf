package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
)

// progressFlag has commands that read a whole record say how far they are.
type progressFlag struct{ always bool }

func (p *progressFlag) flag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.always, "progress", false, "say how far it is also where standard error is no terminal")
}

// progressEvery is how often somebody who waits is told.
const progressEvery = 2 * time.Second

// report is what a room calls with how much is done of how much; nil if nobody
// reads it: in a log or a mail of cron it would only be in the way.
func (p *progressFlag) report(w io.Writer, what string) func(done, of int64) {
	if !p.always && !watched(w) {
		return nil
	}
	last := time.Now()
	return func(done, of int64) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			fmt.Fprintln(w, progressLine(what, done, of))
		}
	}
}

// progressLine says how far something is; of is negative if nobody knows. What goes on
// while it is counted does not make it more than all.
func progressLine(what string, done, of int64) string {
	if of < 0 {
		return fmt.Sprintf("%s: %d lines", what, done)
	}
	return fmt.Sprintf("%s: %d %%", what, 100*min(done, of)/max(of, 1))
}

// watched reports whether a terminal is at the end of w.
func watched(w io.Writer) bool {
	if t, ok := w.(*terminal); ok {
		w = t.w
	}
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// lineCounter says how far what is written through it has come.
type lineCounter struct {
	io.Writer
	far      func(done, of int64)
	done, of int64
}

func (l *lineCounter) Write(p []byte) (n int, err error) {
	n, err = l.Writer.Write(p)
	l.done += int64(bytes.Count(p[:n], []byte("\n")))
	l.far(l.done, l.of)
	return n, err
}
