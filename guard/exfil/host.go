package exfil

import (
	"strings"

	"toolward/gateway"
)

// host judges a host name: data in its labels reaches whoever answers for the
// domain, even if nothing can be connected to.
func (s *scan) host(l link, host string, at int) {
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = host[i+1:]
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	s.name(l.lo, max(l.hi, at+len(host)), host)
}

// name judges a DNS name, which stands in text[lo:hi].
func (s *scan) name(lo, hi int, host string) {
	labels := strings.Split(host, ".")
	if len(labels) < 3 || len(host) < 2*minPayload {
		return
	}
	data := strings.Join(labels[:len(labels)-2], ".")
	if via, n := s.decoded(data, nil); n >= minPayload-4 {
		s.add(RuleHost, gateway.SeverityHigh, 0.9, lo, hi, via)
		return
	}
	long, longest := 0, 0
	for _, label := range labels[:len(labels)-2] {
		if random(label) {
			long += len(label)
			longest = max(longest, len(label))
		}
	}
	if long >= 48 || longest >= 40 {
		s.add(RuleHost, gateway.SeverityMedium, 0.6, lo, hi, "")
	} else if w := spoken(labels[:len(labels)-2], host); w > nothing {
		severity, score := w.severity()
		s.add(RuleHost, severity, score, lo, hi, "")
	}
}

// random reports whether a label is long and mixes letters and digits as words
// do not. UUIDs, which name deployments, are passed over.
func random(label string) bool {
	if len(label) < 16 || len(label) == 36 && strings.Count(label, "-") == 4 {
		return false
	}
	changes := 0
	for i := 1; i < len(label); i++ {
		if a, b := label[i-1], label[i]; letter(a) != letter(b) && a != '-' && b != '-' {
			changes++
		}
	}
	return changes*5 >= len(label)
}
