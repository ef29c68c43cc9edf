package policy

import (
	"reflect"
	"slices"

	"github.com/open-policy-agent/opa/v1/util"
)

// clause is an expression of a body. run goes on with the steps from next on, once for
// each way in which the expression holds, or not at all.
type clause interface {
	run(a *answering, b *body, next int)
}

// test holds if a term is there and not false.
type test struct{ of term }

func (s *test) run(a *answering, b *body, next int) {
	if v, ok := s.of.value(a); ok && v != false {
		b.from(a, next)
	}
}

// there holds if a term is there.
type there struct{ of term }

func (s *there) run(a *answering, b *body, next int) {
	if _, ok := s.of.value(a); ok {
		b.from(a, next)
	}
}

// match holds if a term is there and has the form of a pattern.
type match struct {
	of   term
	like shapeOf
}

func (s *match) run(a *answering, b *body, next int) {
	if v, ok := s.of.value(a); ok && s.like.fits(a, v) {
		b.from(a, next)
	}
}

// shapeOf is what a value is unified with.
type shapeOf interface {
	fits(a *answering, v any) bool
}

// bind makes the value that of a variable.
type bind int

func (i bind) fits(a *answering, v any) bool {
	a.slots[i] = v
	return true
}

// same is a value of its own.
type same struct{ as term }

func (s *same) fits(a *answering, v any) bool {
	w, ok := s.as.value(a)
	return ok && a.equal(v, w)
}

// listOf is `[x, "b"]`.
type listOf []shapeOf

func (s listOf) fits(a *answering, v any) bool {
	if rank(v) != rankList {
		return false
	}
	if n, _ := length(v); n != len(s) {
		return false
	}
	for i := range s {
		if e, ok := element(v, i); !ok || !s[i].fits(a, e) {
			return false
		}
	}
	return true
}

// recordOf is `{"a": x}`.
type recordOf struct {
	names []string
	of    []shapeOf
}

func (s *recordOf) fits(a *answering, v any) bool {
	o, ok := v.(map[string]any)
	if !ok || len(o) != len(s.names) {
		return false
	}
	for i, name := range s.names {
		if e, ok := o[name]; !ok || !s.of[i].fits(a, e) {
			return false
		}
	}
	return true
}

// each goes through what a value has, in OPA's order.
type each struct {
	of   term
	key  int // the variable for the name or place; -1 if none wants it
	elem int // and for what is there
}

func (s *each) run(a *answering, b *body, next int) {
	v, ok := s.of.value(a)
	if !ok {
		return
	}
	a.members(v, s.key >= 0, func(key, e any) bool {
		if s.key >= 0 {
			a.slots[s.key] = key
		}
		a.slots[s.elem] = e
		b.from(a, next)
		return true
	})
}

// members calls f with each name or place and what is there, until f says no. Of a
// set both are the element.
func (a *answering) members(v any, keys bool, f func(key, e any) bool) {
	place := func(i int) any {
		if keys {
			return i
		}
		return nil
	}
	switch v := v.(type) {
	case []any:
		for i := 0; i < len(v) && a.spend(1) && f(place(i), v[i]); i++ {
		}
	case []string:
		for i := 0; i < len(v) && a.spend(1) && f(place(i), v[i]); i++ {
		}
	case setOf:
		for i := 0; i < len(v) && a.spend(1) && f(v[i], v[i]); i++ {
		}
	case map[string]any:
		a.spend(len(v)) // they are sorted, and perhaps one is looked at
		for _, name := range util.KeysSorted(v) {
			if !a.spend(1) || !f(name, v[name]) {
				return
			}
		}
	default:
		a.unsure = a.unsure || rank(v) < 0
	}
}

// negation holds if its body does not.
type negation struct {
	of *body
	n  tallied
}

func (s *negation) run(a *answering, b *body, next int) {
	if !s.of.holds(a, s.n) {
		b.from(a, next)
	}
}

// every holds if its body does for each element.
type every struct {
	in   term
	key  int
	elem int
	of   *body
	n    tallied
}

func (s *every) run(a *answering, b *body, next int) {
	v, ok := s.in.value(a)
	if r := rank(v); !ok || r < rankList {
		a.unsure = a.unsure || r < 0
		return
	}
	all := true
	a.members(v, true, func(key, e any) bool {
		a.slots[s.key], a.slots[s.elem] = key, e
		all = s.of.holds(a, s.n)
		return all
	})
	if all && !a.unsure {
		b.from(a, next)
	}
}

// walks goes through a value and all that is in it, as walk does.
type walks struct {
	of      term
	paths   bool // whether like wants them
	like    shapeOf
	element shapeOf // of [_, like], like; else nil
}

func (s *walks) run(a *answering, b *body, next int) {
	v, ok := s.of.value(a)
	if !ok {
		return
	}
	var visit func(path []any, v any)
	visit = func(path []any, v any) {
		var at any
		if s.paths {
			at = slices.Clone(path)
			if path == nil {
				at = []any{}
			}
		}
		if s.element != nil && s.element.fits(a, v) || s.element == nil && s.like.fits(a, []any{at, v}) {
			b.from(a, next)
		}
		a.members(v, s.paths, func(key, e any) bool {
			if !s.paths {
				visit(nil, e)
			} else {
				visit(append(path, key), e)
			}
			return true
		})
	}
	visit(nil, v)
}

// collection is a comprehension.
type collection struct {
	of   *body
	key  term // of an object
	head term
	n    int
	kind int // rank of what it makes
}

// take is part of taker.
func (c *collection) take(a *answering) {
	v, ok := c.head.value(a)
	if !ok {
		return
	}
	acc := &a.gather[c.n]
	if c.key != nil {
		key, ok := c.key.value(a)
		if !ok {
			return
		}
		acc.keys = append(acc.keys, key)
	}
	acc.values = append(acc.values, v)
}

func (c *collection) value(a *answering) (any, bool) {
	acc := &a.gather[c.n]
	acc.keys, acc.values = nil, []any{}
	c.of.from(a, 0)
	if a.unsure {
		return nil, false
	}
	values := acc.values
	switch c.kind {
	case rankSet:
		return a.set(values)
	case rankObject:
		return a.object(acc.keys, values)
	}
	return values, true
}

// object makes one of names and values. Two values of one name are a conflict, which
// OPA reports; of two numbers that are equal and written otherwise it keeps one or the
// other, by where they come from.
func (a *answering) object(keys, values []any) (any, bool) {
	out := make(map[string]any, len(keys))
	for i, key := range keys {
		name, isText := key.(string)
		if before, twice := out[name]; !isText || twice && !reflect.DeepEqual(before, values[i]) {
			a.unsure = true
			return nil, false
		}
		out[name] = values[i]
	}
	return out, !a.unsure
}
