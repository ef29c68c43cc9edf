package audit

import (
	"encoding/json"
	"time"

	"toolward/gateway"
)

// tally writes what a call adds to meters and history: with its attempt what it
// adds itself, with its outcome what its result adds, with a refusal what counts
// refusals. Keys are tokens.
//
//	"adds":{"at":"2026-11-24T12:00:00Z","meters":[{"name":"refunds","per":"agent","of":"1f…","window":86400000000000,"amount":12.5}]}
func (d *draft) tally(p gateway.Phase, c *gateway.Call) {
	said := c.Adds(p)
	if said == nil {
		return
	}
	noted := &gateway.Tally{At: time.Now().Round(0).UTC()}
	for _, m := range said.Meters {
		if m.Key != "" {
			m.Key = d.recorder.keys.Token(m.Key)
		}
		noted.Meters = append(noted.Meters, m)
	}
	for _, m := range said.Memories {
		shown := d.shown(m.Value)
		d.left.hidden = d.left.hidden || string(shown) != string(m.Value)
		m.Value = shown
		noted.Memories = append(noted.Memories, m)
	}
	d.left.tally = noted
	d.json("adds", marshal(noted))
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
	shown := make([]gateway.Memory, len(s.History))
	for i, m := range s.History {
		m.Value = d.shown(m.Value)
		shown[i] = m
	}
	d.json("history", marshal(shown))
}

// Token implements the journal of package state; see [Keys.Token].
func (s *Store) Token(value string) string {
	return s.recorder.keys.Token(value)
}
