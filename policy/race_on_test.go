//go:build race

package policy

// pairsUsually is how many random pairs the tests compare: fewer where each
// costs ten times as much.
const pairsUsually = 2_000

// charactersUsually is the step from one character that is tried to the next.
const charactersUsually = 101
