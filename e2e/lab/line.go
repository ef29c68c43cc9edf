//go:build e2e

package lab

import "testing"

// StdioLine is the next message that `toolward stdio` sends, asked or not.
func (g *Gateway) StdioLine(t testing.TB) string {
	t.Helper()
	line, err := g.pipe.out.ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v\n%s", line, err, g.pipe.log)
	}
	return line
}
