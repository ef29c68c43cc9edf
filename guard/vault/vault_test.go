package vault

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

var (
	ann    = &gateway.Agent{ID: "ann", Issuer: "i"}
	annTwo = &gateway.Agent{ID: "ann", Issuer: "i", Session: "two"}
	bob    = &gateway.Agent{ID: "bob", Issuer: "i"}
)

func kept(server, text string) gateway.Kept {
	return gateway.Kept{Kind: gateway.FindingSecret, Rule: "secret.x", Server: server, Text: text}
}

var form = regexp.MustCompile(`^\[redacted secret\.x ([0-9a-hjkmnp-tv-z]{12})\]$`)

func id(t *testing.T, placeholder string) string {
	t.Helper()
	m := form.FindStringSubmatch(placeholder)
	if m == nil {
		t.Fatalf("%q is no placeholder", placeholder)
	}
	return m[1]
}

func TestAValueBelongsToASessionAndAServer(t *testing.T) {
	v := New(nil)
	first := id(t, v.Keep(ann, kept("files", "hunter2!")))
	for _, tt := range []struct {
		name  string
		agent *gateway.Agent
		kept  gateway.Kept
		same  bool
	}{
		{"again", ann, kept("files", "hunter2!"), true},
		{"found by another rule", ann, gateway.Kept{Kind: gateway.FindingPII, Rule: "pii.x", Server: "files", Text: "hunter2!"}, true},
		{"another value", ann, kept("files", "hunter3!"), false},
		{"another server", ann, kept("mail", "hunter2!"), false},
		{"another session", annTwo, kept("files", "hunter2!"), false},
		{"another agent", bob, kept("files", "hunter2!"), false},
		{"no string", ann, gateway.Kept{Rule: "secret.x", Server: "files", Text: "hunter2!", JSON: true}, false},
	} {
		if got := id(t, v.Keep(tt.agent, tt.kept)); (got == first) != tt.same {
			t.Errorf("%s: %s and %s", tt.name, got, first)
		}
	}
	if got, ok := v.Value(ann, first); !ok || got.Text != "hunter2!" || got.Server != "files" {
		t.Errorf("got %+v, %v", got, ok)
	}
	for _, a := range []*gateway.Agent{annTwo, bob, nil} {
		if got, ok := v.Value(a, first); ok {
			t.Errorf("%v has %+v", a, got)
		}
	}
}

func TestSteadyPlaceholdersAreTheSameInEverySession(t *testing.T) {
	steady := func(v *Vault, a *gateway.Agent, server, text string) string {
		k := kept(server, text)
		k.Steady = true
		return id(t, v.Keep(a, k))
	}
	v := New([]byte("key"))
	first := steady(v, ann, "crm", "ann@example.com")
	if again := steady(New([]byte("key")), annTwo, "crm", "ann@example.com"); again != first {
		t.Errorf("%s in another session after a restart, %s before", again, first)
	}
	for name, other := range map[string]string{
		"value": steady(v, ann, "crm", "bob@example.com"), "server": steady(v, ann, "mail", "ann@example.com"),
		"agent": steady(v, bob, "crm", "ann@example.com"), "key": steady(New([]byte("other")), ann, "crm", "ann@example.com"),
	} {
		if other == first {
			t.Errorf("another %s has the same", name)
		}
	}
	if _, ok := v.Value(annTwo, first); ok {
		t.Error("a session has a value that it was never shown")
	}
}

func TestTheLongestUnusedGoFirst(t *testing.T) {
	v := New(nil)
	text := func(n int) string { return fmt.Sprintf("%06d", n) + strings.Repeat("x", 100<<10) }
	fits := PerSession / (len(text(0)) + overhead)
	var ids []string
	for n := range fits {
		ids = append(ids, id(t, v.Keep(ann, kept("s", text(n)))))
	}
	v.Value(ann, ids[0])
	v.Keep(ann, kept("s", text(fits)))
	if _, ok := v.Value(ann, ids[0]); !ok {
		t.Error("a value that was used a moment ago is gone")
	}
	if _, ok := v.Value(ann, ids[1]); ok || v.size > PerSession {
		t.Errorf("the longest unused is there still, %d bytes in all", v.size)
	}
	for n := range 2 * Total / PerSession {
		a := &gateway.Agent{ID: fmt.Sprint("agent ", n)}
		for m := range fits {
			v.Keep(a, kept("s", text(m)))
		}
		if v.size > Total {
			t.Fatalf("%d bytes", v.size)
		}
	}
	if v.Holds(ann) {
		t.Error("the session unused longest holds something still")
	}
	total := 0
	for _, s := range v.sessions {
		size := 0
		for _, e := range s.byID {
			size += e.size()
		}
		if size != s.size || len(s.byID) != len(s.byValue) || len(s.byID) != s.order.Len() {
			t.Errorf("%s counts %d, has %d", s.key, s.size, size)
		}
		total += size
	}
	if total != v.size {
		t.Errorf("counts %d, has %d", v.size, total)
	}
}

func TestUnusedSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := New(nil)
		first := id(t, v.Keep(ann, kept("s", "hunter2!")))
		v.Keep(bob, kept("s", "hunter2!"))
		time.Sleep(TTL / 2)
		if _, ok := v.Value(ann, first); !ok {
			t.Fatal("gone before its time")
		}
		time.Sleep(TTL/2 + 1)
		if v.Holds(bob) {
			t.Error("held for ever")
		}
		if _, ok := v.Value(ann, first); !ok {
			t.Error("a value in use is gone")
		}
		time.Sleep(TTL + 1)
		v.Keep(annTwo, kept("s", "hunter2!"))
		if len(v.sessions) != 1 || v.size != len("hunter2!")+overhead {
			t.Errorf("%d sessions, %d bytes", len(v.sessions), v.size)
		}
	})
}

func TestWhatIsNeverKept(t *testing.T) {
	v := New(nil)
	own := kept("s", "the-gateway's-own")
	own.Rule = RuleOwn
	if got := v.Keep(ann, own); got != "[redacted secret.own]" {
		t.Errorf("own: %s", got)
	}
	if _, ok := v.Value(ann, id(t, v.Keep(ann, kept("s", strings.Repeat("x", MaxValue+1))))); ok || v.Holds(ann) {
		t.Error("a value over the bound is kept")
	}
}

func TestFind(t *testing.T) {
	v := New(nil)
	key := "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4\nKUpRKfFLfRYC9AIKjbJTWit+\n-----END KEY-----"
	for _, text := range []string{"s00per-s3cret", "development", "1234", key} {
		v.Keep(ann, kept("files", text))
	}
	v.Keep(ann, gateway.Kept{Kind: gateway.FindingHidden, Rule: gateway.RuleLookalike, Server: "files", Text: "[redacted secret.x 000000000000]"})
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"alone", "s00per-s3cret", []string{"s00per-s3cret"}},
		{"inside", "a s00per-s3cret, b=s00per-s3cret", []string{"s00per-s3cret", "s00per-s3cret"}},
		{"words stay", "development 1234", nil},
		{"lookalikes stay", "[redacted secret.x 000000000000]", nil},
		{"lines of a key", "+MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4\n KUpRKfFLfRYC9AIKjbJTWit+", []string{
			"MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4", "KUpRKfFLfRYC9AIKjbJTWit+"}},
		{"frames of keys stay", "-----BEGIN KEY-----\n", nil},
		{"all of a key", key, []string{key}},
	} {
		var got []string
		for _, f := range v.Find(ann, tt.text) {
			got = append(got, tt.text[f.Span[0]:f.Span[1]])
		}
		if strings.Join(got, "|") != strings.Join(tt.want, "|") {
			t.Errorf("%s: got %q", tt.name, got)
		}
	}
	if got := v.Find(bob, "s00per-s3cret"); got != nil {
		t.Errorf("another agent: %v", got)
	}
}

func TestValuesOfAServerAreForgotten(t *testing.T) {
	v := New(nil)
	mine, others := id(t, v.Keep(ann, kept("files", "hunter2!"))), id(t, v.Keep(ann, kept("mail", "hunter2!")))
	alone := id(t, v.Keep(bob, kept("files", "hunter3!")))
	v.Forget("files")
	if _, ok := v.Value(ann, mine); ok {
		t.Error("the server's value is there still")
	}
	if _, ok := v.Value(bob, alone); ok || v.Holds(bob) {
		t.Error("a session of nothing else is there still")
	}
	if _, ok := v.Value(ann, others); !ok {
		t.Error("another server's is gone")
	}
	v.Forget("mail")
	if v.size != 0 || len(v.sessions) != 0 || v.used.Len() != 0 {
		t.Errorf("%d bytes of %d sessions are left", v.size, len(v.sessions))
	}
}

// BenchmarkFind looks through a text of 64 KiB for what a session holds.
func BenchmarkFind(b *testing.B) {
	text := strings.Repeat("func main() { fmt.Println(\"the quick brown fox\", 12, value) } // and so on, line by line\n", 64<<10/88)
	for _, n := range []int{1, 100, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			v := New(nil)
			for i := range n {
				v.Keep(ann, kept("files", fmt.Sprintf("v%da1ue-%x-s3cret", i%97, i*7919)))
			}
			v.Find(ann, "")
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				v.Find(ann, text)
			}
		})
	}
}
