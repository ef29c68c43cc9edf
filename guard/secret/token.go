package secret

import (
	"strings"

	"toolward/gateway"
)

// minToken is the shortest run that is taken for a token by its looks.
const minToken = 16

// maxToken is the longest; beyond it a run is data, not a credential.
const maxToken = 400

// tokenRun is the alphabet of runs: base64url and the two letters by which
// base64 differs, which also join the parts of a path.
var tokenRun = newAlphabet("0-9A-Za-z_+/-")

// scanTokens strides over s and judges every run that is long enough. A run of
// minToken bytes cannot be stepped over, so clean text costs a few looks a word.
func (c *scan) scanTokens(dst []gateway.Finding, s string) []gateway.Finding {
	floor := 0
	for i := minToken - 1; i < len(s); {
		if !tokenRun[s[i]] {
			i += minToken
			continue
		}
		a := i
		for a > floor && tokenRun[s[a-1]] {
			a--
		}
		b := i + 1
		for b < len(s) && tokenRun[s[b]] {
			b++
		}
		floor = b
		i = b + minToken
		if b-a < minToken {
			continue
		}
		dst = c.scanShort(dst, s, a, b)
		if isEscapeTail(s, a) {
			a++
		}
		dst = c.judgeRun(dst, s, a, b)
		if b-a >= minEncoded && c.depth < maxDepth {
			dst = c.scanEncoded(dst, s, a, b)
		}
	}
	return dst
}

// judgeRun judges a run as one base64 value or, if it does not read as one, by
// its parts between slashes and pluses.
func (c *scan) judgeRun(dst []gateway.Finding, s string, a, b int) []gateway.Finding {
	if a > 0 && s[a-1] == ':' && strings.HasPrefix(s[a:b], "//") {
		a += 2 // a URL's
	}
	if b-a < minToken {
		return dst
	}
	if b-a > maxToken || inBlock(s, a, b) {
		return dst // encoded data, or a line of it; what has a format is found by it
	}
	joined := strings.IndexByte(s[a:b], '/') >= 0 || strings.IndexByte(s[a:b], '+') >= 0
	if !joined || isBase64(s[a:b]) {
		return c.judgeToken(dst, s, a, b, a)
	}
	for from := a; from < b; {
		to := from
		for to < b && urlsafe[s[to]] {
			to++
		}
		if to-from >= minToken {
			dst = c.judgeToken(dst, s, from, to, a)
		}
		from = to + 1
	}
	return dst
}

// judgeToken appends the token s[a:b] if its looks and its context, that of the
// run that begins at s[start:], agree.
func (c *scan) judgeToken(dst []gateway.Finding, s string, a, b, start int) []gateway.Finding {
	token := s[a:b]
	look := lookAt(token)
	if look == plain || isPublicBlob(token) {
		return dst
	}
	if look == hashlike && a > 0 && s[a-1] == '@' {
		return dst // action@COMMIT, image@DIGEST
	}
	link := urlBefore(s, a)
	if link != "" {
		start = a
	}
	said, near := c.words.context(c.key, s, start)
	_, _, named := assigned(s, start)
	score := 0.0
	switch {
	case said == denied:
	case said == weak && near && look == hashlike && forClient(s, start):
		score = 0.65
	case link != "" && !named:
		if look == random && inUserinfo(s, a, b) || look >= mixed && containsFold(link, "hook") {
			score = 0.8
		}
	case said == strong && look >= mixed:
		score = 0.85
	case said == strong && near:
		score = 0.7
	case said == weak && near && look >= mixed && !isFileName(s, b):
		score = 0.65
	case look == random && start == a && (b == len(s) || s[b] != '/' && s[b] != '+') && prefixed(token):
		score = 0.6
	}
	if score == 0 || c.isPlaceholder(token) || inDocumentation(s, a) || isAdvisory(token) || isTechnical(token) || isProse(token) || isBadge(link) {
		return dst
	}
	for b < len(s) && s[b] == '=' { // padding
		b++
	}
	return append(dst, finding("secret.token-in-context", gateway.SeverityMedium, score, a, b, ""))
}

// isAdvisory reports the name of a security advisory of GitHub's: GHSA-6cv7-626c-qhqw.
func isAdvisory(token string) bool {
	return len(token) == 19 && strings.HasPrefix(token, "GHSA-") && token[9] == '-' && token[14] == '-'
}

// isFileName reports whether a suffix like .png follows at s[b].
func isFileName(s string, b int) bool {
	n := b + 1
	for n < len(s) && n-b < 6 && 'a' <= s[n] && s[n] <= 'z' {
		n++
	}
	return b < len(s) && s[b] == '.' && n-b > 2 && n-b < 6 && (n == len(s) || !alnum[s[n]])
}

// forClient reports whether a bare "key" is one that opens something: exported to
// the environment or given to a client.
func forClient(s string, start int) bool {
	from, to, ok := assigned(s, start)
	name, exported := strings.CutPrefix(s[from:to], "export ")
	return ok && strings.EqualFold(name, "key") && (exported || containsFold(s[max(0, from-24):from], "client("))
}

// inDocumentation reports whether the word that the token ends was cut for
// show: AQoEXAMPLEH4...truncated...zrkuW.
func inDocumentation(s string, a int) bool {
	i := a
	for i > 0 && a-i < 48 && s[i-1] > ' ' && s[i-1] != '"' && s[i-1] != '=' {
		i--
	}
	if strings.HasSuffix(s[:a], "@example ") {
		return true // JSDoc's
	}
	return i < a && (strings.Contains(s[i:a], "...") || strings.Contains(s[i:a], "arn:aws"))
}

// blockLine is the shortest line of encoded data: PEM and MIME write 64 and 76.
const blockLine = 56

// inBlock reports whether s[a:b] is a line of a block of encoded data: alone on
// its line, and it or the line before is as long as such lines are.
func inBlock(s string, a, b int) bool {
	i := a
	switch {
	case a > 0 && s[a-1] == '\n':
		i--
	case a > 1 && isEscapeTail(s, a-1):
		i -= 2
	default:
		return b-a >= blockLine && b < len(s) && (s[b] == '\n' || s[b] == '\r') && a == 0
	}
	if b < len(s) && !strings.ContainsRune("\n\r\\= ", rune(s[b])) {
		return false
	}
	if b-a >= blockLine {
		return true
	}
	n := 0
	for n < blockLine && i-n > 0 && tokenRun[s[i-n-1]] {
		n++
	}
	return n == blockLine
}

// maxURL is how much of a URL is read back to its scheme, in bytes.
const maxURL = 512

// urlBefore returns the part before s[a] of the URL that it stands in, "" if
// it stands in none. Paths are full of random names; only what a query names, a
// userinfo, and the path of a webhook are credentials.
func urlBefore(s string, a int) string {
	i := a
	for i > 0 && a-i < maxURL && strings.IndexByte(" \t\r\n\"'(<", s[i-1]) < 0 {
		i--
	}
	if word := s[i:a]; strings.Contains(word, "://") {
		return word
	}
	return ""
}

// inUserinfo reports whether the token is all of a URL's userinfo: https://TOKEN@host.
func inUserinfo(s string, a, b int) bool {
	return b < len(s) && s[b] == '@' && a >= 3 && s[a-3:a] == "://"
}
