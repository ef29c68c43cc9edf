// Package pii finds personal data that has a form: payment cards, IBANs,
// identity numbers of some fifty countries, telephone numbers, e-mail addresses,
// postal addresses, and dates of birth, passports and the like where words beside
// them say what they are. It does not find names: without a language model
// they are noise.
//
// Numbers are everywhere in tool traffic, so a number alone is never enough. A
// rule needs a checksum that random digits pass once in a thousand, or a layout
// of separators that only it has, or a word before it that names it ("NHS no.",
// "cpf,", "steuer_id"); most need two of the three. Words that name something else
// ("order", "SKU", "timestamp") take a finding without such a word back.
//
// The scan is one pass that stops at digits and at signs only, reads a bounded
// window there, and allocates nothing on text without findings. Identity numbers
// are checked by the published rules of each country; the table in national.go
// names them.
package pii

import (
	"fmt"
	"math/bits"

	"toolward/gateway"
)

// Options configures a [Detector]. The zero value is the default.
type Options struct {
	// IP reports IP addresses of the public internet as well. Logs are full of them.
	IP bool
}

// Detector finds personal data. It is immutable and safe for concurrent use.
type Detector struct {
	layouts layoutTrie
	words   *vocabulary
	byWidth [maxWord + 1][]int // word rules by length
	forms   forms
	ip      bool
}

// New compiles the detector.
func New(options Options) *Detector {
	d := &Detector{layouts: newLayoutTrie(numberRules), words: newVocabulary(topicWords()), ip: options.IP}
	for i := range wordRules {
		n := len(wordRules[i].form)
		d.byWidth[n] = append(d.byWidth[n], i)
		d.forms.add(i, wordRules[i].form)
	}
	d.forms.add(len(wordRules), ibanForm)
	return d
}

// stops are the bytes where something may be found.
var stops = func() (set [256]bool) {
	for c := '0'; c <= '9'; c++ {
		set[c] = true
	}
	set['@'] = true
	return set
}()

// Scan appends to dst the personal data in s, ordered by place and not
// overlapping. key is the name of the field whose value s is, or a JSON pointer
// to it, or ""; it counts as a word before the value. Kind, Rule, Span, Severity,
// Score (the confidence, 0 to 1) and Sample of each finding are set.
func (d *Detector) Scan(dst []gateway.Finding, key, s string) []gateway.Finding {
	first := nextStop(s, 0)
	if first == len(s) {
		return dst
	}
	t := text{d: d, s: s, name: key}
	base := len(dst)
	for i := first; i < len(s); i = nextStop(s, i) {
		var m match
		var next int
		if s[i] == '@' {
			m, next = t.email(i)
		} else {
			m, next = d.number(&t, i)
		}
		if m.rule != "" {
			if n := len(dst); n > base && m.start < dst[n-1].Span[1] {
				m.start = dst[n-1].Span[1]
			}
			if m.start < m.end {
				dst = append(dst, m.finding())
				next = max(next, m.end)
			}
		}
		i = max(next, i+1)
	}
	return dst
}

// nextStop is the place of the first byte from i on that something is read at, len(s)
// if there is none. Eight bytes are looked at together: those from 0x30 to 0x40 are
// the digits, six signs, and the at sign.
func nextStop(s string, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		t := s[i : i+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 | uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56 // one load
		low := x &^ high
		hits := (low + (0x80-0x30)*each) &^ (low + (0x80-0x41)*each) &^ x & high // no byte carries into the next
		for ; hits != 0; hits &= hits - 1 {
			if at := i + bits.TrailingZeros64(hits)/8; stops[s[at]] {
				return at
			}
		}
	}
	for i < len(s) && !stops[s[i]] {
		i++
	}
	return i
}

// text is a string under scan.
type text struct {
	d     *Detector
	s     string
	name  string // of its field …
	key   topics // … and what it says …
	named bool   // … once that is known

	words reader
}

// match is what a rule found; rule is "" for nothing.
type match struct {
	rule       string
	start, end int
	severity   gateway.Severity
	score      float64
}

func (m match) finding() gateway.Finding {
	return gateway.Finding{
		Kind: gateway.FindingPII, Rule: "pii." + m.rule, Span: [2]int{m.start, m.end},
		Severity: m.severity, Score: m.score, Sample: fmt.Sprintf("%s… (%d bytes)", m.rule, m.end-m.start),
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c|0x20-'a' < 26 }

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}
