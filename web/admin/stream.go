package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"toolward/gateway"
)

// lines is an answer that goes on: it calls emit for each document until emit
// returns false, or wait does, which sleeps until something new is there, which closes
// the channel.
type lines func(emit func(any) bool, wait func(<-chan struct{}) bool) error

// beat is how often a stream looks whether its operator may still see it.
const beat = 500 * time.Millisecond

// Ended is the trailer of an answer that goes on: why it does not any more.
const Ended = "Toolward-Ended"

// live is the context of an answer that goes on. It ends when the client leaves, the
// token expires, its operator would not be let in any more, or the gateway stops.
// stop waits for the end of the watch and says in a trailer why it ended.
func (h *Handler) live(w http.ResponseWriter, r *request) (ctx context.Context, stop func()) {
	w.Header().Set("Trailer", Ended)
	ctx, end := context.WithCancelCause(r.Context())
	watched := make(chan struct{})
	go gateway.Contain(h.opt.Log, "watching a stream", func() {
		defer close(watched)
		defer end(errors.New("nobody watches over it any more")) // the first reason counts
		ticker := time.NewTicker(beat)
		defer ticker.Stop()
		for ctx.Err() == nil {
			select {
			case <-ticker.C:
				if err := h.still(r); err != nil {
					end(err)
				}
			case <-h.closed:
				end(errors.New("the gateway stops"))
			case <-ctx.Done():
			}
		}
	})()
	return ctx, func() {
		why := context.Cause(ctx)
		end(nil)
		<-watched
		switch {
		case why == nil:
		case errors.Is(why, context.DeadlineExceeded):
			w.Header().Set(Ended, "the token has expired")
		default:
			w.Header().Set(Ended, printed(why.Error()))
		}
	}
}

// stream answers with JSON lines.
func (h *Handler) stream(w http.ResponseWriter, r *request, l lines) {
	w.Header().Set("Content-Type", "application/jsonl")
	ctx, stop := h.live(w, r)
	defer stop()
	flush := http.NewResponseController(w)
	enc := encoder(w)
	emit := func(v any) bool { return enc.Encode(v) == nil && flush.Flush() == nil }
	wait := func(changed <-chan struct{}) bool {
		select {
		case <-changed:
			return ctx.Err() == nil
		case <-ctx.Done():
			return false
		}
	}
	w.WriteHeader(http.StatusOK)
	_ = flush.Flush() // nothing may come for long, and the client waits for the head
	if err := l(emit, wait); err != nil {
		h.brokeOff(w, r, err)
	}
}

// brokeOff says that an answer ends before it should, where to read why.
func (h *Handler) brokeOff(w http.ResponseWriter, r *request, err error) {
	h.opt.Log.Error("an answer broke off", "operation", r.call.Method, "call", r.call.ID, "error", err)
	w.Header().Set(Ended, "the gateway could not go on; see its log for call "+r.call.ID)
}

// write answers with a text. Nothing is kept for a reader that is slow: it holds up
// its own answer, until the listener gives it up.
func (h *Handler) write(w http.ResponseWriter, r *request, t Text) {
	select {
	case h.texts <- struct{}{}:
		defer func() { <-h.texts }()
	default:
		h.fail(w, r.Request, r.call, gateway.Refuse("admin", gateway.Overloaded, "too many answers are being written"))
		return
	}
	w.Header().Set("Content-Type", t.Media)
	ctx, stop := h.live(w, r)
	defer stop()
	w.WriteHeader(http.StatusOK)
	out := flushed{w, http.NewResponseController(w)}
	_ = out.rc.Flush()
	err := t.Write(ctx, out)
	if err != nil && ctx.Err() == nil {
		h.brokeOff(w, r, err)
	}
}

// flushed hands each write on at once.
type flushed struct {
	io.Writer
	rc *http.ResponseController
}

func (f flushed) Write(b []byte) (int, error) {
	n, err := f.Writer.Write(b)
	if err == nil {
		err = f.rc.Flush()
	}
	return n, err
}

// printed is a text as one line of a header.
func printed(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
