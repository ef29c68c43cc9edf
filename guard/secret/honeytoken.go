package secret

import (
	"fmt"
	"strings"

	"toolward/gateway"
	"toolward/guard/literal"
)

const (
	// MinHoneytoken is the fewest letters and digits that a honeytoken may have:
	// fewer would be found by chance.
	MinHoneytoken = 8
	// MaxHoneytoken is the most that one may have.
	MaxHoneytoken = 256
	// MaxHoneytokens bounds the letters and digits of all honeytokens together.
	MaxHoneytokens = 16 << 10
)

// honeypot finds honeytokens by their letters and digits alone, so that case,
// spaces, hyphens, quotes and line ends put between them hide nothing.
type honeypot struct {
	machine *literal.Machine
	lengths []int // letters and digits of each token
}

func newHoneypot(tokens []string) (*honeypot, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	h := &honeypot{}
	var literals []string
	total := 0
	for n, token := range tokens {
		bare := bareLetters(token)
		if len(bare) < MinHoneytoken {
			return nil, fmt.Errorf("honeytoken %d: %d letters and digits, want at least %d", n+1, len(bare), MinHoneytoken)
		}
		if len(bare) > MaxHoneytoken {
			return nil, fmt.Errorf("honeytoken %d: %d letters and digits, want at most %d", n+1, len(bare), MaxHoneytoken)
		}
		total += len(bare)
		literals = append(literals, bare)
		h.lengths = append(h.lengths, len(bare))
	}
	if total > MaxHoneytokens {
		return nil, fmt.Errorf("honeytokens: %d letters and digits in all, want at most %d", total, MaxHoneytokens)
	}
	h.machine = literal.New(literals)
	return h, nil
}

func bareLetters(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if isWordByte(s[i]) {
			b.WriteByte(literal.Fold(s[i]))
		}
	}
	return b.String()
}

func (h *honeypot) scan(dst []gateway.Finding, s string) []gateway.Finding {
	row := 0
	last := -1
	for i := range len(s) {
		if !isWordByte(s[i]) {
			continue
		}
		next, hit := h.machine.Step(row, s[i])
		row = next
		if !hit {
			continue
		}
		start := i + 1
		for left := h.lengths[h.machine.Ends(row)[0]]; left > 0; {
			start--
			if isWordByte(s[start]) {
				left--
			}
		}
		if last >= 0 && start < dst[last].Span[1] { // runs into the one before: one span for both
			dst[last].Span[1] = i + 1
			continue
		}
		last = len(dst)
		dst = append(dst, gateway.Finding{
			Kind: gateway.FindingHoneytoken, Rule: "honeytoken.value", Span: [2]int{start, i + 1},
			Severity: gateway.SeverityHigh, Score: 1, Sample: sample("honeytoken", i+1-start),
		})
	}
	return dst
}
