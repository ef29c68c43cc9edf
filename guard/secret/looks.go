package secret

import "strings"

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
// or a hyphen after it, or up to eight letters before 32, 40 or 64 hex digits.
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

// isBase64 tells a base64 value from a path or a sum: no hyphen or underscore,
// 20 letters or more, and random through and through.
func isBase64(run string) bool {
	if len(run) < 20 || strings.IndexByte(run, '-') >= 0 || strings.IndexByte(run, '_') >= 0 {
		return false
	}
	sh := shapeOf(run)
	return sh.classes() == 3 && sh.other*8 <= len(run) && rarity(run) >= 6
}

// isPublicBlob reports SSH public keys (RFC 4253 §6.6), which begin with the
// length of their algorithm's name.
func isPublicBlob(token string) bool {
	return strings.HasPrefix(token, "AAAAB3Nza") || strings.HasPrefix(token, "AAAAC3Nza") || strings.HasPrefix(token, "AAAAE2Vj") || strings.HasPrefix(token, "AAAAGnNr") ||
		strings.HasPrefix(token, "MII") && strings.Contains(token[:min(len(token), 20)], "jAN") // SubjectPublicKeyInfo of RSA, RFC 5280 §4.1
}
