package audit

import (
	"encoding/json"
	"time"

	"toolward/gateway"
)

// tally writes what a call adds to meters and history: with its attempt what it
// adds itself, with its outcome what its result adds, with a refusal what counts
// refusals. Keys are tokens. Values that policy remembers stand beside the event, where
// they can be erased, as "remembered":["o1"].
//
//	"adds":{"at":"2026-11-24T12:00:00Z","meters":[{"name":"refunds","per":"agent","of":"1f…","window":86400000000000,"amount":12.5}]}
func (d *draft) tally(p gateway.Phase, c *gateway.Call) {
	said := c.Adds(p)
	if said == nil {
		return
	}
	noted := &added{At: time.Now().Round(0).UTC()}
	for _, m := range said.Meters {
		if m.Key != "" {
			m.Key = d.recorder.keys.Token(m.Key)
		}
		noted.Meters = append(noted.Meters, m)
	}
	var values []json.RawMessage
	for _, m := range said.Memories {
		shown := d.shown(m.Value)
		d.left.hidden = d.left.hidden || string(shown) != string(m.Value)
		values, m.Value = append(values, shown), nil
		noted.Memories = append(noted.Memories, m)
	}
	d.json("adds", marshal(noted))
	if values != nil {
		d.kept.name("remembered")
		d.kept.b = appendLine(d.kept.b, marshal(values))
		noted.valued(values)
	}
	d.left.tally = (*gateway.Tally)(noted)
}

// valued puts the values that stand beside an event where they are remembered.
func (t *added) valued(values []json.RawMessage) {
	for i := range min(len(values), len(t.Memories)) {
		t.Memories[i].Value = values[i]
	}
}

type added gateway.Tally

// valuesBeside are the values beside an event.
func valuesBeside(beside []byte) (values []json.RawMessage, err error) {
	if len(beside) == 0 {
		return nil, nil
	}
	var kept struct{ Remembered []json.RawMessage }
	err = json.Unmarshal(beside, &kept)
	return kept.Remembered, err
}

// recalled is an entry of the history that policy saw, as a call's event has it: the
// value stands beside the event of the call that left it.
type recalled struct {
	From string    `json:"from"`
	Name string    `json:"name"`
	Tool string    `json:"tool"`
	Time time.Time `json:"time"`
}

// shown is a value without what the record hides.
func (d *draft) shown(value json.RawMessage) json.RawMessage {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return value
	}
	d.look(text)
	if shown := d.scrub(text); shown != text {
		return marshal(shown)
	}
	return value
}

// seen writes what policy saw of meters and history, so that the decision can be
// made again.
func (d *draft) seen(s *gateway.Session) {
	if len(s.Meters) > 0 {
		d.json("meters", marshal(s.Meters))
	}
	if len(s.History) == 0 {
		return
	}
	seen := make([]recalled, len(s.History))
	for i, m := range s.History {
		seen[i] = recalled{m.From, m.Name, m.Tool, m.Time}
	}
	d.json("history", marshal(seen))
}

// Token implements the journal of package state; see [Keys.Token].
func (s *Store) Token(value string) string {
	return s.recorder.keys.Token(value)
}
