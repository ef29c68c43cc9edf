package auth

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// Whatever guesses come before and between, a token that is a good part of a peer's
// failures is told, and never as used more often than it was.
func TestTokensThatAreUsedMost(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var p peerFailures
		times := map[string]int{}
		n, stolen := 200+random.IntN(3000), 1+random.IntN(mostTokens-2)
		for i := range n {
			token := fmt.Sprint("guess ", i)
			if share := random.IntN(100); share < 10*stolen {
				token = fmt.Sprint("stolen ", share/10)
			}
			times[token]++
			p.use(token)
		}
		told := p.most()
		for token, said := range told {
			if said > times[token] {
				t.Fatalf("round %d: %s was used %d times, and %d are told", round, token, times[token], said)
			}
		}
		for s := range stolen {
			token := fmt.Sprint("stolen ", s)
			if missed := times[token] - told[token]; missed > n/maxTokens {
				t.Fatalf("round %d: of %d uses of %s among %d, %d are told", round, times[token], token, n, told[token])
			}
		}
		if len(told) > mostTokens || len(p.tokens) > maxTokens {
			t.Fatalf("round %d: %d told, %d kept", round, len(told), len(p.tokens))
		}
	}
}
