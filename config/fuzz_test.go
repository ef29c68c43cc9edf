package config

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// FuzzParse: no panic; every error has its place in the file; what is accepted
// prints, and what is printed is accepted.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"listen: 127.0.0.1:80\n", "limits: {default: {rate: 1/s, burst: 2}}\n", "upstreams: {a: {command: x, args: [a]}}\n",
		"a: &a [*a]\n", "<<: {a: 1}\n", "auth: {issuers: [{issuer: i, secret: ${A}}]}\n", "guard: {pii: block}\n---\n", "\t", "{", "a: !!binary x\n", "http: {body: 1MiB}\n",
	} {
		f.Add(s)
	}
	lookup := func(name string) (string, bool) { return strings.Repeat(name, 32), name != "UNSET" }
	f.Fuzz(func(t *testing.T, in string) {
		c, err := Parse("f.yaml", []byte(in), lookup)
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 {
				t.Fatalf("error %v is not a list", err)
			}
			breaks := strings.Count(in, "\n") + strings.Count(in, "\r") // YAML knows both, and more beyond ASCII
			for _, e := range all {
				if e.Message == "" || e.Line > breaks+2 && isASCII(in) {
					t.Fatalf("error without message or outside of the file: %+v", e)
				}
			}
			return
		}
		var b bytes.Buffer
		if err := c.Print(&b); err != nil {
			t.Fatalf("print: %v", err)
		}
	})
}

// FuzzValues: what is parsed prints as something that parses to the same.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"1MiB", "60/min", "90d", "1h30m", "10/s", "5B", "1.5s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if v, err := ParseSize(s); err == nil {
			if again, err := ParseSize(v.String()); err != nil || again != v {
				t.Errorf("size %q: %v prints as %q", s, int64(v), v)
			}
		}
		if v, err := ParseRate(s); err == nil {
			if again, err := ParseRate(v.String()); err != nil || again != v {
				t.Errorf("rate %q: %v prints as %q", s, v.Calls, v)
			}
		}
		if v, err := ParseDuration(s); err == nil {
			if again, err := ParseDuration(showDuration(v)); err != nil || again != v {
				t.Errorf("duration %q: %v prints as %q", s, v, showDuration(v))
			}
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
