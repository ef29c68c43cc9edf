package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Keys are fetched again from where they were asked for and nowhere else.
func TestWhereKeysMayBeFetchedFrom(t *testing.T) {
	follow := newKeyClient(nil).CheckRedirect
	request := func(to string) *http.Request {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	first := request("https://id.test/jwks")
	for to, want := range map[string]bool{
		"https://id.test/keys/2": true, "https://id.test:8443/jwks": false, "http://id.test/jwks": false, "https://id.test.example/jwks": false, "https://other.test/jwks": false,
	} {
		if err := follow(request(to), []*http.Request{first}); (err == nil) != want {
			t.Errorf("%s: %v", to, err)
		}
	}
	via := []*http.Request{first}
	for len(via) <= maxHops {
		if err := follow(first, via); err != nil {
			t.Errorf("%d hops: %v", len(via), err)
		}
		via = append(via, first)
	}
	if err := follow(first, via); err == nil {
		t.Errorf("%d hops are followed", len(via))
	}
}

// A file of keys is read again when it is another, has another size or another time.
func TestWhenAFileOfKeysIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	at := time.Unix(1_700_000_000, 0)
	write := func(text string, when time.Time) {
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path+".new", when, when); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	var read []string
	f := &fileKeys{path: path, parse: func(b []byte) (*keySet, []string, error) {
		read = append(read, string(b))
		return &keySet{}, nil, nil
	}}
	load := func(what string, want error) {
		t.Helper()
		if _, _, err := f.load(context.Background()); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	write("one", at)
	load("the first time", nil)
	load("the same", errUnchanged)
	write("two", at)
	load("another file of the same size and time", nil)
	if err := os.Chtimes(path, at, at.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	load("another time", nil)
	load("the same", errUnchanged)
	if got := strings.Join(read, " "); got != "one two two" {
		t.Errorf("read %s", got)
	}
}

// What clients send where a variable is not set is told from tokens.
func TestVariablesThatWereNotExpanded(t *testing.T) {
	for token, want := range map[string]bool{
		"$A": true, "$z9_Z0a": true, "${env:TOKEN}": true, "$": true, "$" + strings.Repeat("x", 80): true,
		"$" + strings.Repeat("x", 81): false, "A": false, "$a.b": false, "$a-b": false, "$a b": false, "$é": false, "$@": false, "$[": false, "$`": false, "$|": false, "$/": false, "$;": false,
	} {
		if _, got := unexpanded(token); got != want {
			t.Errorf("%q: %v", token, got)
		}
	}
}
