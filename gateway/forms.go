package gateway

import (
	"encoding/json"
	"errors"
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
	// Shown is the name of a property as it is shown.
	Shown(name string) string
}

// Misfit is what is wrong with the arguments of a call. Whoever wrote them may
// know the properties by other names than the upstream does: it can be said in
// those. Values may look like names, so it cannot be translated afterwards.
type Misfit interface {
	error
	// In is the error with each name of a property as shown has it.
	In(shown func(name string) string) string
}

// RefuseArgs refuses arguments because of err, for which context says where it
// comes from: "the arguments do not fit: ".
func RefuseArgs(step, context string, err error) *Refusal {
	r := Refuse(step, InvalidArguments, context+err.Error())
	var m Misfit
	if errors.As(err, &m) {
		r.in = func(shown func(string) string) string { return context + m.In(shown) }
	}
	return r
}

// InNames is a refusal of arguments in the names that whoever wrote them was
// shown; form may be nil.
func InNames(form Form, r *Refusal) *Refusal {
	if form == nil || r == nil || r.in == nil {
		return r
	}
	said := *r
	said.Reasons = []string{r.in(form.Shown)}
	return &said
}
