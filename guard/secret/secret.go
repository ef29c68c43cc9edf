// Package secret finds credentials in text: keys of some 350 formats,
// private keys, JSON Web Tokens, URLs and connection strings with a password,
// Authorization headers, passwords that people write, unknown tokens beside words
// that announce them, and honeytokens of the operator's choosing.
//
// # How it works
//
// One look for all literals ([literal.Finder]) finds places
// where something may stand; a hand-written matcher then reads a bounded window
// there. A second pass strides over the text in steps of the shortest token and
// stops only inside long runs, where a table of byte-pair frequencies
// tells random tokens from words and the words before tell what they are. Nothing
// is allocated on text without findings, and work is linear in the length of the
// text whatever it holds: every window is bounded.
//
// The runs are also decoded, as base64 and hex, at every alignment, and what is
// text in them is read in turn.
//
// A token ends where its own alphabet ends, not at a quote or a space: tool
// traffic is prose and JSON, and punctuation touches keys.
//
// # Why not a library
//
// Gitleaks' rules were weighed both as a library and as data. As a library they
// cost 10 to 50 times the time budget (Go regular expressions over the whole
// text) and bring a dependency tree as large as the gateway's. As data they
// expect source code: a quote, space or line end after the key, so that about a
// third of well-formed keys in prose and JSON slip by, and they have no rule for database
// URIs, Bearer headers outside curl, or human passwords. The formats here were
// written anew from the providers' documentation, as entries with samples.
//
// # What it does not do
//
// It does not undo escapes and invisible characters: guard/decode/normal does so first. It
// does not put together what was cut to pieces, set apart, or turned into other
// letters: nobody writes credentials so but to hide them, and what hides them so has
// further ways.
// It does not ask a provider whether a key is live. A
// credential that is an ordinary word, or a random string that nothing announces,
// is not found.
package secret

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"toolward/gateway"
	"toolward/guard/decode/reading"
	"toolward/guard/literal"
)

// Options configures a [Detector]. The zero value detects credentials only.
type Options struct {
	// Honeytokens are values that must never appear. They are also found in another
	// case and with separators put in or taken out. Each needs at least
	// [MinHoneytoken] letters and digits and may have [MaxHoneytoken]; all together
	// may have [MaxHoneytokens].
	Honeytokens []string
}

// Detector finds credentials. It is immutable and safe for concurrent use.
type Detector struct {
	rules    []rule
	literals *literal.Finder
	triggers [][]trigger    // by literal
	short    [256][]trigger // by the first byte of literals that stand everywhere: they are looked for in long runs only
	words    *vocabulary
	fillers  *literal.Machine // placeholderWords
	suffixes *literal.Machine
	keepers  *literal.Machine
	honey    *honeypot  // nil without honeytokens
	pool     *sync.Pool // of *encoded
	hits     *sync.Pool // of *[]literal.Hit
}

// trigger is what to do where a literal stands.
type trigger struct {
	scan   scanner
	rule   int     // for formats
	form   pattern // for formats
	anchor int     // for formats: the form's part that is the literal
	length int     // of the literal
}

// scanner says how to read on where a literal stands.
type scanner int

const (
	formScanner scanner = iota
	passwordScanner
	shortSecretScanner
	urlScanner
	goDSNScanner
	bearerScanner
	basicScanner
	jwtScanner
	pemScanner
	puttyScanner
	phraseScanner
	commandScanner
)

// readOn reads on from the literal of t at s[start:end] and appends what it finds.
func (c *scan) readOn(dst []gateway.Finding, t *trigger, s string, start, end int) []gateway.Finding {
	switch t.scan {
	case passwordScanner:
		return c.scanPassword(dst, s, start, end)
	case shortSecretScanner:
		return c.scanShortSecret(dst, s, start, end)
	case urlScanner:
		return c.scanURL(dst, s, start, end)
	case goDSNScanner:
		return c.scanGoDSN(dst, s, start)
	case bearerScanner:
		return c.scanBearer(dst, s, end)
	case basicScanner:
		return scanBasic(dst, s, end)
	case jwtScanner:
		return scanJWT(dst, s, start, end)
	case pemScanner:
		return c.scanPEM(dst, s, start, end)
	case puttyScanner:
		return scanPuTTY(dst, s, start)
	case phraseScanner:
		return scanPhrase(dst, s, end)
	case commandScanner:
		return c.scanCommand(dst, s, start, end)
	}
	return c.scanForm(dst, t, s, start, end)
}

// scan is the state of one call of Scan.
type scan struct {
	*Detector
	key  string
	runs runs

	depth   int // encodings that s was in
	decoded int // where the part of s ends that was decoded
	whole   int // bytes of the text that Scan was given …
	work    int // … and those that were decoded from it
}

// New compiles the detector. It fails on honeytokens that are too short, or too
// many.
func New(options Options) (*Detector, error) {
	return newDetector(options, rules())
}

func newDetector(options Options, rules []rule) (*Detector, error) {
	d := &Detector{rules: rules, words: newVocabulary(), fillers: literal.New(placeholderWords), suffixes: literal.New(suffixes), keepers: literal.New(keepers),
		pool: &sync.Pool{New: func() any { return &encoded{x: reading.Expander{Mostly: true}} }}, hits: &sync.Pool{New: func() any { return new([]literal.Hit) }}}
	byLiteral := map[string][]trigger{}
	add := func(text string, t trigger) {
		t.length = len(text)
		folded := foldString(text)
		byLiteral[folded] = append(byLiteral[folded], t)
	}
	for n, r := range d.rules {
		for _, text := range r.forms {
			form, err := compile(text)
			if err != nil {
				return nil, fmt.Errorf("rule %s: %w", r.id, err)
			}
			anchor := 0
			if form[0].set != nil {
				anchor = 1
			}
			t := trigger{rule: n, form: form, anchor: anchor, length: len(form[anchor].lit)}
			if lit := form[anchor].lit; t.length < minLiteral {
				d.short[lit[0]] = append(d.short[lit[0]], t)
				continue
			}
			add(form[anchor].lit, t)
		}
	}
	for text, scan := range scanners() {
		add(text, trigger{scan: scan})
	}
	texts := slices.Sorted(maps.Keys(byLiteral))
	d.literals = literal.NewFinder(texts)
	for _, text := range texts {
		d.triggers = append(d.triggers, byLiteral[text])
	}
	var err error
	d.honey, err = newHoneypot(options.Honeytokens)
	return d, err
}

// Scan appends to dst the credentials and honeytokens in s, ordered by place and
// not overlapping, except that a honeytoken may stand over a credential. key is
// the name of the field whose value s is, or a JSON pointer to it (RFC 6901), or
// "" where there is none. Kind, Rule, Span, Severity, Score (the confidence, 0 to
// 1) and Sample of each finding are set.
func (d *Detector) Scan(dst []gateway.Finding, key, s string) []gateway.Finding {
	c := scan{Detector: d, key: d.words.field(key), whole: len(s)}
	dst = c.read(dst, s)
	if d.honey != nil {
		dst = d.honey.scan(dst, s)
	}
	return dst
}

// maxPooled is the most hits that memory is kept for.
const maxPooled = 32 << 10

// read appends the credentials in s, ordered by place and not overlapping.
func (c *scan) read(dst []gateway.Finding, s string) []gateway.Finding {
	base := len(dst)
	hits := c.hits.Get().(*[]literal.Hit) // of its own at every depth
	*hits = c.literals.Find(s, (*hits)[:0])
	for _, hit := range *hits {
		end := int(hit.End)
		for k := range c.triggers[hit.Literal] {
			t := &c.triggers[hit.Literal][k]
			dst = c.readOn(dst, t, s, end-t.length, end)
		}
	}
	if cap(*hits) <= maxPooled {
		c.hits.Put(hits)
	}
	dst = c.scanField(dst, s)
	dst = c.scanTokens(dst, s)
	return dst[:base+settle(dst[base:])]
}

// settle orders findings by place and keeps the most certain of those that
// overlap, the longer one when equal. It returns how many are left.
func settle(found []gateway.Finding) int {
	if len(found) < 2 {
		return len(found)
	}
	slices.SortStableFunc(found, func(a, b gateway.Finding) int {
		return cmp.Or(cmp.Compare(a.Span[0], b.Span[0]), cmp.Compare(b.Span[1], a.Span[1]))
	})
	n := 0
	for _, f := range found[1:] {
		last := &found[n]
		if f.Span[0] >= last.Span[1] {
			n++
			found[n] = f
			continue
		}
		// What is redacted must cover both.
		end := max(last.Span[1], f.Span[1])
		start := last.Span[0]
		if f.Score > last.Score {
			*last = f
		}
		last.Span = [2]int{start, end}
	}
	return n + 1
}

// minLiteral is the fewest bytes of a literal that is looked for everywhere.
const minLiteral = 3

// scanShort looks in the run s[a:b], and behind it, for the literals that are too
// short to be looked for everywhere: all their formats have a long run.
//
//	\h{32}-\h{8}-\h{8}    \w{24}.\k{6}.\k{27}
func (c *scan) scanShort(dst []gateway.Finding, s string, a, b int) []gateway.Finding {
	for i := a; i <= b && i < len(s); i++ {
		for k := range c.short[s[i]] {
			if t := &c.short[s[i]][k]; strings.HasPrefix(s[i:], t.form[t.anchor].lit) {
				dst = c.scanForm(dst, t, s, i, i+t.length)
			}
		}
	}
	return dst
}

// scanForm matches a credential format whose literal stands at s[start:end].
func (c *scan) scanForm(dst []gateway.Finding, t *trigger, s string, start, end int) []gateway.Finding {
	if s[start:end] != t.form[t.anchor].lit {
		return dst // another case
	}
	if t.anchor == 1 {
		lead := t.form[0]
		for n := 0; n < lead.max && start > 0 && lead.set[s[start-1]]; n++ {
			start--
		}
		if start+lead.min > end-t.length {
			return dst
		}
	}
	if !startsToken(s, start) {
		return dst
	}
	stop := t.form.match(&c.runs, s, start)
	if stop < 0 {
		return dst
	}
	for s[stop-1] == '.' || s[stop-1] == '-' { // the sentence's, not the token's
		stop--
	}
	r := &c.rules[t.rule]
	token, score := s[start:stop], formScore
	body := s[end:stop]
	if t.anchor == 1 {
		body = token
	}
	if c.isPlaceholder(body) {
		return dst
	}
	if r.verify != nil {
		if score = r.verify(token); score == 0 {
			return dst
		}
	}
	prefix := token[:end-start]
	if t.anchor == 1 {
		prefix = ""
	}
	return append(dst, finding("secret."+r.id, r.severity(), score, start, stop, prefix))
}

// finding describes s[start:end]; shown is the part of it that is no secret.
func finding(id string, severity gateway.Severity, score float64, start, end int, shown string) gateway.Finding {
	return gateway.Finding{
		Kind:     gateway.FindingSecret,
		Rule:     id,
		Span:     [2]int{start, end},
		Severity: severity,
		Score:    score,
		Sample:   sample(shown, end-start),
	}
}

// sample is what a person sees of a credential: its fixed prefix and its length.
func sample(shown string, length int) string {
	if len(shown) > 40 {
		shown = shown[:40]
	}
	return fmt.Sprintf("%s… (%d bytes)", shown, length)
}

func foldString(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = literal.Fold(b[i])
	}
	return string(b)
}
