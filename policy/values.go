package policy

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// setOf is a set among values that otherwise are those of input: sorted, each once.
type setOf []any

// plainValue is a constant in the form that values of input have. ok is false if
// it has none: an object with other keys than texts.
func plainValue(v ast.Value) (is any, ok bool) {
	ok = true
	list := func(t *ast.Term) any {
		x, known := plainValue(t.Value)
		ok = ok && known
		return x
	}
	switch v := v.(type) {
	case ast.Null:
		return nil, true
	case ast.Boolean:
		return bool(v), true
	case ast.Number:
		return json.Number(v), true
	case ast.String:
		return string(v), true
	case *ast.Array:
		out := make([]any, 0, v.Len())
		v.Foreach(func(t *ast.Term) { out = append(out, list(t)) })
		return out, ok
	case ast.Set:
		out := make(setOf, 0, v.Len())
		v.Foreach(func(t *ast.Term) { out = append(out, list(t)) })
		return out, ok
	case ast.Object:
		out := make(map[string]any, v.Len())
		v.Foreach(func(key, t *ast.Term) {
			name, isText := key.Value.(ast.String)
			ok = ok && isText
			out[string(name)] = list(t)
		})
		return out, ok
	}
	return nil, false
}

// regoValue is the reverse of plainValue.
func regoValue(v any) (ast.Value, error) {
	switch v := v.(type) {
	case setOf:
		terms, err := regoTerms(v)
		return ast.NewSet(terms...), err
	case []any:
		terms, err := regoTerms(v)
		return ast.NewArray(terms...), err
	case map[string]any:
		out := ast.NewObject()
		for name, member := range v {
			value, err := regoValue(member)
			if err != nil {
				return nil, err
			}
			out.Insert(ast.StringTerm(name), ast.NewTerm(value))
		}
		return out, nil
	}
	return ast.InterfaceToValue(v)
}

func regoTerms(list []any) ([]*ast.Term, error) {
	terms := make([]*ast.Term, len(list))
	for i := range list {
		v, err := regoValue(list[i])
		if err != nil {
			return nil, err
		}
		terms[i] = ast.NewTerm(v)
	}
	return terms, nil
}

// order compares two values as OPA orders them, where null is before false, and
// then come numbers, texts, lists, objects and sets.
func order(a, b any) (c int, ok bool) {
	switch x := a.(type) {
	case string:
		if y, same := b.(string); same {
			return strings.Compare(x, y), true
		}
	case json.Number, int, float64:
		if m, whole := integer(a); whole {
			if n, whole := integer(b); whole {
				return cmp.Compare(m, n), true
			}
		}
	}
	i, j := rank(a), rank(b)
	switch {
	case i < 0 || j < 0:
		return 0, false
	case i != j:
		return cmp.Compare(i, j), true
	case i < rankNumber:
		return 0, true
	case i == rankNumber && !(finite(a) && finite(b)):
		return 0, false // that they are equal does not say that a set has one of them for the other
	case i == rankList:
		return orderLists(a, b)
	case i == rankObject:
		return orderObjects(a.(map[string]any), b.(map[string]any))
	case i == rankSet:
		return orderLists([]any(a.(setOf)), []any(b.(setOf)))
	}
	v, err := regoValue(a)
	if err != nil {
		return 0, false
	}
	w, err := regoValue(b)
	if err != nil {
		return 0, false
	}
	return ast.Compare(v, w), true
}

// orderLists compares element by element; what begins another is before it.
func orderLists(a, b any) (c int, ok bool) {
	n, _ := length(a)
	m, _ := length(b)
	for i := range min(n, m) {
		x, _ := element(a, i)
		y, _ := element(b, i)
		if c, ok := order(x, y); c != 0 || !ok {
			return c, ok
		}
	}
	return cmp.Compare(n, m), true
}

// orderObjects compares name by name, and what is there; what begins another is before it.
func orderObjects(a, b map[string]any) (c int, ok bool) {
	x, y := util.KeysSorted(a), util.KeysSorted(b)
	for i := range min(len(x), len(y)) {
		if c := strings.Compare(x[i], y[i]); c != 0 {
			return c, true
		}
		if c, ok := order(a[x[i]], b[y[i]]); c != 0 || !ok {
			return c, ok
		}
	}
	return cmp.Compare(len(x), len(y)), true
}

// finite reports whether a number is one of 64 bits. OPA looks for others in its sets by
// how they are written.
func finite(v any) bool {
	n, isText := v.(json.Number)
	if !isText {
		return true
	}
	_, err := strconv.ParseFloat(string(n), 64)
	return err == nil
}

// Ranks of kinds of values, in OPA's order.
const (
	rankNull = iota
	rankFalse
	rankTrue
	rankNumber
	rankText
	rankList
	rankObject
	rankSet
)

// weight is about how many parts a value has, long texts being several.
func weight(v any) (n int) {
	n = 1
	switch v := v.(type) {
	case string:
		n += len(v) >> 6
	case map[string]any:
		for _, e := range v {
			n += weight(e)
		}
	case []any:
		for i := range v {
			n += weight(v[i])
		}
	case setOf:
		for i := range v {
			n += weight(v[i])
		}
	}
	return n
}

// rank is that of a value, -1 of what input never has.
func rank(v any) int {
	switch v := v.(type) {
	case nil:
		return rankNull
	case bool:
		if v {
			return rankTrue
		}
		return rankFalse
	case int, float64, json.Number:
		return rankNumber
	case string:
		return rankText
	case []any, []string:
		return rankList
	case map[string]any:
		return rankObject
	case setOf:
		return rankSet
	}
	return -1
}

func integer(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case json.Number:
		n, err := strconv.ParseInt(string(v), 10, 64)
		return n, err == nil
	}
	return 0, false
}

// elements calls f with what `some x in v` goes through, until f says no.
func elements(v any, f func(any) bool) {
	switch v := v.(type) {
	case []any:
		for i := range v {
			if !f(v[i]) {
				return
			}
		}
	case setOf:
		for i := range v {
			if !f(v[i]) {
				return
			}
		}
	case []string:
		for i := range v {
			if !f(v[i]) {
				return
			}
		}
	case map[string]any:
		for _, member := range v {
			if !f(member) {
				return
			}
		}
	}
}

// isIn is `x in of`.
func isIn(x, of any) (yes, ok bool) {
	ok = rank(of) >= 0
	if set, sorted := of.(setOf); sorted {
		_, yes = slices.BinarySearchFunc(set, x, func(e, x any) int {
			c, known := order(e, x)
			ok = ok && known
			return c
		})
		return yes && ok, ok
	}
	elements(of, func(e any) bool {
		c, known := order(x, e)
		yes, ok = known && c == 0, ok && known
		return !yes && ok
	})
	return yes, ok
}

// length is count(v). ok is false for what has none.
func length(v any) (n int, ok bool) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), true
	case []any:
		return len(v), true
	case []string:
		return len(v), true
	case map[string]any:
		return len(v), true
	case setOf:
		return len(v), true
	}
	return 0, false
}
