//go:build !race

package policy

// pairsUsually is how many random pairs the tests compare.
const pairsUsually = 20_000
