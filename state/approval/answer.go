package approval

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"toolward/gateway"
)

// pending is the answer when nobody decided in time.
func (r *Room) pending(a gateway.Approval) *gateway.Refusal {
	refusal := gateway.Refuse("approval", gateway.ApprovalPending, fmt.Sprintf(
		"a person has to approve this call, and has not yet (approval %s, until %s); send exactly the same call again once it is approved", a.ID, a.Expires.UTC().Format(time.RFC3339)))
	refusal.Reasons = append(refusal.Reasons, a.Reasons...)
	refusal.Approval = a.ID
	refusal.RetryAfter = 15 * time.Second
	refusal.Remedy = "decide it with `toolward approvals approve " + a.ID + "` or `toolward approvals deny " + a.ID + "`"
	return refusal
}

func denied(a gateway.Approval) *gateway.Refusal {
	reason := "a person denied this call"
	if a.Note != "" {
		reason += ": " + a.Note
	}
	refusal := gateway.Refuse("approval", gateway.ApprovalDenied, reason).Because(fmt.Errorf("denied by %s", a.By))
	refusal.Approval = a.ID
	return refusal
}

// shown is the arguments, what is sent beside them, and the policy's reasons as
// the person who decides may see them: without what guard found to be secret and
// what policy redacts. The call itself is bound to the whole.
func shown(c *gateway.Call) (args, with json.RawMessage, reasons []string) {
	var edits, besides []gateway.Edit
	var hidden []string
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Stage != gateway.StageRequest || !f.Hidden() {
			continue
		}
		edit := gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[" + f.Rule + "]"}
		text := ""
		if f.Beside {
			besides = append(besides, edit)
			text = f.Text(gateway.Decode(beside(c)))
		} else {
			edits = append(edits, edit)
			text = f.Text(c.Args.Value())
		}
		if text != "" {
			hidden = append(hidden, text, edit.With)
		}
	}
	for _, place := range c.Decision.Redact {
		edits = append(edits, gateway.Edit{Where: place, With: gateway.Redacted})
	}
	reasons = make([]string, len(c.Decision.Reasons))
	scrub := strings.NewReplacer(hidden...)
	for i, reason := range c.Decision.Reasons {
		reasons[i] = scrub.Replace(reason)
	}
	return redacted(c.Args.Raw(), edits), redacted(beside(c), besides), reasons
}

// redacted is a value without the edited places. Where that cannot be made,
// showing nothing is safe: the person can still look at the record.
func redacted(raw json.RawMessage, edits []gateway.Edit) json.RawMessage {
	out, err := gateway.Redact(raw, edits)
	if err != nil {
		return json.RawMessage(`"it could not be redacted and is not shown"`)
	}
	return out
}

// teller sends progress to an agent that asked for it (MCP 2025-11-25
// basic/utilities/progress), so that its client does not give up on the call.
// The nil teller is for those who did not ask.
type teller struct {
	ctx    context.Context
	call   *gateway.Call
	token  json.RawMessage
	total  time.Duration
	start  time.Time
	ticker *time.Ticker
	told   bool
}

func newTeller(ctx context.Context, c *gateway.Call, total time.Duration) *teller {
	token := progressToken(c)
	if token == nil || c.Origin == nil {
		return nil
	}
	return &teller{ctx: ctx, call: c, token: token, total: total, start: time.Now(), ticker: time.NewTicker(progress)}
}

func (t *teller) stop() {
	if t != nil {
		t.ticker.Stop()
	}
}

// due fires when it is time to tell again.
func (t *teller) due() <-chan time.Time {
	if t == nil {
		return nil
	}
	return t.ticker.C
}

// first tells at once, and does nothing when called again.
func (t *teller) first(id string) {
	if t != nil && !t.told {
		t.tell(id)
	}
}

// tell sends how long the call has waited. An agent that cannot be reached is
// noticed by the call's context, so the error says nothing new.
func (t *teller) tell(id string) {
	t.told = true
	params, err := json.Marshal(map[string]any{
		"progressToken": t.token, "progress": int(time.Since(t.start).Seconds()), "total": int(t.total.Seconds()),
		"message": "waiting for a person to approve this call (approval " + id + ")",
	})
	if err == nil {
		_ = gateway.Tell(t.ctx, t.call, "notifications/progress", params)
	}
}

// progressToken is the token as the agent wrote it: a string or a number.
func progressToken(c *gateway.Call) json.RawMessage {
	meta, err := gateway.Split(c.Beside(gateway.MemberMeta))
	if err != nil {
		return nil
	}
	token, _ := meta.Get("progressToken")
	return token
}
