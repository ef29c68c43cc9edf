package server

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// The user at the other end, over either protocol, and of no connection that is not
// this one.
func TestPeerUser(t *testing.T) {
	for network, address := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "tcp": "localhost:0"} {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Logf("%s: %v", network, err) // a machine without IPv6
			continue
		}
		uid, known := -1, false
		srv := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			uid, known = peerUser(r)
			r.RemoteAddr = "127.0.0.1:0" // as a trusted proxy's word leaves it
			if u, ok := peerUser(r); ok {
				t.Errorf("a proxy's word is a connection of user %d", u)
			}
		})}}
		srv.Start()
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		srv.Close()
		if !known || uid != os.Geteuid() {
			t.Errorf("%s: user %d, %v", network, uid, known)
		}
	}
}

// A table as the system writes it: which line is the connection's.
func TestSocketUser(t *testing.T) {
	table := filepath.Join(t.TempDir(), "tcp")
	if err := os.WriteFile(table, []byte(`  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     1 0 1
   1: 0100007F:1F90 0100007F:D3A8 01 00000000:00000000 00:00000000 00000000     2 0 2
   2: 0100007F:D3A8 0100007F:1F91 01 00000000:00000000 00:00000000 00000000     3 0 3
   3: 0100007F:D3A8 0100007F:1F90 06 00000000:00000000 00:00000000 00000000     4 0 4
   4: 0200007F:D3A8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     5 0 5
   5: 0100007F:D3A8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000 0 6
   6: 0000000000000000FFFF00000100007F:D3A9 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000 1001 0 7
   7: 00000000000000000000000001000000:D3A8 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000 1002 0 8
   8: torn
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for peer, want := range map[string]int{"127.0.0.1:54184": 1000, "127.0.0.1:54185": 1001, "127.0.0.1:54186": -1, "127.0.0.3:54184": -1} {
		uid, ok := socketUser(table, netip.MustParseAddrPort(peer), netip.MustParseAddrPort("127.0.0.1:8080"))
		if !ok {
			uid = -1
		}
		if uid != want {
			t.Errorf("%s is user %d, want %d", peer, uid, want)
		}
	}
	if uid, ok := socketUser(table, netip.MustParseAddrPort("[::1]:54184"), netip.MustParseAddrPort("[::1]:8080")); !ok || uid != 1002 {
		t.Errorf("over IPv6: user %d, %v", uid, ok)
	}
}
