//go:build e2e

package attacks

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// metrics are the numbers that a gateway serves, by name and labels as they stand.
func metrics(t *testing.T, g *lab.Gateway) map[string]float64 {
	t.Helper()
	resp, err := http.Get(g.URL + "/metrics")
	must(t, err)
	defer resp.Body.Close()
	all := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if i := strings.LastIndex(lines.Text(), "} "); i >= 0 {
			name, value = lines.Text()[:i+1], lines.Text()[i+2:]
		}
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			all[name] = n
		}
	}
	return all
}

// TestForeignRowWhileItRuns appends rows under a running gateway, as any program can.
// It is said at once by what a load balancer, an alert and a caller look at, nothing
// is gone on with, and a person goes on behind it with one command.
func TestForeignRowWhileItRuns(t *testing.T) {
	for name, row := range map[string]string{
		"the next number": `SELECT max(seq) + 1, 0, 'audit.note', '{}', zeroblob(32), zeroblob(16) FROM events`,
		"a later number":  `SELECT max(seq) + 5000, 0, 'block.lifted', '{}', zeroblob(32), zeroblob(16) FROM events`,
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{})
			call := func() lab.Answer { return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")) }
			if a := call(); a.Code != "" || metrics(t, g)["toolward_audit_foreign"] != 0 {
				t.Fatalf("before: %+v", a)
			}
			onRecord(t, g, "INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) "+row)
			g.Until(t, "readiness does not say it", func() bool {
				status, body := readyz(t, g, false)
				return status == http.StatusServiceUnavailable && strings.Contains(body, "is foreign")
			})
			if _, body := readyz(t, g, true); strings.Contains(body, "foreign") || !strings.Contains(body, `"audit":"down"`) {
				t.Errorf("a stranger reads %s", body)
			}
			if m := metrics(t, g); m["toolward_audit_foreign"] != 1 || m["toolward_audit_ready"] != 0 {
				t.Errorf("metrics: foreign %v, ready %v", m["toolward_audit_foreign"], m["toolward_audit_ready"])
			}
			before := len(g.Upstream.Ledger())
			if a := call(); a.Code != "unrecorded" || len(g.Upstream.Ledger()) != before {
				t.Errorf("a call: %+v", a)
			}
			if code, out := g.Run(t, "audit", "new-segment", "--why", "x", "--config", "toolward.yaml"); code == 0 || !strings.Contains(out, "process") {
				t.Errorf("a new segment under a running gateway: %d %s", code, out)
			}
			g.Signal(t, syscall.SIGTERM)
			g.Wait(t) // what it could not close it says
			args := []string{"audit", "new-segment", "--why", "somebody wrote there", "--config", "toolward.yaml"}
			if strings.Contains(row, "5000") {
				args = append(args, "--accept-gap")
			}
			succeed(t, g, args...)
			g.Restart(t)
			if a := call(); a.Code != "" || metrics(t, g)["toolward_audit_foreign"] != 0 {
				t.Errorf("behind it: %+v", a)
			}
			if _, said := g.Run(t, "audit", "verify", "--config", "toolward.yaml"); !strings.Contains(said, "are not the record's") || !strings.Contains(said, "somebody wrote there") {
				t.Errorf("verify does not say it:\n%s", said)
			}
			g.CheckChain(t, "")
		})
	}
}

// ownRow appends an event as the gateway would: chained, and with the MAC of its key.
func ownRow(t *testing.T, g *lab.Gateway, eventType string, at time.Time) (seq int64) {
	t.Helper()
	_, rest, _ := strings.Cut(read(t, filepath.Join(g.Dir, "toolward.db.keys")), "\nmac ")
	text, _, _ := strings.Cut(rest, "\n")
	key, err := hex.DecodeString(text)
	must(t, err)
	last := g.Rows(t, "", "SELECT seq, hex(hash) AS hash FROM events ORDER BY seq DESC LIMIT 1")[0]
	before, err := hex.DecodeString(fmt.Sprint(last["hash"]))
	must(t, err)
	number, err := strconv.ParseFloat(fmt.Sprint(last["seq"]), 64)
	must(t, err)
	seq = int64(number) + 1
	net := func(s string) string { return fmt.Sprintf("%d:%s,", len(s), s) }
	ms := fmt.Sprint(at.UnixMilli())
	hash := sha256.Sum256([]byte(string(before) + net(fmt.Sprint(seq)) + net(ms) + net(eventType) + strings.Repeat("-", 13) + net("{}") + "-"))
	mac := hmac.New(sha256.New, key)
	mac.Write(hash[:])
	onRecord(t, g, fmt.Sprintf("INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) VALUES (%d, %s, '%s', '{}', x'%x', x'%x')", seq, ms, eventType, hash, mac.Sum(nil)[:16]))
	return seq
}

// TestEventOf2030 has one event from the future on the record, as a clock that was
// wrong for a moment leaves it: it is said, and neither calls nor retention stop.
func TestEventOf2030(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	call := func() {
		t.Helper()
		if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")); a.Code != "" {
			t.Errorf("a call: %+v", a)
		}
	}
	call()
	g.Kill()
	g.Wait(t)
	seq := ownRow(t, g, "gateway.hangup", time.Now().AddDate(4, 0, 0))
	g.Restart(t)
	status, body := readyz(t, g, false)
	if status != http.StatusOK || !strings.Contains(body, `"audit":"degraded: the record has events of a time that has not come`) {
		t.Errorf("readiness: %d %s", status, body)
	}
	if by := metrics(t, g)["toolward_audit_clock_ahead_seconds"]; by < 3*365*86400 || by > 5*365*86400 {
		t.Errorf("the clock is %v s ahead", by)
	}
	call()
	soon := time.Now().Add(time.Second).UTC().Truncate(time.Second)
	for time.Now().Before(soon) {
		call()
	}
	prune := func() int {
		a := g.Operate(t, g.Credential(t), http.MethodPost, "audit/prune", `{"before":"`+soon.Format(time.RFC3339)+`","why":"a test"}`, nil)
		var gone struct{ Removed int }
		if err := json.Unmarshal([]byte(a.Text), &gone); err != nil || a.Status != http.StatusOK {
			t.Fatalf("prune: %d %s", a.Status, a.Text)
		}
		return gone.Removed
	}
	if n := prune(); int64(n) < seq {
		t.Errorf("%d events are pruned, and the event of the future was the %dth", n, seq)
	}
	g.Until(t, "it is still said", func() bool {
		_, body := readyz(t, g, false)
		return strings.Contains(body, `"audit":"ok"`) && metrics(t, g)["toolward_audit_clock_ahead_seconds"] == 0
	})
	call()
	g.CheckChain(t, "")
}
