package client

import (
	"strings"
	"testing"

	"toolward/gateway"
)

// What an operator wrote about a block, and whom it names, is no server's to read;
// what policy says of a question is for it.
func TestWhatServersReadOfARefusal(t *testing.T) {
	for code, told := range map[gateway.Code]bool{
		gateway.Blocked: false, gateway.PolicyDenied: true, gateway.GuardBlocked: true, gateway.Unsupported: true, gateway.Malformed: true,
	} {
		_, text := refusalCode(gateway.Refuse("step", code, "agent ann: incident 4711"))
		if got := strings.Contains(text, "ann") || strings.Contains(text, "4711"); got != told || text == "" {
			t.Errorf("%s: the server reads %q", code, text)
		}
	}
}
