package policy

import (
	"context"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// application is a function of functions.go with its operands.
type application struct {
	run  func(a, b any) (any, state)
	a, b term // b is nil for one operand
	each int  // what it costs for a byte of a text, in 1/256 of what is spent

	member bool // the first is held against all that the second has
}

func (f *application) value(a *answering) (v any, ok bool) {
	x, ok := f.a.value(a)
	if !ok {
		return nil, false
	}
	a.spendOn(x, f.each)
	var y any
	if f.b != nil {
		if y, ok = f.b.value(a); !ok {
			return nil, false
		}
		a.spendOn(y, f.each)
		if n, _ := length(y); f.member && rank(x) >= rankList {
			a.spend(n*weight(x) + weight(y))
		}
	}
	v, s := f.run(x, y)
	a.unsure = a.unsure || s == doubt
	return v, s == given && !a.unsure
}

// narrowed is a yes or no that is no wherever the first is.
type narrowed struct{ first, then term }

func (n *narrowed) value(a *answering) (any, bool) {
	if v, ok := n.first.value(a); !ok || v == false {
		return v, ok
	}
	return n.then.value(a)
}

// What functions cost for a byte of a text, in 1/256 of 20 ns. Of those that compare all
// that a value has counts, which may be deep.
const (
	costText     = 4
	costPattern  = 512
	costCompared = -1
)

// borrowed is a function of OPA's, which is handed values of its own.
type borrowed struct {
	run      topdown.BuiltinFunc
	operands []term
}

// lent are OPA's functions that are asked so: what they give depends on their operands
// and the time of the call alone, and they are soon done. The others that have no twin
// in functions.go are asked by OPA itself; so is json.marshal, which is handed what is
// not read yet as Go's, and writes its numbers otherwise.
var lent = strings.Fields(`
plus minus mul div rem round ceil floor abs bits.or bits.and bits.negate bits.xor bits.rsh
and or intersection union sum product max min sort array.concat array.slice array.reverse to_number
regex.match regex.is_valid regex.find_n regex.find_all_string_submatch_n regex.replace regex.split
strings.any_prefix_match strings.any_suffix_match concat format_int indexof indexof_n substring strings.count replace strings.replace_n strings.reverse
sprintf internal.template_string internal.member_3 type_name units.parse units.parse_bytes
json.filter json.remove json.unmarshal json.is_valid object.union object.remove object.filter object.keys object.subset object.get
base64.encode base64.decode base64.is_valid base64url.encode base64url.encode_no_pad base64url.decode urlquery.decode urlquery.encode urlquery.decode_object
uri.parse uri.is_valid hex.encode hex.decode yaml.unmarshal yaml.is_valid semver.compare semver.is_valid uuid.parse
io.jwt.decode io.jwt.verify_rs256 io.jwt.verify_ps256 io.jwt.verify_es256 io.jwt.verify_hs256 io.jwt.decode_verify
time.parse_ns time.parse_rfc3339_ns time.parse_duration_ns time.format time.date time.clock time.weekday time.add_date time.diff
crypto.md5 crypto.sha1 crypto.sha256 crypto.hmac.sha256 crypto.hmac.equal
glob.match glob.quote_meta net.cidr_contains net.cidr_intersects net.cidr_contains_matches net.cidr_is_valid`)

// uncancelled never cancels; what is lent does not ask for long.
var uncancelled = topdown.NewCancel()

func (f *borrowed) value(a *answering) (any, bool) {
	operands := make([]*ast.Term, len(f.operands))
	for i, t := range f.operands {
		v, ok := t.value(a)
		if !ok {
			return nil, false
		}
		is, err := regoValue(v)
		if a.spendOn(v, costPattern); err != nil || !a.spend(32+4*weight(v)) {
			a.unsure = true
			return nil, false
		}
		operands[i] = ast.NewTerm(is)
	}
	given := topdown.BuiltinContext{
		Context: context.Background(), Metrics: metrics.NoOp(), Cancel: uncancelled,
		Time: ast.NewTerm(ast.Number(strconv.FormatInt(a.now.UnixNano(), 10))),
	}
	var v any
	there := false
	err := f.run(given, operands, func(t *ast.Term) error {
		v, there = a.valueOf(t.Value)
		return nil
	})
	a.unsure = a.unsure || err != nil
	return v, there && !a.unsure
}

// getting is object.get(of, key, otherwise), where key may be a path. It leaves alone
// what OPA would have to be handed whole.
type getting struct{ of, key, otherwise term }

func (l *getting) value(a *answering) (any, bool) {
	v, ok := l.of.value(a)
	if !ok {
		return nil, false
	}
	key, ok := l.key.value(a)
	if !ok {
		return nil, false
	}
	instead, ok := l.otherwise.value(a)
	if !ok {
		return nil, false
	}
	if rank(v) != rankObject {
		a.unsure = true
		return nil, false
	}
	if rank(key) != rankList {
		v, ok = a.find(v, key)
	} else {
		n, _ := length(key)
		for i := 0; ok && i < n; i++ {
			at, _ := element(key, i)
			v, ok = a.find(v, at)
		}
	}
	if !ok {
		v = instead
	}
	return v, !a.unsure
}

// verdict is a rule's value: of rules with one name, and no arguments.
type verdict struct {
	branches  []*branch
	otherwise term // of the default; nil if there is none
	n         int
	kind      int // rankSet or rankObject for partial rules, else 0
}

// branch is a rule with what follows it by else.
type branch struct {
	of   *body
	or   *branch
	key  term // of a partial object
	head term
	n    int
	kind int
}

// take is part of taker.
func (r *branch) take(a *answering) {
	v, ok := r.head.value(a)
	if !ok {
		return
	}
	acc := &a.gather[r.n]
	acc.n++
	switch {
	case r.kind == rankSet:
		acc.values = append(acc.values, v)
	case r.kind == rankObject:
		if key, ok := r.key.value(a); ok {
			acc.keys, acc.values = append(acc.keys, key), append(acc.values, v)
		}
	case acc.n > 1 && !a.equal(acc.value, v):
		a.unsure = true // a conflict, which OPA reports
	default:
		acc.value = v
	}
}

func (r *verdict) value(a *answering) (any, bool) {
	acc := &a.gather[r.n]
	acc.n, acc.value, acc.keys, acc.values = 0, nil, nil, nil
	for _, b := range r.branches {
		for before := acc.n; b != nil && acc.n == before && !a.unsure; b = b.or {
			b.of.from(a, 0)
		}
	}
	values := acc.values
	switch {
	case a.unsure:
		return nil, false
	case r.kind == rankSet:
		return a.set(values)
	case r.kind == rankObject:
		return a.object(acc.keys, values)
	case acc.n > 0:
		return acc.value, true
	case r.otherwise != nil:
		return r.otherwise.value(a)
	}
	return nil, false
}

// own is a function that rules define, with its operands.
type own struct {
	of       *defined
	operands []term
}

// defined is rules with arguments.
type defined struct {
	verdict
	params int // the first of its variables
	arity  int
}

// maxOperands is how many a function of one's own may have to be answered in Go.
const maxOperands = 8

func (f *own) value(a *answering) (any, bool) {
	var operands [maxOperands]any // before any of them is handed on, which another may ask this function for
	for i, t := range f.operands {
		v, ok := t.value(a)
		if !ok {
			return nil, false
		}
		operands[i] = v
	}
	copy(a.slots[f.of.params:], operands[:len(f.operands)])
	return f.of.value(a)
}
