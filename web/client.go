package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// The headers in which a proxy says who connected to it.
const (
	HeaderXFF       = "X-Forwarded-For" // the usual one
	HeaderForwarded = "Forwarded"       // RFC 7239
)

// maxHops is how many proxies are looked behind.
const maxHops = 16

// client is the address of who a request is from: the peer, and where that is a
// proxy that the operator trusts, the last address in the header that is none.
// What stands to the left of that was written by whoever connected, and is not
// believed; the other header is not looked at, since a proxy that does not know it
// passes it on.
//
//	peer 10.0.0.2, trusted 10.0.0.0/8, "X-Forwarded-For: 127.0.0.1, 203.0.113.9, 10.0.0.7" → 203.0.113.9
func (s *Server) client(r *http.Request) string {
	peer, err := netip.ParseAddr(PeerOf(r))
	if err != nil || len(s.opt.TrustedProxies) == 0 || !s.trusted(peer) {
		return r.RemoteAddr
	}
	client := peer
	hops := hopsOf(r.Header, s.opt.ClientHeader)
	for n := 0; n < maxHops && n < len(hops); n++ {
		hop, ok := parseHop(hops[len(hops)-1-n])
		if !ok {
			break // unknown, hidden or nonsense: whoever wrote it is as far as is known
		}
		client = hop
		if !s.trusted(hop) {
			break
		}
	}
	if client == peer {
		return r.RemoteAddr
	}
	return netip.AddrPortFrom(client, 0).String()
}

func (s *Server) trusted(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range s.opt.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// hopsOf are the elements of all headers of a name, in their order.
func hopsOf(h http.Header, name string) []string {
	all := strings.Join(h.Values(name), ",")
	if name != HeaderForwarded {
		return strings.Split(all, ",")
	}
	var hops []string
	for _, element := range splitQuoted(all, ',') {
		hop := ""
		for _, pair := range splitQuoted(element, ';') {
			if key, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(key), "for") {
				hop = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// splitQuoted splits a text at a byte that stands outside of quotes.
func splitQuoted(text string, at byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		case text[i] == at && !quoted:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

// parseHop reads an address with or without a port: 203.0.113.9, 203.0.113.9:80,
// 2001:db8::1, [2001:db8::1]:80.
func parseHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var with netip.AddrPort
		if with, err = netip.ParseAddrPort(text); err != nil {
			return netip.Addr{}, false
		}
		addr = with.Addr()
	}
	return addr.Unmap().WithZone(""), true
}
