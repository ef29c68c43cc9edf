package gateway

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
)

// Panic is the fault that stands for a panic: a broken invariant, in the gateway
// or in what it is built on, that somebody's input found. It refuses the one
// call, and goes to record and log with its place.
type Panic struct {
	Value any
	Place string // function, file and line that panicked
}

// Error is for record and log.
func (p *Panic) Error() string { return clip(fmt.Sprintf("panic: %v", p.Value)) + " at " + p.Place }

// Survive does what f does, and makes an error of a panic.
//
// A panic on a goroutine that nobody guards ends the process with all of its
// calls. So each goroutine on which somebody else's bytes are handled is guarded
// by one of these two: Survive where somebody waits for the answer, [Contain]
// where nobody does. net/http guards its own.
func Survive[T any](f func() (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Panic{p, panicPlace()}
		}
	}()
	return f()
}

// Contain is work for a goroutine that nobody waits for: a panic ends the work
// and is logged. Whatever must happen after the work, the work itself defers.
func Contain(log *slog.Logger, what string, work func()) func() {
	return func() {
		defer func() {
			if p := recover(); p != nil {
				log.Error("panic", "in", what, "panic", p, "stack", string(debug.Stack()))
			}
		}()
		work()
	}
}

// panicPlace is where the panic began that a deferred function recovered from.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for panicked := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf("%s (%s:%d)", f.Function, f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}
