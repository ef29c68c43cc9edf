package secret

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// fill writes a text of the pattern, with n letters where a part may have
// from min to max: min for n 0, and random letters of the alphabet. Samples are made
// so, and not written down, that no scanner takes this file for a leak.
func fill(t *testing.T, random *rand.Rand, text string, long bool) string {
	t.Helper()
	p, err := compile(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, part := range p {
		b.WriteString(part.lit)
		if part.set == nil {
			continue
		}
		n := part.min
		if long {
			n = min(part.max, part.min+20)
		}
		var letters []byte
		for c := range part.set {
			if part.set[c] && c != '=' && c != '.' && c != '~' {
				letters = append(letters, byte(c))
			}
		}
		start := b.Len()
		for range n {
			b.WriteByte(letters[random.IntN(len(letters))])
		}
		// A token does not end in punctuation, nor begin with it.
		filled := []byte(b.String())
		for _, i := range []int{start, len(filled) - 1} {
			if i < len(filled) && !alnum[filled[i]] {
				filled[i] = 'b'
			}
		}
		b.Reset()
		b.Write(filled)
	}
	return b.String()
}

// TestEveryFormatIsFound writes a credential of each form of each rule, short
// and long, where tool traffic has them, and wants exactly that span.
func TestEveryFormatIsFound(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, r := range rules() {
		finds := r.finds
		if finds == nil {
			finds = r.forms
		}
		for _, form := range finds {
			for _, long := range []bool{false, true} {
				for _, around := range [][2]string{{"", ""}, {"It is ", "."}, {`{"a":"`, `"}`}, {`line\n`, `\nline`}, {"x=", "&y=1"}, {"(", ")"}, {"\x1b[32m", "\x1b[0m"}, {"`", "`,"}, {"%3D", "%26"}} {
					token := fill(t, random, form, long)
					text := around[0] + token + around[1]
					found := d.Scan(nil, "", text)
					if len(found) != 1 {
						t.Errorf("%s %q: found %v, want one", r.id, text, found)
						continue
					}
					got := text[found[0].Span[0]:found[0].Span[1]]
					if !strings.Contains(token, got) && !strings.Contains(got, token) || len(got) < len(token)-2 {
						t.Errorf("%s %q: span over %q", r.id, text, got)
					}
					if strings.Contains(found[0].Sample, token[len(token)-6:]) {
						t.Errorf("%s: sample %q shows the secret", r.id, found[0].Sample)
					}
				}
			}
		}
	}
}

// TestNearMissesOfFormatsAreNot covers the misses of each rule, and for each
// form what documentation writes in its place.
func TestNearMissesOfFormatsAreNot(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for _, r := range rules() {
		texts := []string{}
		for _, miss := range r.miss {
			texts = append(texts, fill(t, random, miss, false))
		}
		for _, form := range r.forms {
			p, _ := compile(form)
			var b, c strings.Builder
			for _, part := range p {
				b.WriteString(part.lit)
				b.WriteString(strings.Repeat("x", part.min))
				c.WriteString(part.lit)
				c.WriteString(strings.Repeat("0", part.min))
			}
			texts = append(texts, b.String(), c.String(), p[0].lit+"<YOUR_KEY>", p[0].lit+"...")
		}
		for _, text := range texts {
			for _, f := range d.Scan(nil, "", "see "+text+" there") {
				t.Errorf("%s: %q: found %s", r.id, text, f.Rule)
			}
		}
	}
}

func TestRuleIdsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	forms := map[string]string{}
	for _, r := range rules() {
		if seen[r.id] {
			t.Errorf("two rules %s", r.id)
		}
		seen[r.id] = true
		for _, form := range r.forms {
			if other, ok := forms[form]; ok {
				t.Errorf("%s and %s both have %s", other, r.id, form)
			}
			forms[form] = r.id
		}
	}
}

// TestChecksumRaisesConfidence uses tokens that are made here, with the checksum
// that GitHub and npm put at the end.
func TestChecksumRaisesConfidence(t *testing.T) {
	d, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	for _, prefix := range []string{"ghp_", "gho_", "npm_"} {
		body := fill(t, random, `\w{30}`, false)
		sum := checksum(body)
		right := d.Scan(nil, "", prefix+body+sum)
		wrong := d.Scan(nil, "", prefix+body+"000000")
		if len(right) != 1 || len(wrong) != 1 || right[0].Score <= wrong[0].Score {
			t.Errorf("%s: with the checksum %v, without %v", prefix, right, wrong)
		}
	}
}

// checksum computes the six base62 digits by its own way: long division of the
// CRC, as GitHub describes it.
func checksum(body string) string {
	crc := uint32(0xffffffff)
	for i := range len(body) {
		crc ^= uint32(body[i])
		for range 8 {
			crc = crc>>1 ^ 0xedb88320&-(crc&1)
		}
	}
	n := ^crc
	text := ""
	for range 6 {
		text = fmt.Sprintf("%c%s", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[n%62], text)
		n /= 62
	}
	return text
}

func TestBrokenPatternsAreRefused(t *testing.T) {
	for _, text := range []string{`a\x{3}`, `a\w`, `a\w{`, `a\w{x}`, `a\w{3,y}`} {
		if _, err := compile(text); err == nil {
			t.Errorf("%q: compiled, want an error", text)
		}
	}
}

// TestDocumentationListsEveryRule keeps docs/guard-secrets.md complete.
func TestDocumentationListsEveryRule(t *testing.T) {
	page, err := os.ReadFile("../../docs/guard-secrets.md")
	if err != nil {
		t.Fatal(err)
	}
	forms := 0
	for _, r := range rules() {
		forms += len(r.forms)
		if want := "| `secret." + r.id + "` | " + r.service; !strings.Contains(string(page), want) {
			t.Errorf("docs/guard-secrets.md lacks %q", want)
		}
	}
	if want := fmt.Sprintf("%d rules with %d formats", len(rules()), forms); !strings.Contains(string(page), want) {
		t.Errorf("docs/guard-secrets.md should say %q", want)
	}
}
