package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

const (
	maxWire   = 64   // what model providers accept for a function's name
	maxName   = 1024 // bytes of an upstream's own name for a tool or prompt
	maxServer = 40   // bytes of a server's name: it stands in each wire name
)

func nameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '_' || b == '-'
}

func validServerName(s string) bool {
	if s == "" || len(s) > maxServer || strings.Contains(s, "__") {
		return false
	}
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return true
}

// WireName is the name of a server's tool on /mcp. It depends on the two names
// only, so it does not move when another upstream comes or goes.
//
// The plain form is ambiguous where an underscore touches the separator:
// "a_"+"x" and "a"+"_x" would both be a___x. Those are hashed too.
func WireName(server, name string) string {
	most := maxWire
	if !letter(server[0]) {
		most-- // for the underscore that some providers need before it
	}
	plain := server + "__" + name
	if len(plain) <= most && name != "" && name[0] != '_' && server[len(server)-1] != '_' && allNameBytes(name) {
		return plain
	}
	sum := sha256.Sum256([]byte(server + "\x00" + name))
	hash := "-" + hex.EncodeToString(sum[:5])
	head := server + "__" + clean(name)
	if len(head)+len(hash) > most {
		head = head[:most-len(hash)]
	}
	return head + hash
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' }

func allNameBytes(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return true
}

// clean puts an underscore for each character that is not allowed.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && nameByte(byte(r)) {
			return r
		}
		return '_'
	}, name)
}
