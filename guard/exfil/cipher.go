package exfil

import (
	"strconv"
	"strings"

	"toolward/gateway"
)

// files are members that hold encoded files by design.
var files = set("content", "contents", "data", "file", "blob", "bytes", "base64", "b64", "image", "attachment", "attachments", "body_base64", "payload_base64", "raw",
	"media", "archive", "certificate", "cert", "key", "public_key", "patch", "binary", "token", "jwt", "authorization", "signature", "id", "cursor", "state", "nonce", "hash", "etag", "metadata")

// enciphered finds text that is readable only after decoding.
func (s *scan) enciphered() {
	text := s.beside()
	if len(text) < minPayload {
		return
	}
	if via, n := s.decoded(text); n >= 2*minPayload || n >= minPayload && n*3 >= len(text) {
		severity, score := gateway.SeverityMedium, 0.6
		if files[strings.ToLower(s.t.Name)] && via == "base64" && !strings.ContainsRune(text, ' ') || jwt(text) {
			severity, score = gateway.SeverityLow, 0.2
		}
		s.add(RuleEncipher, severity, score, 0, len(s.text), via)
		return
	}
	if escaped(text) {
		if plain := unescape(text); looks(plain) >= words {
			s.add(RuleEncipher, gateway.SeverityLow, 0.5, 0, len(s.text), "escapes")
			return
		}
	}
	if strings.Count(text, `\\\"`) >= 2 { // JSON in a string of JSON in a string
		s.add(RuleEncipher, gateway.SeverityLow, 0.5, 0, len(s.text), "json>json")
		return
	}
	if len(text) <= 8<<10 {
		if via := cipher(text); via != "" {
			s.add(RuleEncipher, gateway.SeverityMedium, 0.7, 0, len(s.text), via)
		}
	}
}

// beside is the text without its URLs, which were judged as such.
func (s *scan) beside() string {
	if len(s.links) == 0 {
		return s.text
	}
	var b strings.Builder
	at := 0
	for _, l := range s.links {
		b.WriteString(s.text[at:l.lo])
		at = l.hi
	}
	b.WriteString(s.text[at:])
	return b.String()
}

// common are short words that hardly any English text of a few lines lacks.
var common = set("the", "and", "of", "to", "in", "is", "for", "on", "with", "that", "this", "are", "was", "from", "you", "your", "have", "has", "not", "by", "at", "it", "as", "be", "my", "me", "all", "or")

// cipher names the simple cipher that turns s into English: swapped case, a
// Caesar shift, Atbash, or reversal. "" if there is none, or if s is English already.
func cipher(s string) string {
	if swapped(s) {
		return "swapped-case"
	}
	if strings.Count(s, " ") < 4 {
		return ""
	}
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r < 'a' || r > 'z' })
	if len(words) < 5 {
		return ""
	}
	if len(words) > 400 {
		words = words[:400]
	}
	need := max(3, len(words)/7)
	if hits(words, func(b byte) byte { return b }, false) > need/3 {
		return ""
	}
	for shift := 1; shift < 26; shift++ {
		if hits(words, func(b byte) byte { return 'a' + (b-'a'+byte(shift))%26 }, false) >= need {
			if shift == 13 {
				return "rot13"
			}
			return "caesar" + strconv.Itoa(26-shift)
		}
	}
	if hits(words, func(b byte) byte { return 'z' - (b - 'a') }, false) >= need {
		return "atbash"
	}
	if hits(words, func(b byte) byte { return b }, true) >= need {
		return "reversed"
	}
	return ""
}

// swapped reports whether the case of a text was turned round: "tHE rOBOT".
func swapped(s string) bool {
	n, all := 0, 0
	for word := range strings.FieldsSeq(s) {
		if len(word) < 3 || !letter(word[0]) || !letter(word[1]) || !letter(word[2]) {
			continue
		}
		all++
		if word[0] >= 'a' && word[1] <= 'Z' && word[2] <= 'Z' {
			n++
		}
	}
	return n >= 2 && n*4 >= all
}

// hits counts the common words among deciphered ones.
func hits(words []string, f func(byte) byte, reversed bool) int {
	n := 0
	var b [4]byte
	for _, w := range words {
		if len(w) < 2 || len(w) > len(b) {
			continue
		}
		for i := range len(w) {
			at := i
			if reversed {
				at = len(w) - 1 - i
			}
			b[at] = f(w[i])
		}
		if common[string(b[:len(w)])] {
			n++
		}
	}
	return n
}

// escaped reports whether a text holds, outside URLs, escapes of characters
// that need none: spaces and letters, in the way of URLs or HTML.
func escaped(s string) bool {
	return strings.Count(s, "%20")+strings.Count(s, "%0A")+strings.Count(s, "&#32;")+strings.Count(s, "&#x20;") >= 2 ||
		strings.Count(s, "&#") >= 6 && strings.Count(s, "&#")*12 > len(s)
}
