package oauth

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadChallenges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fields []string
		want   challenge
	}{
		{"plain", []string{`Bearer resource_metadata="https://a.example/x", scope="a b", error="insufficient_scope"`}, challenge{"https://a.example/x", "insufficient_scope", []string{"a", "b"}}},
		{"case, spaces and tokens", []string{`bEARER  Scope = a ,error=invalid_token`}, challenge{"", "invalid_token", []string{"a"}}},
		{"after another", []string{`Basic realm="x, Bearer scope=\"evil\"", Bearer scope="a"`}, challenge{scopes: []string{"a"}}},
		{"another field", []string{`Negotiate`, `Bearer error=x`}, challenge{code: "x"}},
		{"token68", []string{`Negotiate abc==, Bearer error=x`}, challenge{code: "x"}},
		{"no parameters", []string{`Bearer`}, challenge{}},
		{"the first counts", []string{`Bearer scope="a", scope="b"`}, challenge{scopes: []string{"a"}}},
		{"quoted", []string{`Bearer error="a\"b"`}, challenge{code: `a"b`}},
		{"not closed", []string{`Bearer error="a`}, challenge{}},
		{"no scope among scopes", []string{"Bearer scope=\"a \x01 b\\\\c d\""}, challenge{scopes: []string{"a", "d"}}},
		{"none", nil, challenge{}},
	} {
		if got := readChallenges(tt.fields); !cmp.Equal(got, tt.want, cmp.AllowUnexported(challenge{})) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzReadChallenges(f *testing.F) {
	f.Add(`Bearer resource_metadata="https://a.example", scope="a b"`)
	f.Add(`Basic realm="\"", Negotiate abc==, Bearer error=x`)
	f.Fuzz(func(t *testing.T, field string) {
		got := readChallenges([]string{field, "Bearer"})
		if len(got.scopes) > maxScopes {
			t.Errorf("%d scopes", len(got.scopes))
		}
		for _, s := range got.scopes {
			if strings.ContainsAny(s, " \"\\\n") {
				t.Errorf("scope %q", s)
			}
		}
	})
}

// What a server asks for is shown to a person as a command to paste.
func TestRemedyIsNoWayIntoAShell(t *testing.T) {
	i := newIssuer(t)
	o := i.login(t)
	s := source(t, o)
	for _, scope := range []string{"a;rm", "$(id)", "`id`", "a&b", "a|b", "'x", "-rf", "a>b", "*", "~root", "a#b", strings.Repeat("x", 200)} {
		_, remedy := s.Denied("", http.StatusForbidden, []string{`Bearer error="insufficient_scope", scope="fine ` + scope + `"`})
		if strings.Contains(remedy, "fine") || !strings.Contains(remedy, "toolward login s") {
			t.Errorf("%q: %s", scope, remedy)
		}
	}
	_, remedy := s.Denied("", http.StatusForbidden, []string{`Bearer error="insufficient_scope", scope="https://www.example.com/auth/drive.readonly mcp:x"`})
	if want := "run `toolward login s --scope https://www.example.com/auth/drive.readonly --scope mcp:x`"; remedy != want {
		t.Errorf("got %s, want %s", remedy, want)
	}
}

// Where no person is needed, the gateway gets what it lacks itself, within what
// the configuration allows.
func TestStepUpOfClientCredentials(t *testing.T) {
	i := newIssuer(t)
	o := i.options()
	o.Scopes = nil
	s := source(t, o)
	value := authorization(t, s, t.Context())
	insufficient := []string{`Bearer error="insufficient_scope", scope="w"`}
	if again, _ := s.Denied(value, http.StatusForbidden, []string{"Bearer error=access_denied"}); again {
		t.Error("a refusal for another reason is tried again")
	}
	if again, _ := s.Denied(value, http.StatusForbidden, insufficient); !again {
		t.Fatal("no wider token is asked for")
	}
	wider := authorization(t, s, t.Context())
	if got := i.asked()[1].Get("scope"); got != "w" || wider == value {
		t.Errorf("asked for %q, got %q", got, wider)
	}
	if again, _ := s.Denied(wider, http.StatusForbidden, insufficient); again {
		t.Error("the same scopes are asked for again")
	}
	t.Run("too much is asked for once", func(t *testing.T) {
		if again, _ := s.Denied(wider, http.StatusForbidden, []string{`Bearer error="insufficient_scope", scope="admin"`}); !again {
			t.Fatal("no wider token is asked for")
		}
		i.status, i.body = http.StatusBadRequest, `{"error":"invalid_scope"}`
		if v, err := s.Authorization(t.Context()); err == nil {
			t.Errorf("got %q", v)
		}
		i.status = 0
		authorization(t, s, t.Context())
		if forms := i.asked(); forms[len(forms)-1].Has("scope") {
			t.Errorf("still asked for: %v", forms[len(forms)-1])
		}
	})
	t.Run("configured scopes are a limit", func(t *testing.T) {
		s := source(t, i.options())
		value := authorization(t, s, t.Context())
		again, remedy := s.Denied(value, http.StatusForbidden, insufficient)
		if again || !strings.Contains(remedy, "upstreams.s.oauth.scopes: w") {
			t.Errorf("%v, %q", again, remedy)
		}
	})
}
