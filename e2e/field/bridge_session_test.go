//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// Requests in a batch have an answer each, and the notification in it none.
func TestBridgeOfBatches(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	b := bridged(t, g, "2025-03-26", "{}")
	call := func(id string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"s__echo","arguments":{"n":12345678901234567890}}}`
	}
	b.Send(t, "["+call("1")+`,{"jsonrpc":"2.0","method":"notifications/roots/list_changed"},`+call(`"b"`)+`,{"jsonrpc":"2.0","id":3,"method":"nope"}]`)
	want := map[string]string{"1": "result", `"b"`: "result", "3": "error"}
	for len(want) > 0 {
		line := b.Next(t)
		var answers []map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &answers); err != nil {
			answers = make([]map[string]json.RawMessage, 1)
			if err := json.Unmarshal([]byte(line), &answers[0]); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
		}
		for _, a := range answers {
			id := string(a["id"])
			if _, ok := a[want[id]]; !ok {
				t.Errorf("got %s", line)
			}
			delete(want, id)
		}
	}
	ends(t, b)
}

// What a server asks outside of all calls reaches the client, and its answer the
// server; also after the gateway was restarted beneath.
func TestBridgeOfQuestionsOutsideOfCalls(t *testing.T) {
	const question = `{"jsonrpc":"2.0","id":%q,"method":"elicitation/create","params":{"message":"Who?","requestedSchema":{"type":"object","properties":{"to":{"type":"string"}}}}}`
	var mu sync.Mutex
	var asides []func(string)
	u := lab.NewScripted(t, echoing)
	u.Aside = func(send func(string), gone <-chan struct{}) {
		mu.Lock()
		asides = append(asides, send)
		mu.Unlock()
		<-gone
	}
	config := u.Config()
	config["isolate"] = "session"
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": lab.AllowTesters, "reverse.rego": "package reverse.s\n\nallow := true\n"},
		Config:   map[string]any{"auth": map[string]any{"local": map[string]any{}}, "upstreams": map[string]any{"s": config}},
	})
	b := bridged(t, g, "2025-06-18", `{"elicitation":{}}`)
	asked := 0
	for n, restart := range []func(){func() {}, func() { g.Stop(t); g.Restart(t) }, func() { g.Kill(); g.Restart(t) }} {
		restart()
		b.Send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"s__echo","arguments":{}}}`, n))
		b.With(t, fmt.Sprintf(`"id":%d,"result"`, n)) // from here on the session has a connection of its own
		var own []func(string)
		g.Until(t, "no connection of the session's own", func() bool { // beside what all share, in each gateway
			mu.Lock()
			defer mu.Unlock()
			own = asides[min(2*n, len(asides)):]
			return len(own) == 2
		})
		put := func() { // one is refused that nobody has a stream for, as on what all share
			asked++
			for i, send := range own {
				send(fmt.Sprintf(question, fmt.Sprintf("aside-%d-%d", asked, i)))
			}
		}
		answers := func(word string) (n int) {
			for _, r := range u.Got("") {
				if strings.HasPrefix(string(r.ID), fmt.Sprintf(`"aside-%d-`, asked)) && strings.Contains(string(r.Body), word) {
					n++
				}
			}
			return n
		}
		put()
		g.Until(t, "the server has no answer of the client's", func() bool {
			var q struct{ ID json.RawMessage }
			if line := b.Poll(); strings.Contains(line, "elicitation/create") && json.Unmarshal([]byte(line), &q) == nil {
				b.Send(t, `{"jsonrpc":"2.0","id":`+string(q.ID)+`,"result":{"action":"decline"}}`)
			}
			if answers("error") == 2 {
				put()
			}
			return answers("decline") == 1
		})
	}
	ends(t, b)
}

// A call and its cancellation in one write: the server is told of both.
func TestBridgeCancelsWhatJustBegan(t *testing.T) {
	u := lab.NewScripted(t, echoing)
	var running atomic.Int32
	u.Flows = map[string]lab.Flow{"tools/call": func(_ lab.Request, _ func(string), left <-chan struct{}) string {
		running.Add(1)
		defer running.Add(-1)
		<-left
		return ""
	}}
	g := local(t, u)
	b := bridged(t, g, "2025-11-25", "{}")
	for i := range 20 {
		b.Send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"s__echo","arguments":{}}}`, i), cancelOf(fmt.Sprint(i)))
	}
	b.Send(t, `{"jsonrpc":"2.0","id":"after","method":"ping"}`)
	if line := b.Next(t); !strings.Contains(line, `"after"`) {
		t.Errorf("what was cancelled is answered: %s", line)
	}
	g.Until(t, "calls go on that were cancelled", func() bool { return running.Load() == 0 })
	ends(t, b)
}

// The gateway begins again with another key, with which it knows no token of before.
func TestBridgeOutlivesTheKey(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	b := bridged(t, g, "2025-11-25", "{}")
	g.Stop(t)
	if err := os.Remove(filepath.Join(g.Dir, "toolward.key")); err != nil {
		t.Fatal(err)
	}
	g.Restart(t)
	b.Send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__echo","arguments":{}}}`)
	if line := b.With(t, `"id":1,`); !strings.Contains(line, `"result"`) {
		t.Errorf("%s\n%s", line, b.Log)
	}
	ends(t, b)
}
