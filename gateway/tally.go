package gateway

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Adds is what a call adds for good with the event of a phase, nil if nothing: with
// its attempt what was asked adds, with its outcome what came back, and once policy,
// guard or a person has refused it, or its result was withheld, what counts denials.
func (c *Call) Adds(p Phase) *Tally {
	if len(c.Tally.Meters)+len(c.Tally.Memories)+len(c.ResultTally.Meters)+len(c.ResultTally.Memories) == 0 {
		return nil
	}
	denied := c.Refusal != nil && slices.Contains(denials, c.Refusal.Code)
	var adds Tally
	take := func(said *Tally, asked bool) {
		for _, m := range said.Meters {
			if !m.Looks && !m.Running && (m.Denied && denied || !m.Denied && asked) {
				adds.Meters = append(adds.Meters, m)
			}
		}
		if asked {
			adds.Memories = append(adds.Memories, said.Memories...)
		}
	}
	switch p {
	case PhaseAttempt:
		denied = false
		take(&c.Tally, true)
	case PhaseRefusal:
		take(&c.Tally, false)
	case PhaseOutcome:
		take(&c.Tally, false)
		take(&c.ResultTally, true)
	}
	if len(adds.Meters) == 0 && len(adds.Memories) == 0 {
		return nil
	}
	return &adds
}

// denials are the codes of calls that somebody decided against.
var denials = []Code{PolicyDenied, GuardBlocked, ApprovalDenied, Withheld}

// MeterPer says for whom a meter counts.
type MeterPer string

// What meters count for. A token session is what labels are kept by.
const (
	PerAgent   MeterPer = "agent"
	PerSession MeterPer = "session"
	PerTool    MeterPer = "tool"
	PerAll     MeterPer = "all"
)

// Tally is what policy says that a call adds to meters and to history.
type Tally struct {
	Revision string    `json:"-"`                  // of the policy that said so
	Meters   []Meter   `json:"meters,omitempty"`   // with those that are only looked at
	Memories []Memory  `json:"memories,omitempty"` //
	May      bool      `json:"-"`                  // rules on the result may add to the history too
	At       time.Time `json:"at,omitzero"`        // written by the record: when it counts from
}

// Meter is one meter's part in a call.
type Meter struct {
	Name   string        `json:"name"`
	Per    MeterPer      `json:"per"`
	Of     string        `json:"of,omitempty"`  // whose it is: an agent's [Agent.PrincipalID], a session, a tool's wire name; "" for all
	Key    string        `json:"key,omitempty"` // of a counter of its own, beside that of all keys; a token in the record
	Window time.Duration `json:"window"`
	Amount Amount        `json:"amount"`
	Denied bool          `json:"denied,omitempty"` // it counts calls that are refused or withheld, not those that are made
	Looks  bool          `json:"-"`                // the call adds nothing; it is asked about all the same
	// Running says that it counts calls under way: reserved like others, given back when
	// the call is over, and never on record. It has no window.
	Running bool `json:"-"`
	Keys    bool `json:"-"` // rules read how many keys it has
}

// Used is what a meter had counted within its window when a call began, calls in
// progress among it, and what the call itself adds.
type Used struct {
	Name   string `json:"name"`
	Count  int    `json:"count"`
	Sum    Amount `json:"sum"`
	Amount Amount `json:"amount"`
	Keys   int    `json:"keys,omitempty"` // that have counted something, where rules read it
}

// Memory is one entry of a session's history: what policy wants to know again.
type Memory struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value,omitempty"` // a string, number, boolean or null; null too once it was erased
	Gone  bool            `json:"gone,omitempty"`  // written by state: the value was erased, and is null
	From  string          `json:"from,omitempty"`  // written by state: the call that left it, "/a" or "/o" for its attempt or outcome, and the place among what that left
	Tool  string          `json:"tool"`            // wire name
	For   time.Duration   `json:"for"`             // how long it is to be known, as policy said
	Time  time.Time       `json:"time,omitzero"`   // written by state: when the call was attempted
	Until time.Time       `json:"until,omitzero"`  // written by state
}

// Counter is what one meter counted within its window for one of those that it
// counts for, for people.
type Counter struct {
	Name    string    `json:"name"`
	Per     MeterPer  `json:"per"`
	Of      string    `json:"of,omitempty"`    // [Meter.Of]
	Agent   string    `json:"agent,omitempty"` // whose it is, if it is an agent's or a session's
	Issuer  string    `json:"issuer,omitempty"`
	Key     string    `json:"key,omitempty"`    // its token; "others" of those that have no counter of their own
	Window  string    `json:"window,omitempty"` // "24h0m0s"; "" while nothing is on record
	Count   int       `json:"count"`
	Sum     Amount    `json:"sum"`
	Running int       `json:"running,omitempty"` // of Count: calls that are under way
	Oldest  time.Time `json:"oldest,omitzero"`   // entry that counts
	Until   time.Time `json:"until,omitzero"`    // when the youngest stops counting
}

// MeterOf says which counters are meant. Empty members mean any.
type MeterOf struct {
	Name    string `json:"name,omitempty"`
	Agent   string `json:"agent,omitempty"` // its ID: its own and its sessions' counters
	Issuer  string `json:"issuer,omitempty"`
	Session string `json:"session,omitempty"`
	Tool    string `json:"tool,omitempty"` // wire name
	Key     string `json:"key,omitempty"`  // as policy gave it, or its token
}

// ErrNoMeter is returned where no counter is meant.
var ErrNoMeter = errors.New("no meter has counted anything of the kind")
