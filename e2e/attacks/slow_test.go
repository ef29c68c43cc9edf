//go:build e2e && slow

package attacks

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// Agents that ask for large answers and read none of them over REST are not waited
// for: the answers and the connections are given back. `make slow` runs it, since
// the deadline of so large a write is minutes away.
func TestSlowReadersAreNotWaitedFor(t *testing.T) {
	const size, readers = 6 << 20, 20
	text := strings.Repeat("a", size)
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"large","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"` + text + `"}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}})
	before := goroutines(t, g)
	for range readers {
		conn := connect(t, g, "")
		if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, fmt.Sprintf("POST /v1/tools/lab__large/call HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}", strings.TrimPrefix(g.URL, "http://"), g.Tester())); err != nil {
			t.Fatal(err)
		}
	}
	g.Until(t, "the answers are not being written", func() bool { return len(up.Got("tools/call")) == readers })
	late := time.After(6 * time.Minute)
	for look := time.NewTicker(time.Second); ; {
		select {
		case <-late:
			t.Fatalf("%d goroutines, %d before", goroutines(t, g), before)
		case <-look.C:
		}
		if goroutines(t, g) <= before+5 {
			return
		}
	}
}

func goroutines(t *testing.T, g *lab.Gateway) int {
	t.Helper()
	resp, err := http.Get(g.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(regexp.MustCompile(`(?m)^go_goroutines (\d+)`).FindSubmatch(text)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
