package exfil

import (
	"math/bits"
	"strings"

	"toolward/gateway"
	"toolward/guard/decode/sieve"
)

// files are members that hold encoded files by design.
var files = set("content", "contents", "data", "file", "blob", "bytes", "base64", "b64", "image", "attachment", "attachments", "body_base64", "payload_base64", "raw",
	"media", "archive", "certificate", "cert", "key", "public_key", "patch", "binary", "token", "jwt", "authorization", "signature", "id", "cursor", "state", "nonce", "hash", "etag", "metadata")

// enciphered finds text that is readable only after decoding.
func (s *scan) enciphered() {
	text, blocks := s.beside()
	if len(text) < minPayload {
		return
	}
	if len(text) > 6*minPayload { // in which fewer bytes than that are no finding
		s.x.Least = 2 * minPayload
	}
	via, n := s.decoded(text, blocks)
	s.x.Least = 0
	if n >= 2*minPayload || n >= minPayload && n*3 >= len(text) {
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
	via = s.t.Cipher
	if via == "" && swapped(text, blocks) {
		via = "swapped-case"
	}
	if via != "" && len(text) >= minCiphered && strings.Count(text, " ") >= 4 {
		s.add(RuleEncipher, gateway.SeverityMedium, 0.7, 0, len(s.text), via)
	}
}

// minCiphered is the fewest bytes in which a cipher is none by chance.
const minCiphered = 40

// beside is the text without its URLs, which were judged as such, and its blocks.
func (s *scan) beside() (string, []sieve.Block) {
	text := s.text
	if len(s.links) == 0 {
		if s.t.Blocks != nil {
			return text, s.t.Blocks
		}
	} else {
		var b strings.Builder
		at := 0
		for _, l := range s.links {
			b.WriteString(s.text[at:l.lo])
			at = l.hi
		}
		b.WriteString(s.text[at:])
		text = b.String()
	}
	s.blocks = sieve.Read(s.blocks, text)
	return text, s.blocks
}

// swapped reports whether the case of a text was turned round: "tHE rOBOT".
func swapped(s string, blocks []sieve.Block) bool {
	if !turns(blocks) {
		return false
	}
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

// turns reports whether two small letters stand before two capitals each, which two words
// of swapped case need.
func turns(blocks []sieve.Block) bool {
	n := 0
	for k := range blocks {
		b, behind := &blocks[k], uint64(0)
		if k+1 < len(blocks) {
			behind = blocks[k+1].Upper
		}
		n += bits.OnesCount64(b.Lower & (b.Upper>>1 | behind<<63) & (b.Upper>>2 | behind<<62))
	}
	return n >= 2
}

// escaped reports whether a text holds, outside URLs, escapes of characters
// that need none: spaces and letters, in the way of URLs or HTML.
func escaped(s string) bool {
	return strings.Count(s, "%20")+strings.Count(s, "%0A")+strings.Count(s, "&#32;")+strings.Count(s, "&#x20;") >= 2 ||
		strings.Count(s, "&#") >= 6 && strings.Count(s, "&#")*12 > len(s)
}
