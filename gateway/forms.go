package gateway

import (
	"encoding/json"
	"sync"
)

// Forms keeps what was made of a definition, so that it is made once: its form
// for a provider's models. The zero value is empty; a nil one keeps nothing. It
// is safe for concurrent use.
type Forms struct{ made sync.Map }

// Of is what was made under a name, or what build returns now. Two callers at
// once may both build it; both get the same.
func (f *Forms) Of(name string, build func() any) any {
	if f == nil {
		return build()
	}
	if v, ok := f.made.Load(name); ok {
		return v
	}
	v, _ := f.made.LoadOrStore(name, build())
	return v
}

// Form is a tool as a provider's models are shown it, which takes a part of JSON
// Schema only.
// Implementations are immutable and safe for concurrent use.
type Form interface {
	// Show is a definition of the tool in this form.
	Show(definition json.RawMessage) json.RawMessage
	// Restore is the arguments of a call as the upstream names them, or a *Refusal.
	Restore(Args) (Args, error)
	// Said is a reason for a refusal in the names that are shown.
	Said(reason string) string
}

// InNames is a refusal of arguments in the names that whoever wrote them was
// shown; form may be nil.
func InNames(form Form, r *Refusal) *Refusal {
	if form == nil || r == nil || r.Code != InvalidArguments {
		return r
	}
	said := *r
	said.Reasons = make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		said.Reasons[i] = form.Said(reason)
	}
	return &said
}
