//go:build e2e

package lab

import "testing"

// StdioTold is the next message that `toolward stdio` sends without being asked.
func (g *Gateway) StdioTold(t testing.TB) string {
	t.Helper()
	line, err := g.pipe.out.ReadString('\n')
	if err != nil || !notification(line) {
		t.Fatalf("%q: %v\n%s", line, err, g.pipe.log)
	}
	return line
}
