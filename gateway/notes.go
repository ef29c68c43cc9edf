package gateway

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
)

// notes is what an upstream said during a call: progress and log messages, which
// come by the thousand. They are judged one by one, as the result of the call's
// tool, and recorded with the call, up to a bound.
type notes struct {
	mu       sync.Mutex
	sent     int
	withheld int
	labels   []string
	kept     []json.RawMessage // the first of those that were sent, without what nobody may read
	size     int               // bytes of kept
	begun    bool              // there was progress
	progress float64           // the furthest
}

// maxKept bounds the notes that a call's record holds, in bytes.
const maxKept = 16 << 10

// Said is what an upstream said during a call, for the record.
type Said struct {
	Sent, Withheld int
	Labels         []string          // that it added to the session, sorted
	Kept           []json.RawMessage // the params of the first that were sent, secrets replaced
}

// Said returns what the upstream has said so far.
func (c *Call) Said() Said {
	n := c.notes
	if n == nil {
		return Said{}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return Said{n.sent, n.withheld, n.labels, n.kept[:len(n.kept):len(n.kept)]}
}

// noted counts a note that is about to be sent, and keeps it if there is room.
func (n *notes) noted(c *Call) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	n.labels = mergeLabels(n.labels, c.Result.Labels)
	if n.size+len(c.Result.Raw) > maxKept {
		return
	}
	if line, err := readable(c); err == nil {
		n.kept = append(n.kept, line)
		n.size += len(line)
	}
}

// advance notes how far a call is; an error if that is no further than before (MCP
// basic/utilities/progress: it must increase).
func (n *notes) advance(params json.RawMessage) error {
	o, err := Split(params)
	if err != nil {
		return err
	}
	raw, _ := o.Get("progress")
	progress, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.begun && progress <= n.progress {
		return Refuse("upstream", UpstreamInvalid, "progress must increase with each notification")
	}
	n.begun, n.progress = true, progress
	return nil
}

// held counts a note that is not sent, and reports whether it is the first.
func (n *notes) held() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.withheld++
	return n.withheld == 1
}

// readable is a result without what nobody may read later.
func readable(c *Call) (json.RawMessage, error) {
	raw := c.Result.Raw
	if c.Result.Original != nil {
		raw = c.Result.Original
	}
	var edits []Edit
	for i := range c.Findings {
		if f := &c.Findings[i]; f.Stage == StageResult && f.Hidden() {
			edits = append(edits, Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[" + f.Rule + "]"})
		}
	}
	for _, place := range c.ResultDecision.Redact {
		edits = append(edits, Edit{Where: place, With: Redacted})
	}
	return Redact(raw, edits)
}

// Tell sends the agent a notification of the gateway's own about a call. What it
// says comes from no tool: no tool's rules and labels are applied to it.
func Tell(ctx context.Context, c *Call, method string, params []byte) error {
	if j, ok := c.Origin.(*judged); ok {
		return j.Origin.Notify(ctx, c, method, params)
	}
	return c.Origin.Notify(ctx, c, method, params)
}
