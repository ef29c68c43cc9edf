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
func (d *Detector) scanTokens(dst []gateway.Finding, key, s string) []gateway.Finding {
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
		dst = d.judgeRun(dst, key, s, a, b)
	}
	return dst
}

// judgeRun judges a run as one base64 value or, if it does not read as one, by
// its parts between slashes and pluses.
func (d *Detector) judgeRun(dst []gateway.Finding, key, s string, a, b int) []gateway.Finding {
	if b-a < minToken {
		return dst
	}
	joined := strings.IndexByte(s[a:b], '/') >= 0 || strings.IndexByte(s[a:b], '+') >= 0
	if !joined || isBase64(s[a:b]) {
		if b-a <= maxToken {
			dst = d.judgeToken(dst, key, s, a, b)
		}
		return dst
	}
	for from := a; from < b; {
		to := from
		for to < b && urlsafe[s[to]] {
			to++
		}
		if n := to - from; n >= minToken && n <= maxToken {
			dst = d.judgeToken(dst, key, s, from, to)
		}
		from = to + 1
	}
	return dst
}

// isBase64 tells a base64 value from a path or a sum: no hyphen or underscore,
// 40 letters or more, and random through and through.
func isBase64(run string) bool {
	if len(run) < 32 || len(run) > maxToken || strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0 {
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
	random                // nothing but chance writes this
)

// lookAt grades s. The limits on rarity are set where no benign token of the
// development data with digits passes; see docs/guard-secrets.md.
func lookAt(token string) looks {
	sh := shapeOf(token)
	switch {
	case isUUID(token):
		return hashlike
	case sh.hex && len(token) >= 20 && sh.digit > 2 && sh.digit < len(token)-2 && sh.distinct >= 8:
		return hashlike
	case sh.digit == 0 || sh.lower+sh.upper == 0 || sh.distinct < 9:
		return plain
	case isULID(token):
		return plain
	}
	r := rarity(token)
	switch {
	case sh.classes() == 3 && r >= 5.6:
		return random
	case r >= 6 && len(token) >= 20:
		return hashlike
	}
	return plain
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

// judgeToken appends the token s[a:b] if its looks and its context agree.
func (d *Detector) judgeToken(dst []gateway.Finding, key, s string, a, b int) []gateway.Finding {
	token := s[a:b]
	look := lookAt(token)
	if look == plain || isPlaceholder(token) {
		return dst
	}
	said, near := d.words.context(key, s, a)
	score := 0.0
	switch {
	case said == denied:
	case said == strong && look == random:
		score = 0.85
	case said == strong && near:
		score = 0.7
	case said == weak && near && look == random:
		score = 0.65
	case look == random && inUserinfo(s, a, b):
		score = 0.8
	case look == random && prefixed(token):
		score = 0.6
	}
	if score == 0 {
		return dst
	}
	for b < len(s) && s[b] == '=' { // padding
		b++
	}
	return append(dst, finding("secret.token-in-context", gateway.SeverityMedium, score, a, b, ""))
}

// inUserinfo reports whether the token is all of a URL's userinfo: https://TOKEN@host.
func inUserinfo(s string, a, b int) bool {
	return b < len(s) && s[b] == '@' && a >= 3 && s[a-3:a] == "://"
}

// prefixed reports whether a token has the form that issuers give to keys so
// that scanners find them: a short lower-case prefix, an underscore or hyphen, and
// at least 30 random letters. Shorter bodies are how services write public ids.
func prefixed(token string) bool {
	n := 0
	for n < len(token) && n < 16 && (alphabets['l'][token[n]] || token[n] == '_' || token[n] == '-') {
		n++
	}
	for n > 0 && token[n-1] != '_' && token[n-1] != '-' {
		n--
	}
	if n < 3 || len(token)-n < 30 {
		return false
	}
	sh := shapeOf(token[n:])
	return sh.classes() == 3 && sh.other == 0
}
