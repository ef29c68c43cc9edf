package exfil

import (
	"strings"

	"toolward/gateway"
)

// base64Follows ends what stands in a data: URI before its base64, RFC 2397 §3.
const base64Follows = ";base64,"

// dataURIs finds data: URIs with text that is encoded although it need not be.
func (s *scan) dataURIs() {
	if !strings.Contains(s.text, base64Follows) { // rarer than the letters of "data:"
		return
	}
	for at := 0; ; {
		i := strings.Index(s.text[at:], "data:")
		if i < 0 {
			return
		}
		i += at
		at = i + 5
		head := s.text[at:min(len(s.text), at+80)]
		comma := strings.IndexByte(head, ',')
		if comma < 0 || !strings.Contains(head[:comma], "/") || strings.ContainsAny(head[:comma], " \n") {
			continue
		}
		hi := at + comma + 1
		for hi < len(s.text) && s.text[hi] > ' ' && !strings.ContainsRune(`"'<>)`, rune(s.text[hi])) {
			hi++
		}
		media := head[:comma]
		textual := strings.HasPrefix(media, "text/") || strings.HasPrefix(media, "application/json") || strings.HasPrefix(media, "application/xml")
		if textual && strings.HasSuffix(s.text[:at+comma+1], base64Follows) {
			if via, n := s.decoded(s.text[at+comma+1:hi], nil); n >= 2*minPayload {
				s.add(RuleDataURI, gateway.SeverityLow, 0.4, i, hi, via)
			}
		}
		at = hi
	}
}
