package secret

import "slices"

// NewWithout returns a detector that lacks the formats with the given rule ids,
// to see what the general detectors make of them.
func NewWithout(ids ...string) (*Detector, error) {
	return newDetector(Options{}, slices.DeleteFunc(rules(), func(r rule) bool {
		return slices.Contains(ids, "secret."+r.id)
	}))
}
