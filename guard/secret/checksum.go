package secret

import (
	"encoding/base64"
	"hash/crc32"
	"strings"
)

// rare drops tokens that look like words, for forms whose prefix is short or ordinary.
func rare(token string) float64 {
	sh := shapeOf(token)
	r := rarity(token)
	if sh.distinct >= 8 && (r >= 5 && sh.digit > 0 || r >= 6.5 && sh.classes() == 2) {
		return formScore
	}
	return 0
}

// rareKey is rare for sk-, which also begins the names of security-key
// algorithms (sk-ssh-ed25519).
func rareKey(token string) float64 {
	if strings.HasPrefix(token, "sk-ssh-") || strings.HasPrefix(token, "sk-ecdsa-") {
		return 0
	}
	return rare(token)
}

// pgpassLine judges the password, the last of a line's fields.
func pgpassLine(token string) float64 {
	password := token[strings.LastIndexByte(token, ':')+1:]
	if sh := shapeOf(password); sh.lower+sh.upper == 0 || sh.distinct < 4 {
		return 0
	}
	return formScore
}

// padded keeps base64 of 32 bytes as queries write it, which has an equals sign at its end.
func padded(token string) float64 {
	if strings.Contains(token, "%3D") || strings.Contains(token, "%3d") || strings.HasSuffix(token, "=") {
		return formScore
	}
	return 0
}

// discordBot wants a token to begin with base64 of the bot's ID, a snowflake of
// 17 to 20 digits, as every such token does (Discord's reference, "Bot tokens").
//
//	MTAxNDM2NzY2OTgyMzY5Njk0.Gh7kQ2.… → 101436766982369694
func discordBot(token string) float64 {
	head, _, _ := strings.Cut(token, ".")
	id, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil || len(id) < 17 || len(id) > 20 {
		return 0
	}
	for _, c := range id {
		if c < '0' || c > '9' {
			return 0
		}
	}
	return formScore
}

// rareUpper is rare for forms of capitals and digits, in which capital words
// (AKIATHISISNOTAKEY) have no digit at all.
func rareUpper(token string) float64 {
	if shapeOf(token[4:]).digit > 0 {
		return formScore
	}
	return formScore / 2
}

// githubChecksum verifies the CRC32 at the end of a GitHub token: six base62
// digits over what stands between the prefix and them (GitHub's engineering
// blog, 5 April 2021). A wrong one lowers the confidence and no more: tokens get
// cut, newer kinds are longer, and a false alarm on ghp_ and 36 random
// characters costs less than a token let through.
func githubChecksum(token string) float64 {
	return base62Checksum(token[strings.IndexByte(token, '_')+1:])
}

// npmChecksum verifies the same checksum in npm's granular and classic tokens
// (GitHub blog, "npm token changes", September 2021).
func npmChecksum(token string) float64 { return base62Checksum(token[len("npm_"):]) }

func base62Checksum(body string) float64 {
	split := len(body) - 6
	if split < 1 {
		return 0
	}
	if base62(crc32.ChecksumIEEE([]byte(body[:split]))) == body[split:] {
		return 0.999
	}
	return min(rare(body), 0.9)
}

// base62 writes a CRC as six digits of 0-9A-Za-z, high digit first.
func base62(n uint32) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var text [6]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = digits[n%62]
		n /= 62
	}
	return string(text[:])
}
