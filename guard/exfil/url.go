package exfil

import (
	"net/url"
	"slices"
	"strings"

	"toolward/gateway"
)

// link is a URL in a text, as offsets.
type link struct {
	lo, hi int
	image  bool // whoever shows the text fetches it unasked
}

// urls judges every URL of the text.
func (s *scan) urls() {
	for at := 0; ; {
		i := strings.Index(s.text[at:], "://")
		if i < 0 {
			break
		}
		l := s.link(at + i)
		if l.hi-l.lo > 12 {
			s.url(l)
		}
		s.links = append(s.links, l)
		at = max(l.hi, at+i+3)
	}
	s.dataURIs()
	if s.t.Sent {
		s.mailto()
	}
}

// link returns the URL whose "://" is at i.
func (s *scan) link(i int) link {
	l := link{lo: i, hi: i + 3}
	for l.lo > 0 && i-l.lo < 12 && alnum(s.text[l.lo-1]) {
		l.lo--
	}
	markdown := l.lo >= 2 && s.text[l.lo-2:l.lo] == "](" || l.lo >= 3 && s.text[l.lo-3:l.lo] == "](<"
	depth := 0
	for ; l.hi < len(s.text); l.hi++ {
		c := s.text[l.hi]
		if !urlSign[c] {
			continue
		}
		switch {
		case c == '(':
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		case c == ')' && !markdown:
			continue
		}
		break
	}
	l.image = s.image(l.lo)
	return l
}

// urlSign has the bytes that no URL has, and parentheses, which may end one.
var urlSign = func() (set [256]bool) {
	for c := range set {
		set[c] = c <= ' ' || c == 0x7f || strings.IndexByte("\"'<>`\\()", byte(c)) >= 0
	}
	return set
}()

// image reports whether the URL at lo is that of a Markdown or HTML image, a
// style, or anything else that is fetched when the text is shown.
func (s *scan) image(lo int) bool {
	before := s.text[max(0, lo-200):lo]
	if i := s.lastImage(before); i >= 0 && !strings.Contains(before[i:], ")") && strings.Contains(before[i:], "](") {
		return true
	}
	if i := lastByte(before, '<'); i >= 0 && strings.IndexByte(before[i:], '>') < 0 {
		tag := strings.ToLower(before[i:min(len(before), i+8)])
		for _, t := range []string{"<img", "<image", "<iframe", "<link", "<script", "<video", "<audio", "<embed", "<object", "<source"} {
			if strings.HasPrefix(tag, t[:min(len(t), len(tag))]) {
				return true
			}
		}
	}
	end := len(before)
	for end > 0 && (before[end-1] == '"' || before[end-1] == '\'' || before[end-1] == '\\') {
		end--
	}
	if strings.HasSuffix(before[:end], "url(") {
		return true
	}
	// "[ref]: https://…" beside "![x][ref]"
	return strings.HasSuffix(before, "]: ") && before[lastByte(before, '\n')+1] == '[' && s.hasImage()
}

// lastByte is [strings.LastIndexByte] for what hardly any text has: to see that is cheap.
func lastByte(s string, c byte) int {
	if strings.IndexByte(s, c) < 0 {
		return -1
	}
	return strings.LastIndexByte(s, c)
}

// lastImage is where the last Markdown image in a part of the text begins, -1 if
// there is none.
func (s *scan) lastImage(part string) int {
	if !s.hasImage() {
		return -1
	}
	return strings.LastIndex(part, "![")
}

// hasImage reports whether the text has a Markdown image.
func (s *scan) hasImage() bool {
	if s.reference == 0 {
		s.reference = -1
		if strings.Contains(s.text, "![") {
			s.reference = 1
		}
	}
	return s.reference > 0
}

// url judges one URL.
func (s *scan) url(l link) {
	u := s.text[l.lo:l.hi]
	rest := u[strings.Index(u, "://")+3:]
	base := l.hi - len(rest)
	end := 0
	for end < len(rest) && rest[end] != '/' && rest[end] != '?' && rest[end] != '#' {
		end++
	}
	before := len(s.out)
	s.host(l, rest[:end], base)
	s.template(l, u)
	if s.t.Sent && dropped(strings.ToLower(rest[:end])) {
		severity, score := routine.severity()
		s.add(RuleDrop, severity, score, l.lo, l.hi, "")
		before++
	}
	path, query, fragment := rest[end:], "", ""
	if i := strings.IndexByte(path, '{'); i >= 0 { // a URI template (RFC 6570)
		path = path[:i]
	}
	if i := strings.IndexByte(path, '#'); i >= 0 {
		path, fragment = path[:i], path[i+1:]
	}
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path, query = path[:i], path[i+1:]
	}
	if len(s.out) == before && query != "" {
		s.query(l, query)
	}
	if len(s.out) == before && len(path) > minPayload {
		s.part(l, "", path, true)
	}
	if len(s.out) == before && s.t.Sent && said(path) {
		severity, score := output.severity()
		s.add(RuleURL, severity, score, l.lo, l.hi, "")
	}
	if len(s.out) == before && len(fragment) > minPayload && !strings.HasPrefix(fragment, ":~:") {
		s.part(l, "", fragment, false)
	}
}

// placeholders are words between brackets that stand for data to be put in.
var placeholders = []string{"data", "secret", "content", "conversation", "history", "token", "password", "summary", "base64", "email", "chat", "context",
	"encoded", "result", "output", "message", "key", "credential", "document", "prompt", "info", "exfil", "payload", "text"}

// template finds images whose URL has a place to be filled in.
func (s *scan) template(l link, u string) {
	if !l.image {
		return
	}
	lower := strings.ToLower(u)
	if decoded, err := url.PathUnescape(lower); err == nil {
		lower = decoded
	}
	for i := range len(lower) {
		if strings.IndexByte("{[<", lower[i]) >= 0 && placeholder(lower[i+1:]) {
			s.add(RuleTemplate, gateway.SeverityHigh, 0.85, l.lo, l.hi, "")
			return
		}
	}
	// A placeholder may have ended the URL: "?d=<the summary>".
	if l.hi < len(s.text) && s.text[l.hi] == '<' && placeholder(strings.ToLower(s.text[l.hi+1:min(len(s.text), l.hi+64)])) {
		s.add(RuleTemplate, gateway.SeverityHigh, 0.85, l.lo, l.hi, "")
	}
}

// placeholder reports whether s starts with a few words up to a closing
// bracket that name data to be put in.
func placeholder(s string) bool {
	s = strings.TrimLeft(s, "{[<")
	end := strings.IndexAny(s, "}]>")
	if end < 3 || end > 48 || strings.ContainsAny(s[:end], `:"'=,/`) {
		return false
	}
	return slices.ContainsFunc(placeholders, func(p string) bool { return strings.Contains(s[:end], p) })
}
