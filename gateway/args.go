package gateway

import (
	"encoding/json"
	"sync"
)

// Args is a JSON value that passed the strict parser. It is made by
// [Object.Args], [ParseArgs] and [Redact] only, and never changes; copies share
// the bytes. The zero Args is the empty object.
type Args struct{ p *args }

type args struct {
	raw   json.RawMessage
	once  sync.Once
	value any
}

var emptyArgs = &args{raw: json.RawMessage("{}")}

func newArgs(raw json.RawMessage) Args { return Args{&args{raw: raw}} }

// ParseArgs parses one JSON object strictly; see [ParseObject] for what that refuses.
func ParseArgs(raw []byte) (Args, error) {
	if _, err := ParseObject(raw); err != nil {
		return Args{}, err
	}
	return newArgs(raw), nil
}

func (a Args) get() *args {
	if a.p == nil {
		return emptyArgs
	}
	return a.p
}

// Raw is the value as it was written. The caller must not modify it.
func (a Args) Raw() json.RawMessage { return a.get().raw }

// Value is the value decoded into maps, slices, strings, booleans, nil and
// json.Number. It is decoded on first use, once; the caller must not modify it.
func (a Args) Value() any {
	p := a.get()
	p.once.Do(func() { p.value = Decode(p.raw) })
	return p.value
}

// Equal reports whether both are the same bytes.
func (a Args) Equal(b Args) bool {
	return a.get() == b.get() || string(a.Raw()) == string(b.Raw())
}
