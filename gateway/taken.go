package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// redactArgs makes what is sent: the arguments, without what policy wants taken out,
// and with what the agent may carry put back. Of what an upstream asks, guard takes out
// as of a result.
func (r *Road) redactArgs(c *Call) (Args, error) {
	// Of two edits of the same whole value the first holds, and nothing is put back into what is
	// taken out.
	edits := append(r.editsFor(c, c.Findings, StageRequest, c.Decision.Redact), c.restores()...)
	if len(edits) == 0 {
		return c.Args, nil
	}
	raw, err := Redact(c.Args.Raw(), edits)
	if err != nil {
		return Args{}, err
	}
	if raw[0] != '{' {
		raw = json.RawMessage("{}") // the whole of the arguments was redacted
	}
	if len(c.Restored) > 0 {
		if _, err := ParseObject(raw); err != nil {
			return Args{}, restoreFailed(err)
		}
	}
	sent := newArgs(raw)
	if !c.unfit {
		return sent, nil
	}
	if sent, err = c.Tool.Check(sent); err != nil {
		return Args{}, restoreFailed(err)
	}
	return sent, nil
}

// apart are the edits that touch none of the others.
func apart(edits, others []Edit) []Edit {
	if len(edits) == 0 || len(others) == 0 {
		return edits
	}
	at := map[string][]Edit{}
	for _, o := range others {
		at[o.Where] = append(at[o.Where], o)
	}
	return slices.DeleteFunc(edits, func(e Edit) bool {
		touches := func(o Edit) bool {
			return o.Key == e.Key && (o.Span == [2]int{} || e.Span == [2]int{} || o.Span[0] < e.Span[1] && e.Span[0] < o.Span[1])
		}
		if slices.ContainsFunc(at[e.Where], touches) {
			return true
		}
		for where := e.Where; where != ""; {
			where = where[:strings.LastIndexByte(where, '/')]
			if slices.ContainsFunc(at[where], func(o Edit) bool { return !o.Key && o.Span == [2]int{} }) {
				return true
			}
		}
		return false
	})
}

// redactResult rewrites the result where guard and policy want something taken out.
func (r *Road) redactResult(c *Call, findings []Finding) error {
	edits := r.editsFor(c, findings, StageResult, c.ResultDecision.Redact)
	if len(edits) == 0 {
		return nil
	}
	raw, err := Redact(c.Result.Bytes(), edits)
	if err != nil {
		return err
	}
	if raw[0] != '{' {
		return fmt.Errorf("the whole result was to be redacted")
	}
	redacted := *c.Result
	redacted.Original = c.Result.Bytes()
	if redacted.Error != nil {
		redacted.Error = raw
	} else {
		redacted.Raw = raw
	}
	c.Result = &redacted
	return nil
}

// editsFor are the edits of one half of a call. What policy takes out is gone; what
// guard takes out of what an agent is shown, the agent may carry. Policy's come
// first: of two about the same whole value the first holds.
func (r *Road) editsFor(c *Call, findings []Finding, stage Stage, places []string) []Edit {
	var edits []Edit
	for _, p := range places {
		edits = append(edits, Edit{Where: p, With: Redacted})
	}
	if !c.shown(stage) {
		return edits
	}
	for i := range findings {
		if f := &findings[i]; f.Stage == stage && f.Action.TakesOut() {
			edits = append(edits, Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: Placeholder(f.Rule, ""),
				Keep: r.keeps(c, Kept{Kind: f.Kind, Rule: f.Rule, Steady: f.Action == ActionTokenize})})
		}
	}
	if len(places) > 0 && c.Agent != nil {
		r.Vault.Mask(c.Agent, c.Tool.Server)
	}
	return append(edits, r.lookalikes(c, stage, edits)...)
}

// keeps makes what keeps a value that is taken out of what an agent is shown.
func (r *Road) keeps(c *Call, v Kept) func(string, bool) string {
	if c.Agent == nil {
		return nil
	}
	return func(text string, json bool) string {
		v.Server, v.Origin, v.Call, v.Text, v.JSON = c.Tool.Server, c.Tool.Upstream, c.ID, text, json
		return r.Vault.Keep(c.Agent, v)
	}
}

// inQuestion reports whether a place in a result is of what the upstream asks in it, which
// was judged as a call of its own: what stands there for a value is the gateway's.
//
//	/inputRequests/who/params/message
func inQuestion(where string) bool {
	rest, ok := strings.CutPrefix(where, "/inputRequests/")
	_, rest, _ = strings.Cut(rest, "/")
	return ok && strings.HasPrefix(rest, "params/")
}

// lookalikes are the edits for what an upstream wrote that an agent, or the gateway
// itself when it comes back, could take for a placeholder.
func (r *Road) lookalikes(c *Call, stage Stage, others []Edit) []Edit {
	raw := c.Args.Raw()
	if stage == StageResult {
		raw = c.Result.Bytes()
	}
	keep := r.keeps(c, Kept{Kind: FindingHidden, Rule: RuleLookalike})
	if keep == nil || indexRedacted(raw) < 0 && !escapesPlaceholder(raw) {
		return nil
	}
	known := r.known(c.Agent)
	if known == nil {
		known = func(string) bool { return false } // read it all the same
	}
	asked := false
	if stage == StageResult {
		_, asked = asks(c)
	}
	var edits []Edit
	for _, m := range readMarks(raw, known) {
		if asked && inQuestion(m.where) {
			continue
		}
		edits = append(edits, Edit{Where: m.where, Key: m.key, Span: m.span, Keep: keep})
	}
	return apart(edits, others)
}
