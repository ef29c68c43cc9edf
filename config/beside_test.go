package config

import (
	"errors"
	"strings"
	"testing"
)

// Who decides or reviews beside a gateway needs none of its secrets, and is told
// all else that is wrong.
func TestBesideNeedsNoVariablesOfUpstreams(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a header", "upstreams: {a: {url: \"https://a.example/mcp\", headers: {X: \"${SECRET}\"}}}", ""},
		{"a URL", "upstreams: {a: {url: \"${URL}\"}}", ""},
		{"a command's environment", "upstreams: {a: {command: x, env: {T: \"${SECRET}\"}}}", ""},
		{"an OAuth client", "upstreams: {a: {url: \"https://a.example/mcp\", oauth: {grant: client_credentials, issuer: \"https://i.example\", client_id: \"${ID}\", client_secret: \"${SECRET}\"}}}", ""},
		{"a number", "upstreams: {a: {command: x, concurrency: \"${N}\"}}", ""},
		{"the judge and honeytokens", "guard: {judge: {url: \"${URL}\", headers: {X: \"${SECRET}\"}}, honeytokens: [\"${BAIT}\"]}", ""},
		{"a limit of its tool", "upstreams: {a: {url: \"${URL}\"}}\nlimits: {tools: {a__b: {rate: 1/s, burst: 1}}}", ""},
		{"an issuer's secret", "auth: {issuers: [{issuer: i, secret: \"${SECRET}\"}]}", "auth.issuers[0].secret"},
		{"the record's path", "audit: {path: \"${DB}\"}", "audit.path"},
		{"a misspelt field", "upstreams: {a: {url: \"${URL}\", labls: [private]}}", "upstreams.a.labls"},
		{"a variable that is none", "upstreams: {a: {url: \"${URL:-x}\"}}", "upstreams.a.url"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseBeside("f.yaml", []byte(tt.text), func(string) (string, bool) { return "", false })
			var errs Errors
			if errors.As(err, &errs) != (tt.want != "") || tt.want != "" && (len(errs) != 1 || errs[0].Field != tt.want) {
				t.Fatalf("got %v, want an error at %q", err, tt.want)
			}
			if err == nil && (c.Upstreams != nil || c.Guard.Judge != nil) {
				t.Errorf("half of it is there: %+v", c.Upstreams)
			}
			if _, err := Parse("f.yaml", []byte(tt.text), func(string) (string, bool) { return "", false }); err == nil {
				t.Error("a gateway would start with it")
			}
		})
	}
}

// Who starts no upstream needs none of its variables either, and sees guard, and what is
// written where they are missing.
func TestUnstartedNeedsNoVariablesOfUpstreams(t *testing.T) {
	for _, tt := range []struct{ name, text, want, shows string }{
		{"a header", "upstreams: {a: {url: \"https://a.example/mcp\", headers: {X: \"a ${SECRET}\"}}}", "", "X: a ${SECRET}"},
		{"a URL", "upstreams: {a: {url: \"${URL}\"}}", "", "url: ${URL}"},
		{"a part of a URL", "upstreams: {a: {url: \"https://a.example/mcp?key=${KEY}\"}}", "", "url: https://a.example/mcp?key=${KEY}"},
		{"a command's environment", "upstreams: {a: {command: x, env: {T: \"${SECRET}\"}}}", "", "T: ${SECRET}"},
		{"a command's argument", "upstreams: {a: {command: x, args: [-k, \"${KEY}\"]}}", "", "${KEY}"},
		{"a program", "upstreams: {a: {command: \"${PROGRAM}\"}}", "", "command: ${PROGRAM}"},
		{"an OAuth client", "upstreams: {a: {url: \"https://a.example/mcp\", oauth: {grant: client_credentials, issuer: \"https://i.example\", client_id: \"${ID}\", client_secret: \"${SECRET}\"}}}", "", "${ID}"},
		{"a number", "upstreams: {a: {command: x, concurrency: \"${N}\"}}", "", "concurrency: ${N}"},
		{"one that is off", "upstreams: {a: {command: x, enabled: false, env: {T: \"${SECRET}\"}}}", "", "T: ${SECRET}"},
		{"a misspelt field", "upstreams: {a: {url: \"${URL}\", labls: [private]}}", "upstreams.a.labls", ""},
		{"honeytokens", "guard: {honeytokens: [\"${BAIT}\"]}", "guard.honeytokens[0]", ""},
		{"the record's path", "audit: {path: \"${DB}\"}", "audit.path", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseUnstarted("f.yaml", []byte(tt.text), func(string) (string, bool) { return "", false })
			var errs Errors
			if errors.As(err, &errs) != (tt.want != "") || tt.want != "" && (len(errs) != 1 || errs[0].Field != tt.want) {
				t.Fatalf("got %v, want an error at %q", err, tt.want)
			}
			if err != nil {
				return
			}
			var out strings.Builder
			if err := c.Print(&out); err != nil || !strings.Contains(out.String(), tt.shows) {
				t.Errorf("%v: %q is not in\n%s", err, tt.shows, out.String())
			}
		})
	}
}
