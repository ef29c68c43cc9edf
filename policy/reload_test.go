package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"toolward/gateway"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	allowAll = "package gateway\n\nallow := true\n"
	allowNo  = "package gateway\n\nallow := false\n"
	broken   = "package gateway\n\nallow if {\n"
)

// watched is an engine that follows a policy of one file, and its reloads.
func watched(t *testing.T, shadow string) (e *Engine, file string, reloads chan error) {
	t.Helper()
	dir := writeFiles(t, map[string]string{"p.rego": allowAll})
	reloads = make(chan error, 16)
	e, err := New(t.Context(), Options{Path: dir, Shadow: shadow, OnReload: func(err error) { reloads <- err }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, filepath.Join(dir, "p.rego"), reloads
}

// replace writes a file as editors do: a new one, moved over the old.
func replace(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file+".tmp", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".tmp", file); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	e, file, reloads := watched(t, "")
	call := readCall(t, `{}`)
	first := e.Revision()

	replace(t, file, allowNo)
	if err := <-reloads; err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectDeny || d.Revision == first {
		t.Errorf("%+v after the change, want deny of another revision", d)
	}

	replace(t, file, broken)
	err := <-reloads
	var ps Problems
	if !errors.As(err, &ps) || len(ps) == 0 || ps[0].Line == 0 {
		t.Errorf("reload of a broken file: %v, want Problems with a place", err)
	}
	if e.Ready() == nil {
		t.Error("ready although the files are not in force")
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectDeny {
		t.Errorf("%s, want the deny of the last good revision", d.Effect)
	}

	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := <-reloads; err == nil {
		t.Error("a deleted policy was loaded")
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectDeny {
		t.Errorf("%s after the file was deleted, want the last good revision", d.Effect)
	}

	replace(t, file, allowAll)
	if err := <-reloads; err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectAllow || e.Ready() != nil {
		t.Errorf("%s, ready %v; want allow and ready", d.Effect, e.Ready())
	}
	if e.Revision() != first {
		t.Error("the same files have another revision")
	}
}

// TestSameErrorIsToldOnce: looking again at files that are still broken must
// not fill log and record.
func TestSameErrorIsToldOnce(t *testing.T) {
	dir := writeFiles(t, map[string]string{"p.rego": allowAll})
	told := 0
	e, err := Open(t.Context(), Options{Path: dir, OnReload: func(error) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "p.rego"), broken)
	for range 3 {
		if e.Reload(t.Context()) == nil {
			t.Fatal("a broken policy was loaded")
		}
	}
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}

// TestResultIsJudgedByTheRevisionOfItsRequest: a reload between the halves of a
// call must not mix two policies in it.
func TestResultIsJudgedByTheRevisionOfItsRequest(t *testing.T) {
	dir := writeFiles(t, map[string]string{"p.rego": allowAll + "\ndeny contains \"old\" if input.result.old\n"})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := readCall(t, `{}`)
	c.Decision = decide(t, e, c)
	replace(t, filepath.Join(dir, "p.rego"), allowAll)
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Result = &gateway.Result{Raw: []byte(`{"old":true}`)}
	d := decide(t, e, c)
	if d.Effect != gateway.EffectDeny || d.Revision != c.Decision.Revision {
		t.Errorf("%+v, want the deny of revision %s", d, c.Decision.Revision)
	}
}

// TestCallCountedTooLongAgo: policy changes between what a call was counted by and
// the decision about it. The revision that counted decides as long as it is kept;
// one that did not count the call would read 0 in its meters.
func TestCallCountedTooLongAgo(t *testing.T) {
	for reloads := range pastRevisions + 3 {
		counting := func(i int) string {
			return fmt.Sprintf("%s\nmeter contains {\"name\": \"m%d\", \"window\": \"1h\"}\n\ndeny contains \"m%d\" if input.meters.m%d.count > 0\n", allowAll, i, i, i)
		}
		dir := writeFiles(t, map[string]string{"p.rego": counting(0)})
		e, err := Open(t.Context(), Options{Path: dir})
		if err != nil {
			t.Fatal(err)
		}
		c := readCall(t, `{}`)
		if c.Tally, err = e.CountRequest(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		c.Session.Meters = []gateway.Used{{Name: "m0", Count: 1, Sum: gateway.One, Amount: gateway.One}}
		for i := range reloads {
			replace(t, filepath.Join(dir, "p.rego"), counting(i+1))
			if err := e.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		d, err := e.DecideRequest(t.Context(), c)
		if kept := reloads <= pastRevisions; kept != (err == nil) || d.Effect != gateway.EffectDeny {
			t.Errorf("after %d changes: %+v, %v", reloads, d, err)
		}
		replace(t, filepath.Join(dir, "p.rego"), allowAll)
		if err := e.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d, err := e.DecideRequest(t.Context(), c); reloads >= pastRevisions && (err != nil || d.Effect != gateway.EffectAllow) {
			t.Errorf("after %d changes, by a policy that does not count: %+v, %v", reloads, d, err)
		}
	}
}

// TestOneSnapshotPerCall changes two files that only make sense together while
// calls are decided: policy and data of one revision, never of two.
func TestOneSnapshotPerCall(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"p.rego":    "package gateway\n\nallow if data.word == \"one\"\n\nlabel contains \"one\" if data.word == \"one\"\n",
		"data.json": `{"word":"one"}`,
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			c := readCall(t, `{}`)
			for {
				select {
				case <-stop:
					return
				default:
				}
				d, err := judged(t.Context(), e, c)
				if err != nil || d.Effect == gateway.EffectAllow && len(d.Labels) != 1 {
					t.Errorf("%+v %v", d, err)
					return
				}
			}
		})
	}
	for i := range 20 {
		word := []string{"two", "one"}[i%2]
		replace(t, filepath.Join(dir, "data.json"), `{"word":"`+word+`"}`)
		if err := e.Reload(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestShadow(t *testing.T) {
	next := writeFiles(t, map[string]string{"p.rego": allowNo})
	e, _, reloads := watched(t, next)
	d := decide(t, e, readCall(t, `{}`))
	if d.Effect != gateway.EffectAllow || d.Shadow != gateway.EffectDeny {
		t.Errorf("effect %s, shadow %s; want allow and deny", d.Effect, d.Shadow)
	}
	replace(t, filepath.Join(next, "p.rego"), broken)
	if err := <-reloads; err == nil || !strings.Contains(err.Error(), "shadow") {
		t.Errorf("reload: %v, want an error that names the shadow policy", err)
	}
	if d := decide(t, e, readCall(t, `{}`)); d.Shadow != gateway.EffectDeny {
		t.Errorf("shadow %q, want that of the last good revision", d.Shadow)
	}
}

func TestUnreadablePolicies(t *testing.T) {
	loop := t.TempDir()
	if err := os.Symlink(loop, filepath.Join(loop, "loop")); err != nil {
		t.Fatal(err)
	}
	big := t.TempDir()
	f, err := os.Create(filepath.Join(big, "p.rego"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<30), f.Close()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"missing", filepath.Join(t.TempDir(), "none"), "no such file"},
		{"empty directory", t.TempDir(), "no .rego file"},
		{"symlink loop", loop, "not followed"},
		{"a gibibyte", big, "larger than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(t.Context(), Options{Path: tt.path}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestConfigMapLayout is how Kubernetes mounts files: links through a link.
func TestConfigMapLayout(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "..2026_11_24")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(
		os.WriteFile(filepath.Join(data, "p.rego"), []byte(allowAll), 0o600),
		os.Symlink("..2026_11_24", filepath.Join(dir, "..data")),
		os.Symlink("..data/p.rego", filepath.Join(dir, "p.rego")))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, readCall(t, `{}`)); d.Effect != gateway.EffectAllow || len(d.Rules) != 1 {
		t.Errorf("%+v, want allow by one rule", d)
	}
}

// A gateway whose configuration names no policy is not the demo.
func TestWithoutPolicyEverythingIsRefused(t *testing.T) {
	e, err := New(t.Context(), Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if d := decide(t, e, readCall(t, `{}`)); d.Effect != gateway.EffectDeny || e.Status().Demo {
		t.Errorf("%s, demo %v; want deny", d.Effect, e.Status().Demo)
	}
}

func TestDemoPolicySaysSo(t *testing.T) {
	e, err := Open(t.Context(), Options{Demo: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if !e.Status().Demo {
		t.Error("the demo policy does not show as such")
	}
	c := readCall(t, `{}`)
	if d := decide(t, e, c); d.Effect != gateway.EffectAllow {
		t.Errorf("%s, want allow", d.Effect)
	}
	c.Tool.Labels, c.Session.Labels = []string{"external"}, []string{"private", "untrusted"}
	c.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "mail", Name: "send", Wire: "mail__send", Labels: []string{"external"}}
	if d := decide(t, e, c); d.Effect != gateway.EffectDeny {
		t.Errorf("private and untrusted data may leave: %s, want deny", d.Effect)
	}
}

// TestFilesThatAreNotReadAreAnError: rules that somebody put there and that are
// left out would be missed by nobody.
func TestFilesThatAreNotReadAreAnError(t *testing.T) {
	outside := writeFiles(t, map[string]string{"deny.rego": "package gateway\n\ndeny contains \"all\" if true\n"})
	dir := writeFiles(t, map[string]string{"a.rego": "package gateway\n\nallow := true\n", "B.REGO": "package gateway\n\ndeny contains \"all\" if true\n"})
	if err := os.Symlink(outside, filepath.Join(dir, "more")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "deny.rego"), filepath.Join(dir, "file.rego")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Path: dir})
	if err == nil {
		t.Fatal("the policy loads")
	}
	for _, name := range []string{"more", "B.REGO"} {
		if !strings.Contains(err.Error(), name+": policy_unreadable") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if strings.Contains(err.Error(), "file.rego") {
		t.Errorf("a link to a file is one: %v", err)
	}
}

// Another folder, another data file and another shadow come into force together, or not
// at all, and what is followed from then on are their files.
func TestReplacement(t *testing.T) {
	e, old, reloads := watched(t, "")
	next := writeFiles(t, map[string]string{"n.rego": "package gateway\n\nallow if data.open\n"})
	data := filepath.Join(writeFiles(t, map[string]string{"d.json": `{"open": false}`}), "d.json")
	shadow := writeFiles(t, map[string]string{"s.rego": allowAll})
	wrong := writeFiles(t, map[string]string{"w.rego": broken})
	call := readCall(t, `{}`)
	first := e.Revision()
	for name, o := range map[string]Options{
		"a broken policy":      {Path: wrong},
		"none there":           {Path: filepath.Join(wrong, "none")},
		"data that are none":   {Path: next, Data: filepath.Join(wrong, "w.rego")},
		"a shadow that is bad": {Path: next, Data: data, Shadow: wrong},
	} {
		if _, err := e.Prepare(t.Context(), o); err == nil {
			t.Errorf("%s is prepared", name)
		}
	}
	abandoned, err := e.Prepare(t.Context(), Options{Path: next, Data: data, Shadow: shadow})
	if err != nil {
		t.Fatal(err)
	}
	abandoned.Finish()
	if s := e.Status(); s.Revision != first || s.Shadow != "" || s.Failed != nil || len(reloads) > 0 {
		t.Fatalf("what was not applied: %+v, told %d times", s, len(reloads))
	}
	before := readCall(t, `{}`)
	before.Tally.Revision = first // it was looked up
	r, err := e.Prepare(t.Context(), Options{Path: next, Data: data, Shadow: shadow})
	if err != nil {
		t.Fatal(err)
	}
	r.Apply()
	r.Finish()
	if err := <-reloads; err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectDeny || d.Revision == first || d.Shadow != gateway.EffectAllow {
		t.Errorf("after it: %+v", d)
	}
	if before.Tally, err = e.CountRequest(t.Context(), before); err != nil || before.Tally.Revision != first {
		t.Errorf("a call that was looked up before counts by %s: %v", before.Tally.Revision, err)
	}
	if d := decide(t, e, before); d.Effect != gateway.EffectAllow || d.Revision != first {
		t.Errorf("a call that was looked up before: %+v", d)
	}
	replace(t, old, broken) // nobody's any more
	replace(t, data, `{"open": true}`)
	if err := <-reloads; err != nil {
		t.Fatal(err)
	}
	if d := decide(t, e, call); d.Effect != gateway.EffectAllow {
		t.Errorf("its data changed: %+v", d)
	}
}

// That OPA is asked about every call is another policy, though of the same files.
func TestReplacementAsksOtherwise(t *testing.T) {
	e, file, _ := watched(t, "")
	for _, exact := range []bool{true, false} {
		r, err := e.Prepare(t.Context(), Options{Path: filepath.Dir(file), Exact: exact})
		if err != nil {
			t.Fatal(err)
		}
		r.Apply()
		r.Finish()
		if quick := e.current.Load().quick != nil; quick == exact {
			t.Errorf("exact %t: the quick way is there: %t", exact, quick)
		}
	}
}
