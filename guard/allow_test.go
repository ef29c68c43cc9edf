package guard

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// allowing is a scanner with an allow file, and what it finds in one text.
func allowing(t *testing.T, key string) (*Scanner, *AllowList, func() []gateway.Finding) {
	t.Helper()
	l, err := OpenAllow(filepath.Join(t.TempDir(), "allow.json"))
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner(t, Options{Allow: l, Key: []byte(key)})
	return s, l, func() []gateway.Finding {
		return scanArgs(t, s, `{"note":"sample key `+synthetic+` in our docs"}`).Findings
	}
}

func TestExceptionByFingerprint(t *testing.T) {
	s, l, find := allowing(t, "k")
	f := find()
	if len(f) != 1 {
		t.Fatalf("%+v", f)
	}
	e, err := l.Add(Exception{Print: f[0].Print, Reason: "sample key in our docs"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f := find(); len(f) != 0 {
		t.Errorf("still found: %+v", f)
	}
	other := "AK" + "IAZ9QWE4RTY7UIO3PA"
	if f := scanArgs(t, s, `{"note":"key `+other+`"}`).Findings; len(f) != 1 {
		t.Errorf("another key passed too: %+v", f)
	}
	if err := l.Remove(e.ID); err != nil {
		t.Fatal(err)
	}
	if f := find(); len(f) != 1 {
		t.Errorf("not found after the exception was removed: %+v", f)
	}
	if err := l.Remove(e.ID); !errors.Is(err, ErrNoException) {
		t.Errorf("removed twice: %v", err)
	}
}

// A fingerprint is keyed: it is another one in another installation, and the
// same one after a restart.
func TestFingerprintsAreKeyed(t *testing.T) {
	_, _, a := allowing(t, "one")
	_, _, b := allowing(t, "one")
	_, _, c := allowing(t, "two")
	if a()[0].Print != b()[0].Print || a()[0].Print == c()[0].Print {
		t.Errorf("%s, %s, %s", a()[0].Print, b()[0].Print, c()[0].Print)
	}
}

func TestExceptionByRuleAndTool(t *testing.T) {
	_, l, find := allowing(t, "k")
	rule := find()[0].Rule
	for _, c := range []struct {
		e       Exception
		covered bool
	}{
		{Exception{Rule: rule, Tool: "demo__fetch"}, true},
		{Exception{Rule: rule, Tool: "demo__*"}, true},
		{Exception{Rule: "secret.*"}, true},
		{Exception{Rule: rule, Tool: "demo__other"}, false},
		{Exception{Rule: "pii.*", Tool: "demo__fetch"}, false},
		{Exception{Rule: rule, Print: "000000000000000000000000"}, false},
	} {
		c.e.Reason = "test"
		e, err := l.Add(c.e, nil)
		if err != nil {
			t.Fatal(err)
		}
		if covered := len(find()) == 0; covered != c.covered {
			t.Errorf("%+v: covered %v", c.e, covered)
		}
		if err := l.Remove(e.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// An exception for all credentials is not one for the gateway's own.
func TestOwnCredentialsHaveNoException(t *testing.T) {
	l, err := OpenAllow(filepath.Join(t.TempDir(), "allow.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Add(Exception{Rule: "secret.*", Reason: "a wiki full of samples"}, nil); err != nil {
		t.Fatal(err)
	}
	s := newScanner(t, Options{Allow: l, Own: []string{"upstream-password"}})
	if f := scanArgs(t, s, `{"k":"upstream-password"}`).Findings; len(f) != 1 || f[0].Action != gateway.ActionRedact {
		t.Errorf("%+v", f)
	}
}

func TestExceptionExpires(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allow.json")
	synctest.Test(t, func(t *testing.T) {
		l, err := OpenAllow(path)
		if err != nil {
			t.Fatal(err)
		}
		s := newScanner(t, Options{Allow: l})
		if _, err := l.Add(Exception{Rule: "secret.*", Reason: "until Friday", Expires: time.Now().Add(time.Hour)}, nil); err != nil {
			t.Fatal(err)
		}
		if f := scanArgs(t, s, `{"k":"`+synthetic+`"}`).Findings; len(f) != 0 {
			t.Errorf("before it expires: %+v", f)
		}
		time.Sleep(time.Hour)
		if f := scanArgs(t, s, `{"k":"`+synthetic+`"}`).Findings; len(f) != 1 {
			t.Errorf("after it expired: %+v", f)
		}
	})
}

func TestUnusableExceptionsAreRefused(t *testing.T) {
	_, l, _ := allowing(t, "k")
	for _, e := range []Exception{
		{Tool: "demo__fetch", Reason: "a tool alone"},
		{Rule: "*", Reason: "everything"},
		{Rule: "secret.*"},
		{Rule: "secret.*", Reason: "  "},
	} {
		if _, err := l.Add(e, nil); err == nil {
			t.Errorf("%+v was accepted", e)
		}
	}
	if n := len(l.List()); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// The command line changes the file while the gateway runs.
func TestChangedFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allow.json")
	synctest.Test(t, func(t *testing.T) {
		serving, err := OpenAllow(path)
		if err != nil {
			t.Fatal(err)
		}
		s := newScanner(t, Options{Allow: serving})
		find := func() int { return len(scanArgs(t, s, `{"k":"`+synthetic+`"}`).Findings) }
		if find() != 1 {
			t.Fatal("no finding to begin with")
		}
		cli, err := OpenAllow(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cli.Add(Exception{Rule: "secret.*", Reason: "added elsewhere"}, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(allowCheck)
		if find() != 0 {
			t.Error("the entry of another process does not count")
		}
		if err := os.WriteFile(path, []byte(`{"allow": [{"rule": "secret.*"}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(allowCheck)
		if find() != 0 || serving.Err() == nil || !strings.Contains(serving.Err().Error(), "needs a reason") {
			t.Errorf("a broken file must leave the last good one: %v", serving.Err())
		}
		if _, err := OpenAllow(path); err == nil {
			t.Error("a broken file was opened")
		}
	})
}
