package verify

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Problem is one place where the record is not as it was written, or several
// that have the same cause: the first is named, and how many there are.
type Problem struct {
	Seq   int64  `json:"seq"`             // 0: it is about no event
	Last  int64  `json:"last,omitempty"`  // the last event of several
	Count int    `json:"count,omitempty"` // how many, if there are several
	Time  string `json:"time,omitempty"`  // of the event, as it says now
	Agent string `json:"agent,omitempty"` // likewise
	Call  string `json:"call,omitempty"`  // likewise
	What  string `json:"what"`
}

// maxProblems bounds the report on a database that is broken everywhere.
const maxProblems = 100

// problem reports one. Those of a group that is not "" are one problem: of the
// chain only those without a whole event between them.
func (v *verifier) problem(seq int64, group, format string, args ...any) {
	if i, ok := v.grouped[group]; ok && group != "" {
		if p := &v.Problems[i]; group != groupChain || seq <= max(p.Last, p.Seq)+1 {
			p.Last, p.Count = seq, max(p.Count, 1)+1
			return
		}
	}
	if len(v.Problems) >= maxProblems {
		v.Truncated = true
		return
	}
	p := Problem{Seq: seq, What: fmt.Sprintf(format, args...)}
	if v.row != nil && v.row.seq == seq {
		p.Time, p.Agent, p.Call = readable(v.row.column("time_unix_ms")), v.row.column("agent"), v.row.column("call")
	}
	if group != "" {
		v.grouped[group] = len(v.Problems)
	}
	v.Problems = append(v.Problems, p)
}

// Groups of problems that have one cause.
const (
	groupChain   = "chain"
	groupMAC     = "mac"
	groupInside  = "inside"
	groupOutside = "outside"
	groupText    = "text"
	groupShared  = "shared"
	groupOther   = "other text"
	groupExtra   = "text more"
	groupOf      = "of"
)

// areEvents begins a sentence about a range of events.
func areEvents(from, through int64) string {
	if from == through {
		return fmt.Sprintf("event %d is", from)
	}
	return fmt.Sprintf("events %d to %d are", from, through)
}

// readable is a time in milliseconds as people read it, the text itself if it is
// none.
func readable(ms string) string {
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return ms
	}
	return time.UnixMilli(n).UTC().Format(time.RFC3339)
}

// String is the problem as a line for people.
func (p Problem) String() string {
	if p.Seq == 0 {
		return p.What
	}
	var b strings.Builder
	fmt.Fprintf(&b, "event %d", p.Seq)
	if p.Time != "" {
		about := []string{p.Time}
		if p.Agent != "" {
			about = append(about, "agent "+p.Agent)
		}
		if p.Call != "" {
			about = append(about, "call "+p.Call)
		}
		fmt.Fprintf(&b, " (%s)", strings.Join(about, ", "))
	}
	fmt.Fprintf(&b, ": %s", p.What)
	if p.Count > 1 {
		fmt.Fprintf(&b, " (and so at %d more, up to event %d)", p.Count-1, p.Last)
	}
	return b.String()
}

// Proof says of a range of events what proves that they are what was recorded.
type Proof struct {
	From    int64  `json:"from"`
	Through int64  `json:"through"`
	By      string `json:"by"` // outside, mac, signed, chain
	What    string `json:"what"`
}

// prove divides the record by what proves it, up to the first event that is not
// as it was: what comes after one cannot be told from it.
func (v *verifier) prove() {
	from, end := v.First, v.Last
	for _, p := range v.Problems {
		if p.Seq > 0 {
			end = min(end, p.Seq-1)
		}
	}
	var newest claim
	for _, c := range v.held {
		if c.seq <= end && c.seq >= newest.seq {
			newest = c
		}
	}
	signed := v.Pruned
	for _, seq := range v.inDB {
		if seq <= end {
			signed = seq
		}
	}
	part := func(through int64, by, format string, args ...any) {
		if through >= from && from > 0 {
			v.Proof = append(v.Proof, Proof{from, through, by, fmt.Sprintf(format, args...)})
			from = through + 1
		}
	}
	if n := newest; n.seq > 0 {
		part(n.seq, "outside", "a checkpoint of %s outside of the record, in %s: not even who has the gateway's key can have changed them since", n.time, n.file)
	}
	if v.maced {
		part(end, "mac", "the MAC of the gateway's key: who has it could have written them anew, and cut off what came after them")
	}
	part(signed, "signed", "a checkpoint in the record: who has the gateway's key could have written them anew, and anybody cut off what came after them")
	part(end, "chain", "nothing but the chain, which anybody who can write the file could have computed; the key file proves more (--keys)")
	if v.besideOnly {
		v.Notices = append(v.Notices, "the public key was read beside the record: who could write there could have made another record with another key; keep the key elsewhere (--public-key)")
	}
	if v.claims == 0 {
		v.Notices = append(v.Notices, "nothing outside of the record was compared: whether its end was cut off, or all of it replaced by an older copy, cannot be told; keep checkpoints elsewhere (--checkpoints)")
	} else if len(v.opts.Checkpoints) == 0 {
		v.Notices = append(v.Notices, "the checkpoints were read beside the record: who could write there could have cut both; keep them elsewhere (--checkpoints)")
	}
}

// String is the proof as a line for people.
func (p Proof) String() string {
	return fmt.Sprintf("%s proven by %s", areEvents(p.From, p.Through), p.What)
}
