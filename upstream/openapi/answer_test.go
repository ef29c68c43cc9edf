package openapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/gateway"
)

// content is a result with these items, JSON.
func content(isError string, items ...string) string {
	return `{"content":[` + strings.Join(items, ",") + `],"isError":` + isError
}

func said(s string) string { return string(text(s)) }

func TestAnswers(t *testing.T) {
	latin := "caf\xe9"
	tests := []struct {
		name, kind, body string
		status           int
		want             string       // of the result
		code             gateway.Code // or of the refusal
	}{
		{"text", "text/plain; charset=utf-8", "hi", 200, content("false", said("hi")) + "}", ""},
		{"JSON", "application/json", ` {"n":12345678901234567890}`, 200, content("false", said(` {"n":12345678901234567890}`)) + `,"structuredContent":{"n":12345678901234567890}}`, ""},
		{"JSON of a vendor", "application/vnd.x+json; charset=utf-8", `{"a":1}`, 200, `"structuredContent":{"a":1}`, ""},
		{"JSON with a byte order mark", "application/json", "\ufeff{\"a\":1}", 200, `"structuredContent":{"a":1}`, ""},
		{"JSON that is not said to be", "", `{"a":1}`, 200, `"structuredContent":{"a":1}`, ""},
		{"JSON as text", "text/plain", `{"a":1}`, 200, `"structuredContent":{"a":1}`, ""},
		{"JSON as bytes", "application/octet-stream", `{"a":1}`, 200, `"structuredContent":{"a":1}`, ""},
		{"a list", "application/json", `[1]`, 200, content("false", said("[1]")) + "}", ""},
		{"text that is said to be JSON", "application/json", "OK", 200, content("false", said("OK")) + "}", ""},
		{"a page that is said to be JSON", "application/json", "<html>", 502, content("true", said("HTTP status 502"), said("<html>")) + "}", ""},
		{"half of JSON", "application/json", `{"a":`, 200, content("false", said(`{"a":`)) + "}", ""},
		{"JSON lines", "application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", 200, content("false", said("{\"a\":1}\n{\"a\":2}\n")) + "}", ""},
		{"CSV", "text/csv", "a,b\n1,2\n", 200, content("false", said("a,b\n1,2\n")) + "}", ""},
		{"XML", "application/atom+xml", "<a/>", 200, content("false", said("<a/>")) + "}", ""},
		{"YAML", "application/yaml", "a: 1", 200, content("false", said("a: 1")) + "}", ""},
		{"an unknown kind of text", "application/x-thing", "words", 200, content("false", said("words")) + "}", ""},
		{"no media type at all", "nonsense;;", "words", 200, content("false", said("words")) + "}", ""},
		{"another charset", "text/plain; charset=iso-8859-1", latin, 200, content("false", said("café")) + "}", ""},
		{"a charset that nobody knows", "text/plain; charset=none", "abc", 200, content("false", said("abc")) + "}", ""},
		{"nothing", "", "", 204, content("false", said("HTTP status 204")) + "}", ""},
		{"nothing, said to be JSON", "application/json", "", 200, content("false", said("HTTP status 200")) + "}", ""},
		{"an image", "image/png", "\x89PNG", 200, content("false", `{"type":"image","data":"iVBORw==","mimeType":"image/png"}`) + "}", ""},
		{"an image that is text", "image/gif", "GIF89a", 200, `"type":"image","data":"R0lGODlh"`, ""},
		{"a drawing", "image/svg+xml", "<svg/>", 200, content("false", said("<svg/>")) + "}", ""},
		{"sound", "audio/wav", "RIFF\x00", 200, `{"type":"audio","data":"UklGRgA=","mimeType":"audio/wav"}`, ""},
		{"bytes", "application/pdf", "%PDF\x00\xff", 200, `"blob":"JVBERgD/"`, ""},
		{"text of another charset, unsaid", "text/plain", latin, 200, content("false", said("caf\ufffd")) + "}", ""},
		{"text that is none", "text/plain", "\xff\xfe", 200, `"blob":"//4="`, ""},
		{"client error", "application/problem+json", `{"title":"no"}`, 422, content("true", said("HTTP status 422"), said(`{"title":"no"}`)) + `,"structuredContent":{"title":"no"}}`, ""},
		{"server error", "application/json", `{"error":"row 7"}`, 500, content("true", said("HTTP status 500"), said(`{"error":"row 7"}`)) + `,"structuredContent":{"error":"row 7"}}`, ""},
		{"not built", "text/plain", "not built yet", 501, content("true", said("HTTP status 501"), said("not built yet")) + "}", ""},
		{"a long error", "text/html", strings.Repeat("x", maxErrorText+10), 500, `…"}],"isError":true}`, ""},
		{"names twice", "application/json", `{"a":1,"a":2}`, 200, content("false", said(`{"a":1,"a":2}`)) + "}", ""},
		{"many levels", "application/json", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", 200, `]]}"}],"isError":false}`, ""},
		{"a number that no reader can hold", "application/json", `{"a":1e50000000}`, 200, content("false", said(`{"a":1e50000000}`)) + "}", ""},
		{"half an emoji", "application/json", `{"a":"cut \ud83d"}`, 200, content("false", said(`{"a":"cut \ufffd"}`)) + `,"structuredContent":{"a":"cut \ufffd"}}`, ""},
		{"half an emoji, and names twice", "application/json", `{"a":"\ud83d","a":2}`, 200, content("false", said(`{"a":"\ud83d","a":2}`)) + "}", ""},
		{"half an emoji in a list", "application/json", `["\ud83d"]`, 200, content("false", said(`["\ud83d"]`)) + "}", ""},
		{"half an emoji in an error", "application/json", `{"a":"\ud83d"}`, 500, `"structuredContent":{"a":"\ufffd"}}`, ""},
		{"bytes cut in JSON", "application/json", "{\"a\":\"cut \xf0\x9f\x98\"}", 200, `"structuredContent":{"a":"cut ` + "\ufffd" + `"}}`, ""},
		{"bytes cut in a text", "text/html", "<p>cut \xf0\x9f\x98", 200, `"text":"<p>cut ` + "\ufffd" + `"`, ""},
		{"too long", "text/plain", strings.Repeat("x", 50_000), 200, "", gateway.UpstreamInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			hits := 0
			a := api(t, func(w http.ResponseWriter, _ *http.Request) {
				hits++
				w.Header()["Content-Type"] = nil
				if tt.kind != "" {
					w.Header().Set("Content-Type", tt.kind)
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}, func(o *Options) { o.MaxAnswer = 40_000 })
			res, err := do(t, a, "getPet", `{"id":"1"}`)
			var r *gateway.Refusal
			switch {
			case tt.code != "" && (!errors.As(err, &r) || r.Code != tt.code):
				t.Errorf("got %v, want %s", err, tt.code)
			case tt.code == "" && err != nil:
				t.Error(err)
			case tt.code == "" && !strings.Contains(string(res.Raw), tt.want):
				t.Errorf("got %s, want %s", res.Raw, tt.want)
			}
			if hits != 1 {
				t.Errorf("%d requests", hits)
			}
		})
	}
}

// What an answer says beside its body, and that helps to go on.
func TestWhatAnswersSayBesideTheirBody(t *testing.T) {
	tests := []struct {
		name, header, value string
		status              int
		want, not           string
	}{
		{"where to go on", "Link", `</v1/pets?page=2&key=synthetic-key>; rel="next", </v1/pets>; rel="first"`, 200, `Link: </v1/pets?page=2>; rel=\"next\"`, "synthetic"},
		{"a page of another host", "Link", `<https://elsewhere.example/pets?page=2>; rel=next`, 200, "", "elsewhere"},
		{"what was made", "Location", "/v1/pets/7?token=synthetic-key", 201, "/v1/pets/7", "synthetic"},
		{"when to come back", "Retry-After", "30", 429, "HTTP status 429; Retry-After: 30", ""},
		{"when it is well", "Retry-After", "30", 503, "HTTP status 503; Retry-After: 30", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := api(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(tt.header, tt.value)
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, "body")
			}, func(o *Options) {
				o.Document = []byte(strings.Replace(petstore, "components:", "security: [{k: []}]\ncomponents:\n  securitySchemes: {k: {type: apiKey, in: query, name: key}}", 1))
				o.Secrets = map[string]string{"k": "synthetic-key"}
			})
			res, err := do(t, a, "getPet", `{"id":"1"}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(res.Raw); !strings.Contains(got, tt.want) || tt.not != "" && strings.Contains(got, tt.not) {
				t.Errorf("got %s, want %q and not %q in it", got, tt.want, tt.not)
			}
		})
	}
}

func TestRedirects(t *testing.T) {
	const elsewhere = "http://192.0.2.1/secret?k=synthetic-key"
	tests := []struct {
		name, tool, args, to string
		status               int
		want                 string // the request that ends it; "" is an error that names the place
	}{
		{"moved", "getPet", `{"id":"1"}`, "/v1/new?a=b", 301, "GET /v1/new?a=b "},
		{"found", "getPet", `{"id":"1"}`, "/v1/new", 302, "GET /v1/new "},
		{"307 with a body", "add_pet_now", `{"body":{"name":"x"}}`, "/v1/pets/", 307, `POST /v1/pets/ {"name":"x"}`},
		{"308 with a body", "add_pet_now", `{"body":{"name":"x"}}`, "/v1/pets/", 308, `POST /v1/pets/ {"name":"x"}`},
		{"see other", "add_pet_now", `{"body":{"name":"x"}}`, "/v1/pets/7", 303, "GET /v1/pets/7 "},
		{"302 with a body", "add_pet_now", `{"body":{"name":"x"}}`, "/v1/pets/", 302, ""},
		{"301 of DELETE", "delete_pets_id", `{"id":"1"}`, "/v1/pets/", 301, ""},
		{"another host", "getPet", `{"id":"1"}`, elsewhere, 302, ""},
		{"another host, kept", "add_pet_now", `{"body":{"name":"x"}}`, elsewhere, 307, ""},
		{"another scheme", "getPet", `{"id":"1"}`, "https:", 302, ""},
		{"with a user", "getPet", `{"id":"1"}`, "user", 302, ""},
		{"round and round", "getPet", `{"id":"1"}`, "loop", 302, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			first := true
			a := api(t, func(w http.ResponseWriter, r *http.Request) {
				if first || tt.to == "loop" {
					to := tt.to
					switch to {
					case "https:":
						to = "https://" + r.Host + "/v1/new"
					case "user":
						to = "http://someone:synthetic-key@" + r.Host + "/v1/new"
					case "loop":
						to = r.URL.Path
					}
					first = false
					w.Header().Set("Location", to)
					w.WriteHeader(tt.status)
					return
				}
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if r.Header.Get("Authorization") != "Bearer synthetic" || r.Header.Get("Referer") != "" {
					t.Errorf("header %v", r.Header)
				}
				got = r.Method + " " + r.RequestURI + " " + string(body)
			}, func(o *Options) { o.Header = map[string]string{"Authorization": "Bearer synthetic"} })
			res, err := do(t, a, tt.tool, tt.args)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.want == "" && (!res.IsError || !strings.Contains(string(res.Raw), "redirects to http") || strings.Contains(string(res.Raw), "synthetic")) {
				t.Errorf("result %s", res.Raw)
			}
		})
	}
}
