package server

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// peerUser is the user whose process is at the other end of a request's connection,
// as the system says: /proc/net/tcp has the user of each socket. The connection is
// open while that is read, so the socket cannot be another's by then.
//
//	sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
//	 0: 0100007F:D3A8 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 1000 0 7123
func peerUser(r *http.Request) (uid int, ok bool) {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local == nil {
		return 0, false
	}
	here, err1 := netip.ParseAddrPort(local.String())
	there, err2 := netip.ParseAddrPort(r.RemoteAddr)
	if err1 != nil || err2 != nil || there.Port() == 0 { // a proxy's word is no connection
		return 0, false
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if uid, ok := socketUser(table, there, here); ok {
			return uid, true
		}
	}
	return 0, false
}

// socketUser looks for the socket that is bound to one address and connected to the
// other.
func socketUser(table string, bound, connected netip.AddrPort) (uid int, ok bool) {
	f, err := os.Open(table)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	const established = "01"
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Fields(lines.Text())
		if len(field) < 8 || field[3] != established || !sameAddress(field[1], bound) || !sameAddress(field[2], connected) {
			continue
		}
		uid, err := strconv.Atoi(field[7])
		return uid, err == nil
	}
	return 0, false
}

// sameAddress compares with "0100007F:1F90": each four bytes of the address as a number
// of this machine, and the port.
func sameAddress(written string, want netip.AddrPort) bool {
	address, port, _ := strings.Cut(written, ":")
	raw, err := hex.DecodeString(address)
	if err != nil || len(raw)%4 != 0 || port != fmt.Sprintf("%04X", want.Port()) {
		return false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	a, ok := netip.AddrFromSlice(raw)
	return ok && a.Unmap() == want.Addr().Unmap().WithZone("")
}
