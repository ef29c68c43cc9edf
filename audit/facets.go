package audit

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"toolward/gateway"
)

// Whoever looks for calls must not read the whole record. So the writer counts,
// in the transaction that records them, calls that are alike in what people
// filter by: table facets has each combination once, and counts how many calls of
// it there are in each span of [spanSize] events and hour, where the first and the
// last of them stands, and how long they took. A filter is a set of combinations:
// they say in which spans calls of it are, and that there are none where none is,
// also of several conditions at once. What is summed up over long times is read from
// sums over whole spans (sums.go).
//
// All these tables are derived: [Reader.Compare] makes them anew from the events.
const spanSize = 4096

// facet is what calls are counted by. Texts that are NULL in calls are "".
type facet struct {
	agent, server, tool, kind, effect string
	outcome, code                     string // "" while there is no outcome
	mark                              string // a [mark], as JSON
}

// mark is what else calls are found by. Lists are sorted, each entry once.
type mark struct {
	Issuer   string   `json:"issuer,omitempty"`
	Peer     string   `json:"peer,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Labels   []string `json:"labels,omitempty"`   // of the tool, of the session before, and of the result
	Revision string   `json:"revision,omitempty"` // of the policy
	Findings []string `json:"findings,omitempty"` // their kinds
	Rules    []string `json:"rules,omitempty"`    // of findings; of policy as file:line
	Differs  bool     `json:"differs,omitempty"`  // the shadow policy would have decided otherwise
}

// line is the mark as JSON.
func (m *mark) line() string { return string(m.append(nil)) }

// append appends the mark as JSON.
func (m *mark) append(b []byte) []byte {
	for _, list := range [...]*[]string{&m.Roles, &m.Labels, &m.Findings, &m.Rules} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	o := object{b: append(b, '{')}
	o.text("issuer", m.Issuer)
	o.text("peer", m.Peer)
	o.texts("roles", m.Roles)
	o.texts("labels", m.Labels)
	o.text("revision", m.Revision)
	o.texts("findings", m.Findings)
	o.texts("rules", m.Rules)
	o.yes("differs", m.Differs)
	o.close()
	return o.b
}

// reset makes an empty mark, with the space that it has.
func (m *mark) reset() {
	*m = mark{Roles: m.Roles[:0], Labels: m.Labels[:0], Findings: m.Findings[:0], Rules: m.Rules[:0]}
}

// findings takes those of a stage that are recorded.
func (m *mark) findings(all []gateway.Finding, stage gateway.Stage) {
	n := 0
	for i := range all {
		if all[i].Stage != stage {
			continue
		}
		if n++; n > maxFindings {
			return
		}
		m.Findings, m.Rules = append(m.Findings, string(all[i].Kind)), append(m.Rules, all[i].Rule)
	}
}

func (m *mark) decision(d *gateway.Decision, effect gateway.Effect) {
	if m.Revision == "" {
		m.Revision = d.Revision
	}
	for _, r := range d.Rules {
		m.Rules = append(m.Rules, place(r))
	}
	m.Differs = m.Differs || d.Shadow != "" && d.Shadow != effect
}

// place names a policy rule by where it stands: "slack.rego:3".
func place(r gateway.Rule) string {
	if r.File == "" {
		return r.Package + "." + r.Name
	}
	return r.File + ":" + strconv.Itoa(r.Line)
}

// facetOf is outcome, code and mark of what an event is counted by. attempt is the call's first event, and
// the same as e for that one.
func facetOf(attempt, e *Event) (facet, error) {
	first, _, err := readBody(attempt)
	if err != nil {
		return facet{}, err
	}
	f := facet{outcome: e.Outcome, code: e.Code}
	m := mark{Peer: first.who.Peer, Labels: slices.Clone(first.what.Seen)}
	if a := first.who.Agent; a != nil {
		m.Issuer, m.Roles = a.Issuer, a.Roles
	}
	if t := first.what.Tool; t != nil {
		m.Labels = append(m.Labels, t.Labels...)
	}
	m.findings(first.Findings, gateway.StageRequest)
	m.decision(&first.what.Decision, gateway.Effect(attempt.Effect))
	if e.Type == TypeOutcome {
		last, _, err := readBody(e)
		if err != nil {
			return facet{}, err
		}
		m.Labels = append(m.Labels, last.Labels...)
		m.findings(last.Findings, gateway.StageResult)
		m.decision(&last.what.Decision, gateway.Effect(e.Effect))
	}
	f.mark = m.line()
	return f, nil
}

// slot is the bucket of a duration: four to an octave, so that a value is less
// than a fifth below the top of its slot. 0 is no duration.
func slot(us int64) int64 {
	if us <= 0 {
		return 0
	}
	return 1 + int64(math.Ceil(4*math.Log2(float64(us))))
}

// slotTop is the longest duration of a slot, in microseconds.
func slotTop(slot int64) float64 { return math.Exp2(float64(slot-1) / 4) }

// tally is a row of counts.
type tally struct{ span, hour, facet, slot int64 }

type counted struct{ calls, first, last int64 }

// counting is the writer's part. It belongs to the writer's goroutine; what it
// remembers is of its connection, and goes with it.
type counting struct {
	ids    map[facet]int64     // rows of facets
	open   map[string]openCall // calls without an outcome, by ID
	batch  map[tally]counted   // of the open transaction
	rows   map[tally]struct{}  // rows of counts that are there as a rule
	latest [2]int64            // hour and span that are in hours for certain
	apart  map[[2]int64]bool   // hours and spans whose counts are in no sums for certain
}

// openCall is the attempt of a call, and where it is counted.
type openCall struct {
	seq     int64
	attempt *Event // as it is on record; nil of those in memory
	tally   tally
	facet   facet // of which it is
}

func newCounting() counting {
	return counting{ids: map[facet]int64{}, open: map[string]openCall{}, batch: map[tally]counted{}, rows: map[tally]struct{}{}, apart: map[[2]int64]bool{}}
}

// count takes an event that is being written.
func (c *conn) count(e *Event) error {
	switch {
	case e.Call == "":
		return nil
	case e.Type == TypeAttempt, e.Type == TypeRefusal:
		f := facetBy(e, e)
		t, err := c.tallyOf(f, e.Us, e.TimeUnixMs/hourMs, e.Seq)
		if err != nil {
			return err
		}
		c.counting.add(t, e.Seq, 1)
		for _, source := range sources(e) {
			if err := c.do(c.source, source, e.Seq); err != nil {
				return err
			}
		}
		if e.Type == TypeAttempt {
			if len(c.counting.open) >= 1<<16 {
				clear(c.counting.open) // it is only a memory of what is in events
			}
			c.counting.open[e.Call] = openCall{seq: e.Seq, tally: t, facet: f}
		}
		return c.noteHour(t)
	case e.Type == TypeOutcome:
		return c.ended(e)
	}
	return nil
}

// ended counts the outcome of a call in place of its attempt.
func (c *conn) ended(e *Event) error {
	open, held := c.counting.open[e.Call]
	if !held || e.facet == (facet{}) {
		// What the facet was made of may have been erased meanwhile.
		e.facet = facet{}
		var err error
		if open, err = c.onRecord(e.Call); err != nil || open.attempt == nil {
			return err
		}
	}
	delete(c.counting.open, e.Call)
	f := e.facet
	if open.attempt != nil {
		f = facetBy(open.attempt, e)
	} else {
		f.agent, f.server, f.tool, f.kind, f.effect = open.facet.agent, open.facet.server, open.facet.tool, open.facet.kind, open.facet.effect
	}
	t, err := c.tallyOf(f, e.Us, open.tally.hour, open.seq)
	if err != nil {
		return err
	}
	c.counting.add(open.tally, open.seq, -1)
	c.counting.add(t, open.seq, 1)
	return nil
}

// onRecord finds the attempt of a call in the record: another process recorded it,
// or it is forgotten.
func (c *conn) onRecord(call string) (openCall, error) {
	rows, err := c.rows("SELECT "+readColumns+" FROM events WHERE call = ? AND type = ?", call, TypeAttempt)
	if err != nil || len(rows) == 0 {
		return openCall{}, err
	}
	r, err := parseRow(rows[0])
	if err != nil {
		return openCall{}, err
	}
	e := r.Event
	if err := c.used(&e); err != nil {
		return openCall{}, err
	}
	f := facetBy(&e, &e)
	t, err := c.tallyOf(f, e.Us, e.TimeUnixMs/hourMs, e.Seq)
	return openCall{e.Seq, &e, t, f}, err
}

// facetBy is the whole of what a call is counted by after one of its events.
func facetBy(attempt, e *Event) facet {
	f := e.facet
	if f == (facet{}) {
		var err error
		if f, err = facetOf(attempt, e); err != nil {
			f = facet{outcome: e.Outcome, code: e.Code, mark: "{}"} // it cannot be read, and is on record all the same
		}
	}
	f.agent, f.server, f.tool, f.kind, f.effect = attempt.Agent, attempt.Server, attempt.Tool, attempt.Kind, attempt.Effect
	return f
}

// tallyOf is the row that counts a call that began with an event.
func (c *conn) tallyOf(f facet, us, hour, seq int64) (tally, error) {
	id, ok := c.counting.ids[f]
	if !ok {
		var err error
		if id, err = c.facetID(f); err != nil {
			return tally{}, err
		}
		if len(c.counting.ids) >= 1<<14 {
			clear(c.counting.ids) // it is only a memory of what is in the table
		}
		c.counting.ids[f] = id
	}
	return tally{span: seq / spanSize, hour: hour, facet: id, slot: slot(us)}, nil
}

const hourMs = 3600 * 1000

func (c *conn) facetID(f facet) (int64, error) {
	rows, err := c.rows(`INSERT INTO facets (agent, server, tool, kind, effect, outcome, code, mark) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET mark = mark RETURNING id`, f.agent, f.server, f.tool, f.kind, f.effect, f.outcome, f.code, f.mark)
	if err != nil {
		return 0, err
	}
	if len(rows) != 1 {
		return 0, errors.New("facets: no row was returned")
	}
	id, _ := rows[0][0].(int64)
	return id, nil
}

func (c *counting) add(t tally, seq, calls int64) {
	n, ok := c.batch[t]
	if !ok {
		n = counted{first: seq, last: seq}
	}
	c.batch[t] = counted{n.calls + calls, min(n.first, seq), max(n.last, seq)}
}

// noteHour says in which spans calls of an hour are. With a new span, the rows of the
// one before that count no call any more go.
func (c *conn) noteHour(t tally) error {
	at := [2]int64{t.hour, t.span}
	if at == c.counting.latest {
		return nil
	}
	if t.span != c.counting.latest[1] {
		clear(c.counting.rows)
		if err := c.do(c.sweep, t.span-1); err != nil {
			return err
		}
	}
	c.counting.latest = at
	return c.exec("INSERT OR IGNORE INTO hours (hour, span) VALUES (?, ?)", t.hour, t.span)
}

// flush writes what a transaction counted.
func (c *conn) flush() error {
	for t, n := range c.counting.batch {
		if n.calls == 0 {
			continue // begun and ended
		}
		if err := c.keepApart(t.hour, t.span); err != nil {
			return err
		}
		if err := c.put(t, n); err != nil {
			return err
		}
	}
	clear(c.counting.batch)
	return nil
}

// put adds to a row of counts. A row that counts no call any more stays as long as
// calls begin in its span: the next of its kind needs it, and its index, again.
func (c *conn) put(t tally, n counted) error {
	if _, there := c.counting.rows[t]; there {
		changed, err := c.change(c.more, t.span, t.hour, t.facet, t.slot, n.calls, n.first, n.last)
		if err != nil || changed > 0 {
			return err
		}
	}
	err := c.do(c.tally, t.span, t.hour, t.facet, t.slot, n.calls, n.first, n.last)
	switch {
	case err != nil:
	case t.span == c.counting.latest[1]:
		c.counting.rows[t] = struct{}{}
	case n.calls < 0:
		err = c.do(c.empty, t.span, t.hour, t.facet, t.slot) // the last call of it that ran has ended
	}
	return err
}

// sources are the calls whose results an event's arguments copy.
func sources(e *Event) []string {
	if e.facet == (facet{}) {
		var b struct{ Findings []gateway.Finding }
		if json.Unmarshal([]byte(e.Body), &b) != nil {
			return nil
		}
		return sourcesOf(b.Findings)
	}
	return e.sources
}

func sourcesOf(findings []gateway.Finding) (all []string) {
	for i := range findings {
		if from := findings[i].From; from != "" && !slices.Contains(all, from) {
			all = append(all, from)
		}
	}
	return all
}

// used reads what an event has in common with others.
func (c *conn) used(e *Event) error {
	shared, err := c.rows("SELECT digest, text FROM interned WHERE digest IN (?, ?)", e.Who, e.What)
	for _, s := range shared {
		e.Uses = append(e.Uses, &Shared{Digest: s[0].([]byte), Text: Raw(s[1].(string))})
	}
	return err
}

// read takes from a row of calls what its decisions and findings add.
func (m *mark) read(c *Call, read func(Raw, any)) {
	for _, part := range []struct {
		findings, rules Raw
		stage           gateway.Stage
	}{{c.Findings, c.Rules, gateway.StageRequest}, {c.ResultFindings, c.ResultRules, gateway.StageResult}} {
		var findings []gateway.Finding
		var d gateway.Decision
		read(part.findings, &findings)
		read(part.rules, &d.Rules)
		m.findings(findings, part.stage)
		m.decision(&d, "")
	}
	m.Differs = m.Differs || c.ResultShadow != "" && c.ResultShadow != c.ResultEffect
}
