package exfil

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/literal"
)

// dataURIs finds data: URIs (RFC 2397) with text that is encoded although it need not be:
// "data:text/html;base64,PGI+" in letters of any case. They are looked for by the end of
// what says so, which is rarer than the letters of "data:".
func (s *scan) dataURIs() {
	const rare = "64,"
	for at := 0; ; {
		i := strings.Index(s.text[at:], rare)
		if i < 0 {
			return
		}
		lo := at + i + len(rare) // of what is encoded
		at = lo
		start, textual := dataURI(s.text[max(0, lo-longestMedia):lo])
		if !textual {
			continue
		}
		start += max(0, lo-longestMedia)
		hi := lo
		for hi < len(s.text) && s.text[hi] > ' ' && !strings.ContainsRune(`"'<>)`, rune(s.text[hi])) {
			hi++
		}
		if via, n := s.decoded(s.text[lo:hi], nil); n >= 2*minPayload {
			s.add(RuleDataURI, gateway.SeverityLow, 0.4, start, hi, via)
		}
		at = hi
	}
}

// longestMedia is how many bytes of a data: URI may stand before its base64.
const longestMedia = 80

// dataURI returns where the data: URI starts at whose base64 follows head, and whether it
// says that it is text.
func dataURI(head string) (start int, textual bool) {
	folded := []byte(head)
	for i, c := range folded {
		folded[i] = literal.Fold(c)
	}
	head = string(folded)
	media, ok := strings.CutSuffix(head, ";base64,")
	if start = strings.LastIndex(media, "data:"); !ok || start < 0 {
		return 0, false
	}
	media = media[start+len("data:"):]
	if strings.ContainsAny(media, ", \n") {
		return 0, false
	}
	return start, strings.HasPrefix(media, "text/") || strings.HasPrefix(media, "application/json") || strings.HasPrefix(media, "application/xml")
}
