package gateway

import (
	"encoding/json"
	"fmt"
	"slices"
)

// What agents send beside the arguments (_meta, task, answers to questions)
// reaches upstreams too, and is judged like them: guard scans it, policy sees it
// as input.call.meta, .task and .answers, the approver is shown it, a consent is
// bound to it, and the record holds it.

// maxBeside bounds _meta and task, in bytes each. Answers to questions are bounded
// by the body alone, as arguments are.
const maxBeside = 64 << 10

// The members that [Call.Extra] can hold.
const (
	MemberMeta    = "_meta"          // MCP basic/index, _meta
	MemberTask    = "task"           // MCP 2025-11-25 basic/utilities/tasks
	MemberAnswers = "inputResponses" // MCP 2026-07-28 basic/patterns/mrtr
)

// Beside returns a member of Extra, nil if there is none.
func (c *Call) Beside(name string) json.RawMessage {
	for i := range c.Extra {
		if c.Extra[i].Name == name {
			return c.Extra[i].Value
		}
	}
	return nil
}

// CheckBeside refuses members that are too large to be anything but a way
// around the arguments.
func CheckBeside(extra []Member) error {
	for _, m := range extra {
		if m.Name != MemberAnswers && len(m.Value) > maxBeside {
			return Refuse("surface", TooLarge, fmt.Sprintf("%q is larger than %d bytes", m.Name, maxBeside))
		}
	}
	return nil
}

// traceMembers are the members of _meta that differ each time the same call is
// sent (W3C Trace Context and Baggage, MCP SEP-414).
var traceMembers = []string{"traceparent", "tracestate", "baggage"}

// untraced is extra without trace context. A call that waits for a person is
// bound to all that is sent with it, and is sent again by agents that do not wait:
// it would be another call each time. So it goes out without.
func untraced(extra []Member) []Member {
	at := slices.IndexFunc(extra, func(m Member) bool { return m.Name == MemberMeta })
	if at < 0 {
		return extra
	}
	meta, err := Split(extra[at].Value)
	if err != nil {
		return extra
	}
	rest := meta.Without(traceMembers...)
	if len(rest) == len(meta.Members()) {
		return extra
	}
	extra = slices.Clone(extra)
	extra[at].Value = JoinMembers(rest)
	return extra
}

// Sort splits the members into the arguments, what stands beside them, and the
// names of all others. The arguments are an object that has [Object.Raw] only if
// nothing else was there.
func (o Object) Sort(args, beside []string) (Object, []Member, []string) {
	var sorted Object
	var extra []Member
	var others []string
	for _, m := range o.members {
		switch {
		case slices.Contains(args, m.Name):
			sorted.members = append(sorted.members, m)
		case slices.Contains(beside, m.Name):
			extra = append(extra, m)
		default:
			others = append(others, m.Name)
		}
	}
	if len(sorted.members) == len(o.members) {
		return o, nil, nil
	}
	return sorted, extra, others
}

// Only is the object with the named members and no others.
func (o Object) Only(names ...string) json.RawMessage {
	kept, _, _ := o.Sort(names, nil)
	if len(kept.members) == len(o.members) && o.raw != nil {
		return o.raw
	}
	return JoinMembers(kept.members)
}

// maxDropped bounds the names that are kept of what was dropped. The record clips
// them, once it has taken out what they hide.
const maxDropped = 16

// Drop notes, for the record, members that the surface left out because nobody
// would judge them.
func (c *Call) Drop(names ...string) {
	for _, name := range names {
		if len(c.Dropped) == maxDropped {
			return
		}
		c.Dropped = append(c.Dropped, name)
	}
}
