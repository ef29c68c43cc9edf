package policy

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// What Go answers of a policy is made of three parts: terms, which have a value or
// none; steps (clause.go), the expressions of a body; and bodies, whose steps are gone
// through as OPA goes through them, in the order in which its compiler leaves them,
// once for each way in which they hold:
//
//	some d in dirs; startswith(input.args.path, d)   →   for each d of dirs, if path has it in front
//
// They are made of the rules as OPA's compiler leaves them (translate.go). Where OPA
// would report an error, and wherever it is not plain what it says, the answer is
// unsure, and OPA decides. All that OPA comes to Go comes to as well, so that no
// error is passed over: it may look at more, never at less.

// answering is what is known while one decision is answered.
type answering struct {
	in     map[string]any
	now    time.Time
	slots  []any         // of variables, by number
	kept   []keptValue   // what was found already
	gather []accumulator // of bodies under way, by number
	turn   uint64        // of kept, so that they need not be cleared

	unsure bool // OPA decides
	spent  int  // about 20 ns each
	due    int  // when to look at the clock
	start  time.Time
	limit  time.Duration
}

// accumulator is what the body with its number has given so far. No body is under
// way twice at once, since Rego has no recursion.
type accumulator struct {
	n            int
	value        any
	keys, values []any
}

type keptValue struct {
	v    any
	ok   bool
	turn uint64
}

// between two looks at the clock.
const spending = 4096

// begin makes a ready for another decision.
func (a *answering) begin(in map[string]any, now time.Time, limit time.Duration) {
	a.in, a.now, a.limit, a.unsure, a.spent, a.due, a.start = in, now, limit, false, 0, spending, time.Time{}
	a.turn++
}

// spend reports whether there is an answer to be had yet. An agent chooses how long
// the lists are that rules go through: OPA, which stops in time, is left to it.
func (a *answering) spend(n int) bool {
	if a.spent += n; a.spent > a.due {
		a.due = a.spent + spending
		switch {
		case a.start.IsZero():
			a.start = time.Now()
		case time.Since(a.start) > a.limit/4:
			a.unsure = true
		}
	}
	return !a.unsure
}

// spendOn counts what a function does with a value, by about what it costs for each byte.
func (a *answering) spendOn(v any, each int) {
	if each == costCompared {
		a.spend(weight(v))
		return
	}
	switch v := v.(type) {
	case string:
		a.spend(len(v) * each >> 8)
	case []any:
		a.spend(len(v))
	case setOf:
		a.spend(len(v))
	case map[string]any:
		a.spend(len(v))
	}
}

// state says what there is of a value that a function gives.
type state int

const (
	absent state = iota // undefined
	given
	doubt // OPA decides
)

// term is a part of an expression. Values are those of input, besides [setOf]. ok
// is false where it is undefined, and where a is unsure.
type term interface {
	value(a *answering) (v any, ok bool)
}

// constant is a value that is known at load.
type constant struct{ is any }

func (c *constant) value(*answering) (any, bool) { return c.is, true }

// nothing is undefined, as what data does not have.
type nothing struct{}

func (nothing) value(*answering) (any, bool) { return nil, false }

// variable is what a clause before has bound.
type variable int

func (i variable) value(a *answering) (any, bool) { return a.slots[i], true }

// whole is input.
type whole struct{}

func (whole) value(a *answering) (any, bool) { return a.in, true }

// kept is a term that is the same in all of a decision, and found once.
type kept struct {
	of term
	id int
}

func (k *kept) value(a *answering) (any, bool) {
	m := &a.kept[k.id]
	if m.turn != a.turn {
		v, ok := k.of.value(a)
		*m = keptValue{v, ok, a.turn}
	}
	return m.v, m.ok
}

// part is what stands at a path below a value.
type part struct {
	of   term
	path []hop
}

// hop is a name, a place in a list, or what a term gives.
type hop struct {
	name  string
	place int  // -1 for a name
	key   term // nil if it is known
}

func (m *part) value(a *answering) (any, bool) {
	v, ok := m.of.value(a)
	for i := 0; ok && i < len(m.path); i++ {
		at := &m.path[i]
		if at.key != nil {
			var key any
			if key, ok = at.key.value(a); ok {
				v, ok = a.find(v, key)
			}
			continue
		}
		switch of := v.(type) {
		case map[string]any:
			if ok = at.place < 0; ok {
				v, ok = of[at.name]
			}
		case setOf:
			if at.place < 0 {
				v, ok = a.find(of, at.name)
			} else {
				v, ok = a.find(of, at.place)
			}
		default:
			a.unsure = a.unsure || rank(v) < 0
			v, ok = element(v, at.place)
		}
	}
	return v, ok
}

// element is what a list has at a place.
func element(v any, place int) (any, bool) {
	switch v := v.(type) {
	case []any:
		if 0 <= place && place < len(v) {
			return v[place], true
		}
	case []string:
		if 0 <= place && place < len(v) {
			return v[place], true
		}
	}
	return nil, false
}

// find is v[key]: of a set, key itself if it is one of it.
func (a *answering) find(v, key any) (any, bool) {
	switch of := v.(type) {
	case map[string]any:
		name, isText := key.(string)
		if !isText {
			return nil, false
		}
		v, ok := of[name]
		return v, ok
	case []any, []string:
		if rank(key) != rankNumber {
			return nil, false
		}
		n, ok := integer(key)
		if _, broken := key.(float64); broken {
			a.unsure = true
		}
		if !ok || n > 1<<30 || n < 0 {
			return nil, false
		}
		return element(of, int(n))
	case setOf:
		a.spendOn(key, costCompared)
		yes, sure := isIn(key, of)
		a.unsure = a.unsure || !sure
		return key, yes && sure
	default:
		a.unsure = a.unsure || rank(v) < 0
	}
	return nil, false
}

// listing is an array, or a set, of terms.
type listing struct {
	of  []term
	set bool
}

func (l *listing) value(a *answering) (any, bool) {
	out := make([]any, len(l.of))
	for i, t := range l.of {
		v, ok := t.value(a)
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	if l.set {
		return a.set(out)
	}
	return out, true
}

// set makes a set of values, which it keeps.
func (a *answering) set(values []any) (any, bool) {
	a.spendOn(values, costCompared)
	s, ok := newSet(values)
	a.unsure = a.unsure || !ok
	return s, ok
}

// record is an object of terms with names.
type record struct {
	names []string
	of    []term
}

func (o *record) value(a *answering) (any, bool) {
	out := make(map[string]any, len(o.of))
	for i, t := range o.of {
		v, ok := t.value(a)
		if !ok {
			return nil, false
		}
		out[o.names[i]] = v
	}
	return out, true
}

// equal is `v == w`.
func (a *answering) equal(v, w any) bool {
	if r := rank(v); r >= rankText && r == rank(w) {
		a.spend(weight(v) + weight(w))
	}
	c, ok := order(v, w)
	a.unsure = a.unsure || !ok
	return ok && c == 0
}

// body is expressions that have to hold together.
type body struct {
	steps []clause
	then  taker
}

// taker takes note of each way in which a body holds.
type taker interface{ take(a *answering) }

// from goes on with the clause of a number.
func (b *body) from(a *answering, i int) {
	switch {
	case !a.spend(1):
	case i == len(b.steps):
		b.then.take(a)
	default:
		b.steps[i].run(a, b, i+1)
	}
}

// holds reports whether a body holds that has tallied as what takes note.
func (b *body) holds(a *answering, n tallied) bool {
	a.gather[n].n = 0
	b.from(a, 0)
	return a.gather[n].n > 0 && !a.unsure
}

// tallied counts, in the accumulator of its number.
type tallied int

func (n tallied) take(a *answering) { a.gather[n].n++ }

// timeOf is time.now_ns() in a decision.
type timeOf struct{}

func (timeOf) value(a *answering) (any, bool) {
	return json.Number(strconv.FormatInt(a.now.UnixNano(), 10)), true
}

// valueOf is a value of OPA's in the form that values of input have.
func (a *answering) valueOf(v ast.Value) (any, bool) {
	is, ok := plainValue(v)
	a.unsure = a.unsure || !ok
	return is, ok
}

// newSet sorts values, and drops what is there twice. ok is false if they cannot be
// compared.
func newSet(values []any) (s setOf, ok bool) {
	ok = true
	compare := func(a, b any) int {
		c, known := order(a, b)
		ok = ok && known
		return c
	}
	slices.SortStableFunc(values, compare) // of equal numbers that are written otherwise the first stays
	return setOf(slices.CompactFunc(values, func(a, b any) bool { return compare(a, b) == 0 })), ok
}
