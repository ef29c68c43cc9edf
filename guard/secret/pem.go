package secret

import (
	"strings"

	"toolward/gateway"
)

// A key's armour goes as far as its letters do. Past sparsePEM bytes, which all but a few keys
// fit in (RSA 16384 takes 13 KiB, and escapes take more), there must be a run of
// densePEM letters of base64 in every gapPEM bytes: text that follows a key that was cut off has none.
const (
	sparsePEM = 32 << 10
	densePEM  = 24
	gapPEM    = 256
)

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
	a := readArmour(s, end+label+len("-----"))
	i := a.end
	if a.letters < 24 || c.isPlaceholder(s[a.body:min(i, a.body+64)]) {
		return dst
	}
	if strings.HasPrefix(s[i:], "-----END ") {
		if tail := strings.Index(s[i+9:min(len(s), i+9+56)], "-----"); tail >= 0 {
			i += 9 + tail + 5
		}
	}
	return append(dst, finding("secret.private-key", gateway.SeverityHigh, 0.99, start, i, "-----BEGIN "+s[end:end+label]+"-----"))
}

// armour is what stands between two lines of dashes.
type armour struct {
	end     int // where it ends in the text
	body    int // where its letters begin, behind header fields, if there are enough in a row
	letters int
}

// readArmour reads from i to what cannot be of a key. The next armour's line ends it at
// the latest, so that a text made of such lines is read once.
func readArmour(s string, i int) armour {
	a := armour{body: -1}
	start, run, dense := i, 0, i
	for ; i < len(s) && pemBody[s[i]] && !strings.HasPrefix(s[i:], "-----"); i++ {
		if alnum[s[i]] {
			a.letters++
		} else if s[i] != '+' && s[i] != '/' {
			run = 0
			if i-start > sparsePEM && i-dense > gapPEM {
				i = max(start+sparsePEM, dense)
				break
			}
			continue
		}
		if run++; run >= densePEM {
			if dense = i + 1; a.body < 0 && s[dense-run-1] != ',' { // DEK-Info: AES-128-CBC,0123… (RFC 1421 §4.6.1.3)
				a.body = dense - run
			}
		}
	}
	a.end = i
	if a.body < 0 {
		a.body = start
	}
	return a
}

// scanPuTTY finds PuTTY private keys, versions 2 and 3, up to the MAC that ends them.
func scanPuTTY(dst []gateway.Finding, s string, start int) []gateway.Finding {
	text := s[start:min(len(s), start+sparsePEM)]
	if next := strings.Index(text[1:], "PuTTY-User-Key-File-"); next >= 0 {
		text = text[:1+next]
	}
	i := strings.Index(text, "Private-Lines:")
	if i < 0 {
		return dst
	}
	i += start
	end := max(readArmour(s, i).end, start+len(text))
	if mac := strings.Index(s[i:end], "Private-MAC:"); mac >= 0 {
		end = i + mac + len("Private-MAC:")
		end = skipAny(s, end, " ", 1)
		for end < len(s) && isHex(s[end]) {
			end++
		}
	}
	return append(dst, finding("secret.putty-private-key", gateway.SeverityHigh, 0.99, start, end, "PuTTY-User-Key-File"))
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
	for _, word := range secretWords {
		m[word] = shortSecretScanner
	}
	return m
}
