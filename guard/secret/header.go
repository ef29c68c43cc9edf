package secret

import (
	"encoding/base64"
	"strings"

	"toolward/gateway"
)

// maxBearer is the longest bearer token that is read, in bytes.
const maxBearer = 4096

// scanBearer finds the token of "Bearer TOKEN" (RFC 6750 §2.1) in headers,
// commands, logs and prose.
func (c *scan) scanBearer(dst []gateway.Finding, s string, end int) []gateway.Finding {
	from := skipAny(s, end, " \t:=\"'", 4)
	if from == end {
		return dst
	}
	to := c.runs.end(b64tokenName, s, from, maxBearer)
	for to > from && (s[to-1] == '.' || s[to-1] == '-' && to-1 > from && !isWordByte(s[to-2])) {
		to--
	}
	token := s[from:to]
	if len(token) < 12 || len(token) == maxBearer || c.isPlaceholder(token) {
		return dst
	}
	sh := shapeOf(token)
	if sh.digit == 0 && (len(token) < 24 || sh.classes() < 2 || rarity(token) < 6) || sh.distinct < 6 || rarity(token) < 4.6 {
		return dst
	}
	return append(dst, finding("secret.bearer-token", gateway.SeverityHigh, 0.95, from, to, ""))
}

// scanBasic finds the credentials of "Basic BASE64" (RFC 7617 §2), which must
// decode to printable text with a colon.
func scanBasic(dst []gateway.Finding, s string, end int) []gateway.Finding {
	to := end
	for to < len(s) && to-end < maxUserinfo && base64s[s[to]] {
		to++
	}
	text := strings.TrimRight(s[end:to], "=")
	var plain [maxUserinfo]byte
	if len(text) < 8 || len(text) >= maxUserinfo {
		return dst
	}
	n, err := base64.RawStdEncoding.Decode(plain[:], []byte(text))
	if err != nil {
		return dst
	}
	colon := false
	for _, c := range plain[:n] {
		if c < ' ' || c >= 0x7f {
			return dst
		}
		colon = colon || c == ':'
	}
	if !colon {
		return dst
	}
	return append(dst, finding("secret.basic-auth", gateway.SeverityHigh, 0.95, end, to, ""))
}

// maxJWT bounds each part of a JSON Web Token, in bytes.
const maxJWT = 8192

// scanJWT finds JSON Web Tokens (RFC 7519), signed or encrypted: a header that
// decodes to JSON with an algorithm, and two to four more parts.
func scanJWT(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	if s[start:end] != "eyJ" || !startsToken(s, start) || start > 0 && (s[start-1] == '_' || s[start-1] == '-') {
		return dst
	}
	i := start
	parts := 0
	var header string
	for parts < 5 {
		from := i
		for i < len(s) && i-from < maxJWT && urlsafe[s[i]] {
			i++
		}
		if i-from >= maxJWT {
			return dst
		}
		if parts == 0 {
			header = s[from:i]
		}
		if i == from && parts != 2 && parts != 1 {
			break
		}
		parts++
		if i >= len(s) || s[i] != '.' {
			break
		}
		i++
	}
	if s[i-1] == '.' && parts != 3 {
		i--
	}
	if parts < 3 || len(header) < 12 || at(s, start+len(header)+1) == '.' && at(s, start+len(header)+2) == '.' || !isJOSE(header) { // eyJhbGciOiJS... is cut off by an author
		return dst
	}
	if strings.Contains(s[start:i], publicClaims) {
		return dst
	}
	return append(dst, finding("secret.jwt", gateway.SeverityHigh, 0.98, start, i, ""))
}

// publicClaims begin the token that documentation shows, of John Doe, 1234567890.
const publicClaims = ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIi"

// isJOSE reports whether a base64url text decodes to JSON with an "alg" (RFC 7515 §4.1.1).
func isJOSE(header string) bool {
	var plain [768]byte
	header = header[:min(len(header), 1024)]
	header = header[:len(header)/4*4+(len(header)%4)/2*2]
	n, err := base64.RawURLEncoding.Decode(plain[:], []byte(header))
	if err != nil && n < 8 {
		return false
	}
	return strings.Contains(string(plain[:n]), `"alg"`)
}
