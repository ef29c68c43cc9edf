//go:build !race

package policy

// pairsUsually is how many random pairs the tests compare.
const pairsUsually = 20_000

// charactersUsually is the step from one character that is tried to the next.
const charactersUsually = 1
