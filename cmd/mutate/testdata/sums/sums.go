// Package sums has changes of each kind: noticed, not noticed, and seen by no test.
package sums

const limit = 2 + 3

type meters int

// Within reports whether a sum is at most the limit. Nobody tests the limit itself.
func Within(a, b meters) bool {
	return a+b <= limit
}

// Either has a condition in each place.
func Either(a, b bool, name string) string {
	if !a && (b || name == "") {
		name = "none"
	}
	return "<" + name + ">"
}

// Unseen is called by no test.
func Unseen(n int) int {
	n++
	return n % 7
}
