//go:build e2e

package lab

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Kind is a kind of credential: what one looks like. None was ever issued.
type Kind struct{ Name, pattern string }

// Kinds reads kinds of credentials from a file, one a line: a name, a tab, and
// its pattern, in which \w{8} and the like stand for so many random letters of an
// alphabet, and < and > around what is secret of it if that is not all.
func Kinds(t testing.TB, path string) []Kind {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []Kind
	for line := range strings.Lines(string(text)) {
		if name, pattern, ok := strings.Cut(strings.TrimRight(line, "\n"), "\t"); ok && !strings.HasPrefix(line, "#") {
			all = append(all, Kind{name, pattern})
		}
	}
	return all
}

var (
	counted   = regexp.MustCompile(`\\([dhuw])\{(\d+)\}`)
	alphabets = map[string]string{"d": "0123456789", "h": "0123456789abcdef", "u": "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
		"w": "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"}
)

// Make makes a credential that no other call of Make with this source has made:
// what is written of it, and what of that is secret.
func (k Kind) Make(random *rand.Rand) (text, secret string) {
	text = counted.ReplaceAllStringFunc(k.pattern, func(part string) string {
		m := counted.FindStringSubmatch(part)
		n, _ := strconv.Atoi(m[2]) // digits, as the expression says
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabets[m[1]][random.IntN(len(alphabets[m[1]]))]
		}
		if m[1] == "w" && n > 4 { // a password that has no digit is a word
			b[n/2] = "23456789"[random.IntN(8)]
		}
		return string(b)
	})
	before, rest, marked := strings.Cut(text, "<")
	if !marked {
		return text, text
	}
	secret, after, _ := strings.Cut(rest, ">")
	return before + secret + after, secret
}

// Planted remembers what was planted where, and finds it again in anything, in
// whatever form. It is for one goroutine.
type Planted struct{ needles map[string]string } // by their text, all of the same length: what was planted

// needle is how many bytes of a secret are enough to find it, and to be too much.
const needle = 12

// Add remembers a secret under a name.
func (p *Planted) Add(secret, what string) {
	if p.needles == nil {
		p.needles = map[string]string{}
	}
	quoted, _ := json.Marshal(secret) // a string: cannot fail
	reversed := []byte(secret)
	slices.Reverse(reversed)
	for form, text := range map[string]string{
		"as it is": secret, "in JSON": string(quoted[1 : len(quoted)-1]), "reversed": string(reversed), "percent-encoded": url.QueryEscape(secret),
		"in base64": shifted(secret, 0), "in base64, shifted by one": shifted(secret, 1), "in base64, shifted by two": shifted(secret, 2),
	} {
		for _, at := range []int{(len(text) - needle) / 2, len(text) - needle} { // at the beginning others of its kind are alike
			if at < 0 {
				panic(fmt.Sprintf("%s is too short to be found again", what))
			}
			if part := text[at : at+needle]; strings.ContainsFunc(part, func(r rune) bool { return r >= '0' && r <= '9' }) {
				p.needles[part] = what + ", " + form
			}
		}
	}
}

// shifted is base64 of what stands n bytes behind the beginning of a text, without
// the ends, which depend on what stands beside it.
func shifted(secret string, n int) string {
	all := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", n) + secret))
	return all[4 : len(all)-4]
}

// In is what was planted and is in a text, once each, sorted.
func (p *Planted) In(text string) []string {
	var found []string
	for i := 0; i+needle <= len(text); i++ {
		if what, ok := p.needles[text[i:i+needle]]; ok {
			found = append(found, what)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
