package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func TestStandIns(t *testing.T) {
	for _, text := range []string{
		"PASTE-A-TOKEN-HERE", "PASTE-A-TOKEN", "Bearer PASTE-A-TOKEN", "paste_your_token", "<your-token>", "<TOKEN>", "<API key of 2026>", "YOUR_TOKEN", "your-api-key", "YOUR_API_KEY_HERE", "my token",
		"TOKEN", "API_KEY", "APIKEY", "GITHUB_TOKEN", "GITHUB_PERSONAL_ACCESS_TOKEN", "Bearer ACCESS_TOKEN", "token MY_SECRET", "changeme", "change-me", "replace_me", "REPLACE-WITH-YOUR-KEY", "insert key here",
		"xxxx", "ghp_xxxxxxxxxxxx", "sk-ant-xxxxxxxx", "sk-...", "sk-…", "glpat-****", "********", "{{ token }}", "{token}", "[your token]", " YOUR_TOKEN ", "put.it.here", "example-token", "Basic your_password",
	} {
		if !StandsIn(text) {
			t.Errorf("%q is taken for a value", text)
		}
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return b
	}
	values := []string{
		"", "x", "xx", "debug", "production", "https://github.example", "repos,issues", "me", "true", "1234", "correct-horse-battery-staple", "hunter2", "Bearer", "Bearer x",
		"/srv/docs", "localhost", "user:pass", "p4ss-word-here1", "text/html", "gpt-example", "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl", "${TOKEN}", "key-1", "some-name", "your-name", "token", "key", "monkey here",
	}
	for range 200 {
		values = append(values, hex.EncodeToString(random(20)), base64.RawURLEncoding.EncodeToString(random(24)), "ghp_"+base64.RawURLEncoding.EncodeToString(random(27)), rand.Text(), strings.ToLower(rand.Text()))
	}
	for _, v := range values {
		if StandsIn(v) {
			t.Errorf("%q is taken for a placeholder", v)
		}
	}
}
