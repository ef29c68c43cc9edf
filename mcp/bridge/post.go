package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// pause is how long is waited between two attempts to reach the gateway.
const pause = 100 * time.Millisecond

// errGone says that a request was sent and what became of it is not known.
var errGone = errors.New("the gateway went away before it answered: check whether this took effect before you repeat it")

// post sends a message in its session. It waits for a gateway that is not there, and
// opens the session again in one that does not know it.
func (b *Bridge) post(ctx context.Context, m message) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		open := b.session.now()
		resp, err := b.send(ctx, b.opt.Patience, http.MethodPost, m.raw, func(h http.Header) {
			h.Set("Content-Type", "application/json")
			h.Set("Accept", "application/json, text/event-stream")
			if m.modern() {
				m.fill(h)
				b.params.fill(h, m)
				return
			}
			open.fill(h)
		})
		if err != nil || resp.StatusCode != http.StatusNotFound || open.id == "" || m.modern() || attempt > 0 {
			return resp, err
		}
		drop(resp)
		if err := b.session.reopen(ctx, b, open.id); err != nil {
			return nil, err
		}
	}
}

// send sends one request of HTTP. Where the gateway is not there, it waits for it
// with patience; where it does not take the token, it asks for another once.
func (b *Bridge) send(ctx context.Context, patience time.Duration, method string, body []byte, fill func(http.Header)) (*http.Response, error) {
	deadline := time.Now().Add(patience)
	anew, renewed := false, false
	for {
		url, token, err := b.opt.Reach(ctx, anew)
		if err == nil {
			var resp *http.Response
			if resp, err = b.do(ctx, method, url, token, body, fill); err == nil && (resp.StatusCode != http.StatusUnauthorized || renewed) {
				return resp, nil
			}
			if err == nil {
				drop(resp)
				anew, renewed = true, true
				continue
			}
			if ctx.Err() == nil && !b.opt.Unsent(err) {
				b.opt.Log.Warn("the gateway went away", "error", err)
				return nil, errGone
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !b.opt.Unsent(err) || !time.Now().Before(deadline):
			return nil, err
		}
		anew = true
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (b *Bridge) do(ctx context.Context, method, url, token string, body []byte, fill func(http.Header)) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	fill(req.Header)
	req.Header.Set("Authorization", "Bearer "+token)
	return b.opt.Client.Do(req)
}

// drop lets the connection be used again.
func drop(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// request sends a request and writes what answers it.
func (b *Bridge) request(f *flight) {
	resp, err := b.post(f.ctx, f.message)
	if err == nil && resp.StatusCode == http.StatusBadRequest && f.modern() && f.method == mcp.MethodToolsCall {
		resp, err = b.bind(f, resp)
	}
	if err != nil {
		b.lost(f, err)
		return
	}
	defer resp.Body.Close()
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" && resp.StatusCode == http.StatusOK {
		b.stream(f, resp)
		return
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(b.opt.MaxAnswer)+1))
	switch {
	case err != nil:
		b.lost(f, errGone)
	case len(body) > b.opt.MaxAnswer:
		b.lost(f, fmt.Errorf("the answer is over the limit of %d bytes", b.opt.MaxAnswer))
	default:
		b.answered(f, resp, body)
	}
}

// lost answers what got no answer.
func (b *Bridge) lost(f *flight, err error) {
	if f.cancelled.Load() || f.ctx.Err() != nil {
		return
	}
	for _, id := range f.ids {
		b.fail(id, err.Error())
	}
}

func (b *Bridge) answered(f *flight, resp *http.Response, body []byte) {
	if f.cancelled.Load() {
		return
	}
	if resp.StatusCode == http.StatusOK {
		b.keep(f.message, body)
	}
	b.answer(f.message, resp, body)
}

// keep remembers of a request that was answered what a later one needs.
func (b *Bridge) keep(m message, body []byte) {
	switch {
	case m.modern() && m.method == mcp.MethodToolsList:
		b.params.learn(body)
	case m.method == mcp.MethodSetLevel, m.method == mcp.MethodSubscribe, m.method == mcp.MethodUnsubscribe:
		if answer, err := mcp.ParseUpstream(body); err == nil && answer.Error == nil {
			b.session.remember(m)
		}
	}
}

// answer writes the body of an answer. An error of HTTP may belong to no message, or
// be none of JSON-RPC; a client on lines waits for its ID.
//
//	{"jsonrpc":"2.0","id":null,"error":{"code":-32000,…}} → {"jsonrpc":"2.0","id":7,"error":{"code":-32000,…}}
//	{"title":"Forbidden","detail":"…"}                    → {"jsonrpc":"2.0","id":7,"error":{"code":-32000,"message":"…"}}
func (b *Bridge) answer(m message, resp *http.Response, body []byte) {
	if resp.StatusCode == http.StatusAccepted {
		return // a batch without requests
	}
	if resp.StatusCode == http.StatusOK {
		b.write(body)
		return
	}
	read, err := mcp.ParseUpstream(body)
	ids := m.ids
	if ids == nil {
		ids = []json.RawMessage{m.id} // of what is broken, perhaps nil
	}
	for _, id := range ids {
		switch {
		case err == nil && (id == nil || bytes.Equal(read.ID, id)):
			b.write(body)
		case err == nil && read.Error != nil:
			b.write(mcp.AppendError(nil, id, read.Error))
		default:
			b.fail(id, problem(resp, body))
		}
	}
}

func problem(resp *http.Response, body []byte) string {
	if o, err := gateway.Split(body); err == nil {
		if detail := member(o, "detail"); detail != "" {
			return detail
		}
	}
	return "the gateway answers " + resp.Status
}

// stream writes the events of an answer. One that breaks off before the answer is
// taken up again where the session keeps it.
func (b *Bridge) stream(f *flight, resp *http.Response) {
	last := ""
	for {
		answered, err := b.events(resp.Body, &last, func(data []byte) bool {
			if f.cancelled.Load() {
				return true
			}
			b.write(data)
			return f.ends(data)
		})
		switch {
		case answered || f.ctx.Err() != nil:
			return
		case errors.Is(err, mcp.ErrTooLong):
			b.lost(f, fmt.Errorf("the answer is over the limit of %d bytes", b.opt.MaxAnswer))
			return
		case f.batch && len(f.ids) == 0:
			return
		case last == "" || f.modern():
			b.lost(f, errGone)
			return
		}
		next, err := b.resume(f.ctx, last)
		if err != nil {
			b.lost(f, errGone)
			return
		}
		defer next.Body.Close()
		resp = next
	}
}

// ends takes a message of the stream, and reports whether it was the last that the
// client waits for.
func (f *flight) ends(data []byte) bool {
	m, err := mcp.ParseUpstream(data)
	if err != nil || !m.IsResponse() {
		return false
	}
	f.ids = slices.DeleteFunc(f.ids, func(id json.RawMessage) bool { return bytes.Equal(id, m.ID) })
	return len(f.ids) == 0
}

// events hands over the messages of a stream until do wants no more (true) or the
// stream ends. last is the ID of the last event.
func (b *Bridge) events(stream io.Reader, last *string, do func([]byte) bool) (bool, error) {
	r := mcp.NewEventReader(stream, b.opt.MaxAnswer)
	for {
		e, err := r.Next()
		if err != nil {
			return false, err
		}
		if e.ID != "" {
			*last = e.ID
		}
		if len(e.Data) > 0 && do(e.Data) {
			return true, nil
		}
	}
}

// resume takes up a stream of the session after an event.
func (b *Bridge) resume(ctx context.Context, last string) (*http.Response, error) {
	open := b.session.now()
	resp, err := b.send(ctx, b.opt.Patience, http.MethodGet, nil, func(h http.Header) {
		h.Set("Accept", "text/event-stream")
		h.Set(mcp.HeaderLastEventID, last)
		open.fill(h)
	})
	if err == nil && resp.StatusCode != http.StatusOK {
		drop(resp)
		err = errGone
	}
	return resp, err
}
