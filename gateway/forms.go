package gateway

import "sync"

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
