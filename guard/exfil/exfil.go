// Package exfil recognises data on its way out: text in the query, path,
// fragment or host name of a URL, Markdown and HTML images that carry data to
// whoever serves them, commands that upload files, and text that was encoded
// or enciphered before it was put into an argument.
//
// It judges the shape of a single text. Whether the data is somebody's secret
// it cannot know: that is what guard/provenance and guard/secret are for. Most
// findings are therefore for policy to weigh, together with the labels of the
// tool and the session. What everyday URLs hold is passed over: search words,
// addresses, titles, OAuth state, signatures, tokens, hashes, badges.
//
// What an agent sends is also read as commands of a shell, line by line, without
// expanding anything: ways to send files and output (curl, scp, nc, /dev/tcp, git
// push, …) with what they send. Their severity says how much it means. Low, under a
// score of a half, is what developers do all day; medium is output by a way that
// is rarely ordinary work; high is keys, histories and environments.
//
// Text sent in plain words outside a URL ("As discussed: …") looks like any
// other text and is not found here.
package exfil

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"toolward/gateway"
	"toolward/guard/decode/reading"
	"toolward/guard/decode/sieve"
	"toolward/guard/literal"
)

// Detector finds data on its way out. It is safe for concurrent use.
type Detector struct {
	pool     sync.Pool
	hints    []string
	commands *literal.Finder // finds them
}

// New makes a Detector.
func New() *Detector {
	texts := slices.Sorted(maps.Keys(hints))
	return &Detector{
		pool:     sync.Pool{New: func() any { return &scan{x: reading.Expander{Mostly: true}} }},
		hints:    texts,
		commands: literal.NewFinder(texts),
	}
}

// Rules that findings name.
const (
	RuleImage     = "exfil.image"        // an image's URL carries text
	RuleTemplate  = "exfil.template"     // a URL has a place to be filled with data
	RuleURL       = "exfil.url"          // another URL carries text
	RuleEncoded   = "exfil.url-encoded"  // a URL carries text that was encoded
	RuleHost      = "exfil.host"         // a host name carries data, for whoever answers its DNS queries
	RuleUpload    = "exfil.upload"       // a command sends a file or another command's output
	RuleRemote    = "exfil.remote"       // a repository is pushed to, or given, another place
	RuleMessage   = "exfil.message"      // data in a header, a commit message, a subject, the name of a branch or file
	RuleDrop      = "exfil.drop"         // a URL of a service that keeps what anybody sends it
	RuleEncipher  = "exfil.encoded-text" // an argument is readable only after decoding
	RuleDataURI   = "exfil.data-uri"     // a data: URI holds encoded text
	RuleTruncated = "exfil.truncated"    // encoded so often over that not all of it was read
)

// Text is what to scan.
type Text struct {
	Text string
	Name string // of the member whose value it is, "" if there is none
	Sent bool   // it is sent by an agent, not returned to it

	Blocks []sieve.Block // what [sieve.Read] says of the text; nil has it read
	Cipher string        // that most of it can be read under, as guard/decode/normal has it
}

// Scan appends the findings in a text to dst, ordered by place. Kind, Rule,
// Span, Severity, Score (a confidence, 0 to 1), Via and Sample are set.
func (d *Detector) Scan(dst []gateway.Finding, t Text) []gateway.Finding {
	if len(t.Text) < minPayload {
		return dst
	}
	s := d.pool.Get().(*scan)
	if len(t.Text) <= maxPooled {
		defer d.pool.Put(s)
	}
	s.text, s.t, s.out, s.links = t.Text, t, dst, s.links[:0]
	s.spent, s.truncated, s.reference = 0, false, 0
	from := len(dst)
	s.urls()
	if t.Sent {
		if d.hasCommand(t.Text) {
			s.commands()
		}
		s.member()
		s.enciphered()
	}
	out := s.out
	s.text, s.out, s.t, s.worst, s.remotes, s.next, s.variables = "", nil, Text{}, nil, nil, nil, nil
	clear(s.pipe[:cap(s.pipe)])
	slices.SortStableFunc(out[from:], func(a, b gateway.Finding) int { return cmp.Compare(a.Span[0], b.Span[0]) })
	return out
}

// maxPooled is the longest text whose buffers are used again.
const maxPooled = 256 << 10

// minPayload is the fewest bytes that are worth hiding somewhere.
const minPayload = 12

// scan is the state of one Scan.
type scan struct {
	t     Text
	text  string
	out   []gateway.Finding
	links []link // its URLs, in order
	x     reading.Expander
	buf   []byte

	blocks []sieve.Block // of what is beside the links

	pipe      []command       // the pipeline that is read …
	next      []command       // … and what of it follows the command that is judged
	worst     map[string]sent // of each rule, of what commands do
	remotes   []string        // names that were given to repositories
	variables map[string]variable

	spent     int  // bytes decoded
	truncated bool // that not all was decoded, and it was reported
	reference int8 // 1 if the text has a Markdown image, -1 if it has none, 0 if that is not known
}

// Bounds on the bytes decoded for one text.
const (
	maxSpent  = 32      // as a multiple of it …
	freeSpent = 1 << 20 // … and what a short one may take beyond that
)

func (s *scan) add(rule string, severity gateway.Severity, score float64, lo, hi int, via string) {
	f := gateway.Finding{Kind: gateway.FindingExfil, Rule: rule, Span: [2]int{lo, hi}, Severity: severity, Score: score, Via: via}
	if rule == RuleHost { // the name is the data
		f.Sample = strconv.Itoa(hi-lo) + " bytes"
	} else {
		f.Sample = sample(s.text[lo:hi])
	}
	s.out = append(s.out, f)
}

// sample shows where data would go, not the data: the part of a URL before its
// path, or only how much there is.
func sample(s string) string {
	i := strings.Index(s, "://")
	if i < 0 || i > 16 {
		return strconv.Itoa(len(s)) + " bytes"
	}
	end := i + 3
	for end < len(s) && end < 64 && !strings.ContainsRune("/?#", rune(s[end])) {
		end++
	}
	if end == len(s) {
		return s
	}
	return strings.ToValidUTF8(s[:end], "") + "…"
}

// decoded returns how the text reads that is hidden in s, "" if nothing is:
// the longest reading, other than s and plain escapes of it, that looks like
// language or structured data. blocks are what [sieve.Read] says of it; nil has it read.
func (s *scan) decoded(text string, blocks []sieve.Block) (via string, n int) {
	if s.spent > maxSpent*len(s.text)+freeSpent {
		if !s.truncated {
			s.truncated = true
			s.add(RuleTruncated, gateway.SeverityMedium, 0.5, 0, len(s.text), "")
		}
		return "", 0
	}
	s.buf = append(s.buf[:0], text...)
	views, _ := s.x.Expand(s.buf, blocks, nil)
	s.spent += s.x.Spent()
	for i := range views {
		v := &views[i]
		if v.Via == "" || escapesOnly(v.Via) || len(v.Text) <= n {
			continue
		}
		if !usual(v.Via) && (len(v.Text) < 2*minPayload || 2*len(v.Text) < len(text)) {
			continue // rare encodings turn much into something by chance
		}
		if text := string(v.Text); looks(text) >= likely || email(text) {
			via, n = v.Via, len(v.Text)
		}
	}
	return via, n
}

// usual reports whether a way of hiding starts, escapes aside, with an encoding
// that everybody has at hand.
func usual(via string) bool {
	for part := range strings.SplitSeq(via, ">") {
		switch part {
		case "url", "html", "json", "quoted-printable", "octal":
		default:
			return part == "base64" || part == "hex" || part == "base32" || part == "codes" || part == "binary"
		}
	}
	return true
}

// escapesOnly reports whether a way of hiding is an escape that URLs, HTML and
// JSON need anyway.
func escapesOnly(via string) bool {
	for part := range strings.SplitSeq(via, ">") {
		switch part {
		case "url", "html", "json", "quoted-printable":
		default:
			return false
		}
	}
	return true
}
