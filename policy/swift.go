package policy

import (
	"math"
	"strings"
)

// swift is a function of OPA's that Go answers for the operands that are usual, and OPA
// for all others.
type swift struct {
	run  func(a, b any) (any, state) // doubt for the others
	a, b term                        // b is nil for one operand
	slow *borrowed
}

func (f *swift) value(a *answering) (any, bool) {
	x, ok := f.a.value(a)
	if !ok {
		return nil, false
	}
	a.spendOn(x, costCompared)
	var y any
	if f.b != nil {
		if y, ok = f.b.value(a); !ok {
			return nil, false
		}
		a.spendOn(y, costCompared)
	}
	if v, s := f.run(x, y); s == given {
		return v, !a.unsure
	}
	return f.slow.value(a)
}

// usual are these functions. Integers are exact, sets are sorted.
var usual = map[string]native{
	"plus": whole2(func(m, n int64) (int64, bool) { return m + n, (m+n > m) == (n > 0) }),
	"mul":  whole2(func(m, n int64) (int64, bool) { return m * n, m == int64(int32(m)) && n == int64(int32(n)) }),
	"minus": {operands: 2, run: func(a, b any) (any, state) {
		if _, isSet := a.(setOf); isSet {
			return merged(a, b, func(inA, inB bool) bool { return inA && !inB })
		}
		return whole2(func(m, n int64) (int64, bool) { return m - n, (m-n < m) == (n > 0) }).run(a, b)
	}},
	"and":    {operands: 2, run: func(a, b any) (any, state) { return merged(a, b, func(inA, inB bool) bool { return inA && inB }) }},
	"or":     {operands: 2, run: func(a, b any) (any, state) { return merged(a, b, func(inA, inB bool) bool { return inA || inB }) }},
	"max":    {operands: 1, run: func(v, _ any) (any, state) { return outmost(v, 1) }},
	"min":    {operands: 1, run: func(v, _ any) (any, state) { return outmost(v, -1) }},
	"sum":    {operands: 1, run: sumOf},
	"concat": {operands: 2, run: concat},
}

// whole2 is a function of integers. ok is false where the result is none of Go's.
func whole2(f func(m, n int64) (result int64, ok bool)) native {
	return native{operands: 2, run: func(a, b any) (any, state) {
		m, first := integer(a)
		n, second := integer(b)
		if !first || !second || m == math.MinInt64 || n == math.MinInt64 {
			return nil, doubt
		}
		result, ok := f(m, n)
		if n != 0 && !ok {
			return nil, doubt
		}
		return int(result), given
	}}
}

// merged is of two sets what is to be kept, by where it is. Of two numbers that are
// equal and written otherwise it is that of the smaller set, as OPA has it where both
// are wanted, and else of the first.
func merged(a, b any, keep func(inA, inB bool) bool) (any, state) {
	x, first := a.(setOf)
	y, both := b.(setOf)
	if !first || !both {
		return nil, doubt
	}
	out, second := make(setOf, 0, len(x)), len(y) < len(x) && !keep(true, false)
	for len(x)+len(y) > 0 {
		c, ok := 0, true
		switch {
		case len(x) == 0:
			c = 1
		case len(y) == 0:
			c = -1
		default:
			c, ok = order(x[0], y[0])
		}
		if !ok {
			return nil, doubt
		}
		var e any
		if c >= 0 {
			e, y = y[0], y[1:]
		}
		if c <= 0 {
			if c < 0 || !second {
				e = x[0]
			}
			x = x[1:]
		}
		if keep(c <= 0, c >= 0) {
			out = append(out, e)
		}
	}
	return out, given
}

// outmost is the greatest element, or with a sign of -1 the least; of equal ones the last.
func outmost(v any, sign int) (any, state) {
	n, _ := length(v)
	if r := rank(v); n == 0 || r != rankList && r != rankSet {
		return nil, doubt
	}
	var most any
	first, sure := true, true
	elements(v, func(e any) bool {
		c, ok := 1, true
		if !first {
			c, ok = order(e, most)
			c *= sign
		}
		if sure = ok; c >= 0 {
			most = e
		}
		first = false
		return sure
	})
	return most, sureIf(sure)
}

func sumOf(v any, _ any) (any, state) {
	if r := rank(v); r != rankList && r != rankSet {
		return nil, doubt
	}
	total, sure := int64(0), true
	elements(v, func(e any) bool {
		n, whole := integer(e)
		sure = whole && n == int64(int32(n)) && total < math.MaxInt64/2 && total > math.MinInt64/2
		total += n
		return sure
	})
	return int(total), sureIf(sure)
}

func concat(between, texts any) (any, state) {
	s, isText := between.(string)
	if r := rank(texts); !isText || r != rankList && r != rankSet {
		return nil, doubt
	}
	n, _ := length(texts)
	parts := make([]string, 0, n)
	elements(texts, func(e any) bool {
		text, ok := e.(string)
		parts = append(parts, text)
		isText = ok
		return ok
	})
	if !isText {
		return nil, doubt
	}
	return strings.Join(parts, s), given
}
