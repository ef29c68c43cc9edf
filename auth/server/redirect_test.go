package server

import "testing"

// What may be registered; the attacks on what was are in e2e/attacks.
func TestRedirects(t *testing.T) {
	for raw, place := range map[string]string{
		"http://127.0.0.1:4711/callback":                              "http://127.0.0.1:4711",
		"http://127.0.0.1/":                                           "http://127.0.0.1",
		"http://localhost:62038/callback":                             "http://localhost:62038",
		"http://[::1]:8080/cb?a=b":                                    "http://[::1]:8080",
		"https://vscode.dev/redirect":                                 "https://vscode.dev",
		"https://insiders.vscode.dev/redirect":                        "https://insiders.vscode.dev",
		"cursor://anysphere.cursor-mcp/oauth/callback":                "cursor:",
		"vscode://vscode.github-authentication/did-authenticate":      "vscode:",
		"com.example.app:/oauth":                                      "com.example.app:",
		"https://client.example/path%20with?x=%26":                    "https://client.example",
		"javascript:alert(1)":                                         "",
		"javascript://client.example/%0aalert(1)":                     "",
		"data:text/html,x":                                            "",
		"vbscript:x":                                                  "",
		"file:///etc/passwd":                                          "",
		"blob:https://client.example/1":                               "",
		"view-source:https://client.example/":                         "",
		"ms-msdt:/id":                                                 "",
		"search-ms:query=x":                                           "",
		"intent://x/#Intent;end":                                      "",
		"mailto:a@client.example":                                     "",
		"http://client.example/":                                      "",
		"http://127.0.0.1.evil.example/":                              "",
		"http://user@127.0.0.1/":                                      "",
		"http://user:pw@localhost:80/":                                "",
		"http://127.0.0.1:99999/":                                     "",
		"http://127.0.0.1:/":                                          "",
		"http://127.0.0.1?x":                                          "",
		"http:///callback":                                            "",
		"https:/client.example/":                                      "",
		"https://client.example/#fragment":                            "",
		"https://client.example/a/../b":                               "",
		"https://client.example/a/%2e%2e/b":                           "",
		"https://client.example/a\\b":                                 "",
		"https://client.example/a b":                                  "",
		"https://client.example/\"><script>":                          "",
		"https://client.example/;script-src *\r\nX: y":                "",
		"https://cl;ient.example/":                                    "",
		"https://CLIENT.example/":                                     "",
		"https://*.client.example/":                                   "",
		"https://client..example/":                                    "",
		"https://сlient.example/":                                     "", // a letter that is not Latin
		"app:callback":                                                "",
		"app://user@host/x":                                           "",
		"app://ho;st default-src *//x":                                "",
		"//client.example/":                                           "",
		"client.example":                                              "",
		"":                                                            "",
		"https://client.example/" + string(make([]byte, maxRedirect)): "",
	} {
		d, err := parseRedirect(raw)
		switch {
		case place == "" && err == nil:
			t.Errorf("%q is accepted, as %+v", raw, d)
		case place != "" && err != nil:
			t.Errorf("%q: %v", raw, err)
		case err == nil && d.place() != place:
			t.Errorf("%q leads to %q, want %q", raw, d.place(), place)
		}
	}
}

func FuzzRedirect(f *testing.F) {
	f.Add("http://127.0.0.1:1/cb?x=1")
	f.Add("app://host/path")
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := parseRedirect(raw)
		if err != nil {
			return
		}
		if again, err := parseRedirect(d.raw); err != nil || !again.same(d) || !d.same(again) {
			t.Errorf("%q is not itself: %v", raw, err)
		}
		for _, c := range []byte(d.place()) { // it stands in a header
			if c <= ' ' || c == ';' || c == ',' || c == '\'' || c == '"' || c > '~' {
				t.Errorf("%q has a place of %q", raw, d.place())
			}
		}
	})
}
