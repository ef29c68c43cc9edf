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
		if isEscapeTail(s, a) {
			a++
		}
		dst = c.judgeRun(dst, s, a, b)
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

// isBase64 tells a base64 value from a path or a sum: no hyphen or underscore,
// 20 letters or more, and random through and through.
func isBase64(run string) bool {
	if len(run) < 20 || strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0 {
		return false
	}
	sh := shapeOf(run)
	return sh.classes() == 3 && sh.other*8 <= len(run) && rarity(run) >= 6
}

// looks grades how much a token looks like a credential.
type looks int

const (
	plain    looks = iota // words, numbers, dates
	hashlike              // hex or UUID: a credential only if the text says so
	mixed                 // chance wrote this, in one case
	random                // nothing but chance writes this
)

// lookAt grades s. The limits on rarity are set where benign tokens of the
// development data end; see docs/guard-secrets.md.
func lookAt(token string) looks {
	if isUUID(token) {
		return hashlike
	}
	if len(token) == 66 && token[:2] == "0x" { // a key; shorter ones are addresses
		token = token[2:]
	}
	body := token[prefixLength(token):]
	sh := shapeOf(body)
	if sh.hex && len(body) >= 20 && sh.digit > 2 && sh.digit < len(body)-2 && sh.distinct >= 8 {
		if len(body) < len(token) && len(body) >= 32 {
			return mixed
		}
		return hashlike
	}
	if sh = shapeOf(token); sh.lower == 0 && strings.IndexByte(token, '_') >= 0 { // NAMES_OF_CONSTANTS_2
		token = lastPart(token)
		if len(token) < 20 {
			return plain
		}
		sh = shapeOf(token)
	}
	if sh.distinct < 9 || sh.lower+sh.upper == 0 || isULID(token) {
		return plain
	}
	r := rarity(token)
	if sh.digit == 0 {
		if b := shapeOf(body); len(body) >= 20 && b.lower > 4 && b.upper > 4 && b.other == 0 && rarity(body) >= 7 {
			return random
		}
		return plain
	}
	switch {
	case sh.classes() == 3 && r >= 6.5:
		return random
	case r >= 6.2 && len(token) >= 20:
		return mixed
	}
	if last := lastPart(token); len(last) >= 20 && len(last) < len(token) {
		return lookAt(last) // numbers and names before the random part: xoxb-1-2-RANDOM
	}
	return plain
}

// lastPart is what follows the last underscore or hyphen.
func lastPart(token string) string {
	return token[strings.LastIndexAny(token, "_-")+1:]
}

// prefixLength is the length of the prefix that issuers give to keys so that
// scanners find them: short lower-case words and digits, each with an underscore
// or a hyphen after it, or four letters before hex.
func prefixLength(token string) int {
	n := 0
	for n < len(token) && n < 16 && (lowers[token[n]] || token[n] == '_' || token[n] == '-') {
		n++
	}
	for n > 0 && token[n-1] != '_' && token[n-1] != '-' {
		n--
	}
	if n > 0 {
		return n
	}
	for n < 8 && n < len(token) && alnum[token[n]] && !('0' <= token[n] && token[n] <= '9') {
		n++
	}
	for n > 0 && isHex(token[n-1]) {
		n--
	}
	if rest := len(token) - n; (rest == 32 || rest == 40 || rest == 64) && shapeOf(token[n:]).hex {
		return n
	}
	return 0
}

func isUUID(token string) bool {
	if len(token) != 36 {
		return false
	}
	for i := range len(token) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if token[i] != '-' {
				return false
			}
		} else if !isHex(token[i]) {
			return false
		}
	}
	return true
}

// isULID reports 26 letters of Crockford's base32 that begin with a time of this era.
func isULID(token string) bool {
	if len(token) != 26 || token[0] != '0' {
		return false
	}
	for i := range len(token) {
		if c := token[i]; !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
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
	if score == 0 || c.isPlaceholder(token) || inDocumentation(s, a) {
		return dst
	}
	for b < len(s) && s[b] == '=' { // padding
		b++
	}
	return append(dst, finding("secret.token-in-context", gateway.SeverityMedium, score, a, b, ""))
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

// isPublicBlob reports SSH public keys (RFC 4253 §6.6), which begin with the
// length of their algorithm's name.
func isPublicBlob(token string) bool {
	return strings.HasPrefix(token, "AAAAB3Nza") || strings.HasPrefix(token, "AAAAC3Nza") || strings.HasPrefix(token, "AAAAE2Vj") || strings.HasPrefix(token, "AAAAGnNr") ||
		strings.HasPrefix(token, "MII") && strings.Contains(token[:min(len(token), 20)], "jAN") // SubjectPublicKeyInfo of RSA, RFC 5280 §4.1
}

// inDocumentation reports whether the word that the token ends was cut for
// show: AQoEXAMPLEH4...truncated...zrkuW.
func inDocumentation(s string, a int) bool {
	i := a
	for i > 0 && a-i < 48 && s[i-1] > ' ' && s[i-1] != '"' && s[i-1] != '=' {
		i--
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

// urlBefore returns the part before s[a] of the URL that it stands in, "" if
// it stands in none. Paths are full of random names; only what a query names, a
// userinfo, and the path of a webhook are credentials.
func urlBefore(s string, a int) string {
	i := a
	for i > 0 && a-i < 160 && s[i-1] > ' ' && s[i-1] != '"' && s[i-1] != '\'' && s[i-1] != '(' && s[i-1] != '<' {
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

// prefixed reports whether a token has an issuer's prefix and at least 30 random
// letters. Shorter bodies are how services write public ids.
func prefixed(token string) bool {
	n := prefixLength(token)
	if n < 3 || len(token)-n < 30 || token[0] < 'a' {
		return false
	}
	sh := shapeOf(token[n:])
	return sh.classes() == 3 && sh.other <= 2
}
