package client

import (
	"context"
	"testing"

	"toolward/gateway"
	"toolward/mcp"
)

// deaf is a link to nowhere.
type deaf struct{ link }

func (deaf) done() <-chan struct{}              { return nil }
func (deaf) send(context.Context, []byte) error { return nil }

// Whatever a server writes: nothing panics, and an answer is taken only for the
// request whose ID it carries.
func FuzzServerMessage(f *testing.F) {
	for _, s := range []string{
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":"1","result":{}}`, `{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}`,
		`{"jsonrpc":"2.0","id":2,"error":{"code":1}}`, `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1}}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":1}}`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":[]}}`,
		`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":1}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":"a","method":"sampling/createMessage","params":{}}`,
		`{"id":`, `{"id":1`, "{\"id\":1,\xff}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		client, err := New(Options{Name: "s", Command: "none"})
		if err != nil {
			t.Fatal(err)
		}
		c := newConn(t.Context(), client, nil, func(gateway.Event) {})
		c.link = deaf{}
		clock := startClock(t.Context(), 1e9)
		defer clock.stop()
		one, two := c.begin(clock, nil), c.begin(clock, nil)
		c.route(raw)
		c.end()
		c.work.Wait()
		for _, fl := range []*flight{one, two} {
			if len(fl.answer) == 0 {
				continue
			}
			r := <-fl.answer
			m, err := mcp.ParseUpstream(raw)
			switch {
			case err == nil && (r.err != nil || !fl.named(m.ID)):
				t.Errorf("%q answered request %s: %v", raw, fl.id, r.err)
			case err != nil && r.err == nil:
				t.Errorf("%q does not pass the checks and answered request %s", raw, fl.id)
			}
		}
	})
}
