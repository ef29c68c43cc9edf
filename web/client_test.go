package web

import (
	"net/http"
	"net/netip"
	"testing"
)

// Who a request is from, where proxies are trusted and where they lie.
func TestClientBehindProxies(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("127.0.0.1/32")}
	for _, tt := range []struct {
		name, peer, header, value, want string
	}{
		{"no proxy", "203.0.113.9:5", HeaderXFF, "", "203.0.113.9"},
		{"a peer that is no proxy and says it is", "203.0.113.9:5", HeaderXFF, "198.51.100.1", "203.0.113.9"},
		{"one proxy", "10.0.0.2:5", HeaderXFF, "198.51.100.1", "198.51.100.1"},
		{"two proxies", "10.0.0.2:5", HeaderXFF, "198.51.100.1, 10.0.0.7", "198.51.100.1"},
		{"spoofed on the left", "10.0.0.2:5", HeaderXFF, "127.0.0.1, 10.0.0.9, 198.51.100.1", "198.51.100.1"},
		{"spoofed to look like a proxy", "10.0.0.2:5", HeaderXFF, "192.0.2.66, 10.0.0.9", "192.0.2.66"},
		{"nothing said", "10.0.0.2:5", HeaderXFF, "", "10.0.0.2"},
		{"nonsense", "10.0.0.2:5", HeaderXFF, "unknown", "10.0.0.2"},
		{"nonsense behind a proxy", "10.0.0.2:5", HeaderXFF, "198.51.100.1, _hidden, 10.0.0.7", "10.0.0.7"},
		{"all trusted", "10.0.0.2:5", HeaderXFF, "10.0.0.3, 10.0.0.4", "10.0.0.3"},
		{"with a port", "10.0.0.2:5", HeaderXFF, "198.51.100.1:4711", "198.51.100.1"},
		{"IPv6", "[fd00::2]:5", HeaderXFF, "2001:db8::1", "2001:db8::1"},
		{"IPv6 with a port", "[fd00::2]:5", HeaderXFF, "[2001:db8::1]:4711", "2001:db8::1"},
		{"IPv4 in IPv6", "[::ffff:10.0.0.2]:5", HeaderXFF, "::ffff:198.51.100.1", "198.51.100.1"},
		{"a zone", "10.0.0.2:5", HeaderXFF, "fe80::1%eth0", "fe80::1"},
		{"the other header is not read", "10.0.0.2:5", HeaderXFF, "\x00Forwarded: for=192.0.2.66", "10.0.0.2"},
		{"Forwarded", "10.0.0.2:5", HeaderForwarded, "for=198.51.100.1;proto=https;by=10.0.0.2", "198.51.100.1"},
		{"Forwarded, quoted", "10.0.0.2:5", HeaderForwarded, `For="[2001:db8::1]:4711"`, "2001:db8::1"},
		{"Forwarded, spoofed by a quote", "10.0.0.2:5", HeaderForwarded, `for="x, for=192.0.2.66", for=198.51.100.1`, "198.51.100.1"},
		{"Forwarded, an open quote", "10.0.0.2:5", HeaderForwarded, `for="192.0.2.66, for=198.51.100.1`, "10.0.0.2"},
		{"Forwarded without for", "10.0.0.2:5", HeaderForwarded, "for=192.0.2.66, proto=https", "10.0.0.2"},
		{"Forwarded, hidden", "10.0.0.2:5", HeaderForwarded, "for=_SEVKISEK", "10.0.0.2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Server{opt: Options{TrustedProxies: trusted, ClientHeader: tt.header}}
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{}}
			if other, ok := cutOther(tt.value); ok {
				r.Header.Set("Forwarded", other)
			} else if tt.value != "" {
				r.Header.Set(tt.header, tt.value)
			}
			r.RemoteAddr = s.client(r)
			if got := netip.MustParseAddr(PeerOf(r)).Unmap().String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	s := &Server{}
	if got := s.client(&http.Request{RemoteAddr: "10.0.0.2:5", Header: http.Header{HeaderXFF: {"192.0.2.66"}}}); got != "10.0.0.2:5" {
		t.Errorf("without trusted proxies: %s", got)
	}
}

func cutOther(value string) (string, bool) {
	const mark = "\x00Forwarded: "
	if len(value) > len(mark) && value[:len(mark)] == mark {
		return value[len(mark):], true
	}
	return "", false
}
