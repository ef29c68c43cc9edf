package exfil

import (
	"html"
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
		switch c := s.text[l.hi]; {
		case c <= ' ' || c == '"' || c == '\'' || c == '<' || c == '>' || c == '`' || c == '\\' || c == 0x7f:
		case c == '(':
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		case c == ')' && markdown:
		default:
			continue
		}
		break
	}
	l.image = s.image(l.lo)
	return l
}

// image reports whether the URL at lo is that of a Markdown or HTML image, a
// style, or anything else that is fetched when the text is shown.
func (s *scan) image(lo int) bool {
	before := s.text[max(0, lo-200):lo]
	if i := strings.LastIndex(before, "!["); i >= 0 && !strings.Contains(before[i:], ")") && strings.Contains(before[i:], "](") {
		return true
	}
	if i := strings.LastIndexByte(before, '<'); i >= 0 && !strings.ContainsRune(before[i:], '>') {
		tag := strings.ToLower(before[i:min(len(before), i+8)])
		for _, t := range []string{"<img", "<image", "<iframe", "<link", "<script", "<video", "<audio", "<embed", "<object", "<source"} {
			if strings.HasPrefix(tag, t[:min(len(t), len(tag))]) {
				return true
			}
		}
	}
	if strings.HasSuffix(strings.TrimRight(before, `"'\`), "url(") {
		return true
	}
	line := before[strings.LastIndexByte(before, '\n')+1:] // "[ref]: https://…" beside "![x][ref]"
	return strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]: ") && s.hasImage()
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
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	before := len(s.out)
	s.host(l, rest[:end], base)
	s.template(l, u)
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
	if len(s.out) == before && len(fragment) > minPayload && !strings.HasPrefix(fragment, ":~:") {
		s.part(l, "", fragment, false)
	}
}

// query judges the parameters, the first that carries data decides.
func (s *scan) query(l link, query string) {
	before := len(s.out)
	for param := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(param, "=")
		if !found {
			name, value = "", param
		}
		if s.part(l, name, value, false); len(s.out) > before {
			return
		}
	}
	if strings.Count(query, "&") >= 2 { // cut into parameters of their own
		var b strings.Builder
		for param := range strings.SplitSeq(query, "&") {
			if name, value, ok := strings.Cut(param, "="); ok && len(value) >= 8 && !opaque[strings.ToLower(name)] {
				b.WriteString(value)
			}
		}
		if via, n := s.decoded(b.String()); n >= 2*minPayload {
			s.add(RuleEncoded, gateway.SeverityMedium, 0.7, l.lo, l.hi, via+">pieces")
		}
	}
}

// part judges a parameter, a path or a fragment.
func (s *scan) part(l link, name, value string, path bool) {
	if len(value) < minPayload {
		return
	}
	lower := strings.ToLower(name)
	if !jwt(value) && !opaque[lower] {
		if via, n := s.decoded(value); n >= minPayload {
			switch {
			case l.image:
				s.add(RuleEncoded, gateway.SeverityHigh, 0.95, l.lo, l.hi, via)
			case s.t.Sent:
				s.add(RuleEncoded, gateway.SeverityMedium, 0.8, l.lo, l.hi, via)
			default:
				s.add(RuleEncoded, gateway.SeverityLow, 0.3, l.lo, l.hi, via)
			}
			return
		}
	}
	plain := unescape(value)
	level := looks(plain)
	switch {
	case l.image && !ordinary[lower] && level >= words && !(path && extension(plain)):
		s.add(RuleImage, gateway.SeverityHigh, 0.9, l.lo, l.hi, "")
	case !s.t.Sent, level < words, path && extension(plain), ordinary[lower] && !record(plain) && len(plain) < 160:
	case record(plain):
		s.add(RuleURL, gateway.SeverityMedium, 0.75, l.lo, l.hi, "")
	case level >= likely && len(plain) >= 20:
		s.add(RuleURL, gateway.SeverityMedium, 0.6, l.lo, l.hi, "")
	case !path:
		s.add(RuleURL, gateway.SeverityLow, 0.4, l.lo, l.hi, "")
	}
}

// unescape undoes the escapes of URLs and HTML, twice: what is put into a URL
// with care was escaped before.
func unescape(s string) string {
	for range 2 {
		if u, err := url.QueryUnescape(s); err == nil {
			s = u
		}
		s = html.UnescapeString(s)
	}
	return s
}

// ordinary are parameters that carry words by design: searches, places, titles.
var ordinary = set("q", "query", "search", "s", "k", "p", "keyword", "keywords", "term", "terms", "text", "title", "subject", "body", "name", "address",
	"location", "place", "origin", "destination", "near", "city", "from", "to", "category", "tag", "tags", "label", "message", "filter", "sort", "fields",
	"scope", "prompt", "summary", "description", "caption", "quote", "hashtags", "via", "url", "redirect_uri", "return", "returnurl", "next", "jql", "cql",
	"sql", "where", "$filter", "select", "expand", "include", "format", "template", "formula", "logo", "alt", "c", "chl", "chart", "variables", "dates", "details", "ctz")

// opaque are parameters that carry encoded state, tokens and signatures by design.
var opaque = set("state", "token", "access_token", "id_token", "jwt", "assertion", "code", "sig", "signature", "cursor", "after", "before", "page_token", "pagetoken",
	"next_token", "continuation", "nonce", "hmac", "key", "samlrequest", "samlresponse", "relaystate", "x-amz-signature", "x-amz-credential", "x-amz-security-token",
	"x-goog-signature", "policy", "expires", "hash", "checksum", "etag", "se", "sv", "session", "ticket", "client_data", "gclid", "fbclid", "msclkid", "eid", "ei", "ved", "pb")

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, n := range names {
		m[n] = true
	}
	return m
}

// jwt reports whether a value is a JSON Web Token, whose parts are base64 of JSON.
func jwt(s string) bool { return strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 }

// record reports whether a text is data rather than a phrase: JSON, lines, key
// and value pairs, addresses.
func record(s string) bool {
	return strings.Contains(s, "\": ") || strings.Contains(s, "\":\"") || strings.Count(s, "\n") >= 2 || strings.Count(s, ": ") >= 3 || email(s) && len(s) > 32
}

// extension reports whether a path ends like the name of a file.
func extension(path string) bool {
	i := strings.LastIndexByte(path, '.')
	return i >= 0 && len(path)-i <= 6 && len(path)-i >= 3 && len(path) < 120 && !strings.ContainsAny(path[i:], " /")
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

// host judges a host name: data in its labels reaches whoever answers for the
// domain, even if nothing can be connected to.
func (s *scan) host(l link, host string, at int) {
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	s.name(l.lo, max(l.hi, at+len(host)), host)
}

// name judges a DNS name, which stands in text[lo:hi].
func (s *scan) name(lo, hi int, host string) {
	labels := strings.Split(host, ".")
	if len(labels) < 3 || len(host) < 2*minPayload {
		return
	}
	data := strings.Join(labels[:len(labels)-2], ".")
	if via, n := s.decoded(data); n >= minPayload-4 {
		s.add(RuleHost, gateway.SeverityHigh, 0.9, lo, hi, via)
		return
	}
	long, longest := 0, 0
	for _, label := range labels[:len(labels)-2] {
		if random(label) {
			long += len(label)
			longest = max(longest, len(label))
		}
	}
	if long >= 48 || longest >= 40 {
		s.add(RuleHost, gateway.SeverityMedium, 0.6, lo, hi, "")
	}
}

// random reports whether a label is long and mixes letters and digits as words
// do not. UUIDs, which name deployments, are passed over.
func random(label string) bool {
	if len(label) < 16 || len(label) == 36 && strings.Count(label, "-") == 4 {
		return false
	}
	changes := 0
	for i := 1; i < len(label); i++ {
		if a, b := label[i-1], label[i]; letter(a) != letter(b) && a != '-' && b != '-' {
			changes++
		}
	}
	return changes*5 >= len(label)
}

// dataURIs finds data: URIs with text that is encoded although it need not be.
func (s *scan) dataURIs() {
	for at := 0; ; {
		i := strings.Index(s.text[at:], "data:")
		if i < 0 {
			return
		}
		i += at
		at = i + 5
		head := s.text[at:min(len(s.text), at+80)]
		comma := strings.IndexByte(head, ',')
		if comma < 0 || !strings.Contains(head[:comma], "/") || strings.ContainsAny(head[:comma], " \n") {
			continue
		}
		hi := at + comma + 1
		for hi < len(s.text) && s.text[hi] > ' ' && !strings.ContainsRune(`"'<>)`, rune(s.text[hi])) {
			hi++
		}
		media := head[:comma]
		textual := strings.HasPrefix(media, "text/") || strings.HasPrefix(media, "application/json") || strings.HasPrefix(media, "application/xml")
		if textual && strings.HasSuffix(media, ";base64") {
			if via, n := s.decoded(s.text[at+comma+1 : hi]); n >= 2*minPayload {
				s.add(RuleDataURI, gateway.SeverityLow, 0.4, i, hi, via)
			}
		}
		at = hi
	}
}
