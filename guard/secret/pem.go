package secret

import (
	"strings"

	"toolward/gateway"
)

// maxPEM bounds a private key's armour, in bytes: RSA 16384 takes 13 KiB, and
// escapes take more.
const maxPEM = 32 << 10

// pemBody is what stands between the lines of an armour: base64, header fields
// (RFC 1421 §4.6), white space, and what quoting adds.
var pemBody = newAlphabet("0-9A-Za-z+/=:,. \t\r\n\\\"'>|*-")

// scanPEM finds private keys in PEM, OpenSSH and OpenPGP armour (RFC 7468 §10,
// RFC 9580 §6.2), whole or cut off, with real or escaped line ends.
func (c *scan) scanPEM(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	label := strings.Index(s[end:min(len(s), end+48)], "-----")
	if label < 0 || !strings.Contains(s[end:end+label], "PRIVATE KEY") {
		return dst
	}
	i := end + label + len("-----")
	letters := 0
	for i < len(s) && i-start < maxPEM && pemBody[s[i]] && !strings.HasPrefix(s[i:], "-----") {
		if alnum[s[i]] {
			letters++
		}
		i++
	}
	if letters < 24 || c.isPlaceholder(s[end+label+5:min(i, end+label+69)]) {
		return dst
	}
	if strings.HasPrefix(s[i:], "-----END ") {
		if tail := strings.Index(s[i+9:min(len(s), i+9+56)], "-----"); tail >= 0 {
			i += 9 + tail + 5
		}
	}
	return append(dst, finding("secret.private-key", gateway.SeverityHigh, 0.99, start, i, "-----BEGIN "+s[end:end+label]+"-----"))
}

// scanPuTTY finds PuTTY private keys, versions 2 and 3, up to the MAC that ends them.
func scanPuTTY(dst []gateway.Finding, s string, start int) []gateway.Finding {
	text := s[start:min(len(s), start+maxPEM)]
	if next := strings.Index(text[1:], "PuTTY-User-Key-File-"); next >= 0 {
		text = text[:1+next]
	}
	i := strings.Index(text, "Private-Lines:")
	if i < 0 {
		return dst
	}
	if mac := strings.Index(text[i:], "Private-MAC:"); mac >= 0 {
		i += mac + len("Private-MAC:")
		i = skipAny(text, i, " ", 1)
		for i < len(text) && isHex(text[i]) {
			i++
		}
	} else {
		i = len(text)
	}
	return append(dst, finding("secret.putty-private-key", gateway.SeverityHigh, 0.99, start, start+i, "PuTTY-User-Key-File"))
}

// scanners are the literals that begin no format.
func scanners() map[string]scanner {
	m := map[string]scanner{
		"://":                  urlScanner,
		"@tcp(":                goDSNScanner,
		"bearer":               bearerScanner,
		"basic ":               basicScanner,
		"eyj":                  jwtScanner,
		"-----begin ":          pemScanner,
		"putty-user-key-file-": puttyScanner,
	}
	for name := range commandsByName {
		m[name] = commandScanner
	}
	for _, word := range passwordWords {
		m[word] = passwordScanner
	}
	for _, word := range phraseWords {
		m[word] = phraseScanner
	}
	for _, text := range joints {
		m[text] = jointScanner
	}
	for _, word := range secretWords {
		m[word] = shortSecretScanner
	}
	return m
}
