package openapi

import (
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requested is the request of a call without arguments, or with some.
func requested(t *testing.T, a *API, tool, args string) *http.Request {
	t.Helper()
	op := a.operations[tool]
	if op == nil {
		t.Fatalf("there is no tool %s; left out: %v", tool, a.faults)
	}
	req, err := a.request(t.Context(), op, argsOf(t, args))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// OpenAPI 3.0.3, Server Object; Path Item and Operation Object, servers.
func TestServers(t *testing.T) {
	const own = "servers: [{url: https://own.example/o}], "
	tests := map[string]struct{ root, item, op, base, want string }{
		"a URL":                        {"servers: [{url: https://a.example/v1}]", "", "", "", "https://a.example/v1/x"},
		"a slash at its end":           {"servers: [{url: https://a.example/v1/}]", "", "", "", "https://a.example/v1/x"},
		"a port":                       {"servers: [{url: 'http://a.example:8080'}]", "", "", "", "http://a.example:8080/x"},
		"variables":                    {"servers: [{url: 'https://{h}.example/{v}', variables: {h: {default: a}, v: {default: v2, enum: [v1, v2]}}}]", "", "", "", "https://a.example/v2/x"},
		"a number as default":          {"servers: [{url: 'https://a.example:{p}', variables: {p: {default: 8443}}}]", "", "", "", "https://a.example:8443/x"},
		"an empty default":             {"servers: [{url: 'https://a.example{p}', variables: {p: {default: ''}}}]", "", "", "", "https://a.example/x"},
		"only values":                  {"servers: [{url: 'https://a.example/{v}', variables: {v: {enum: [v1, v2]}}}]", "", "", "", "https://a.example/v1/x"},
		"the first that is one":        {"servers: [{url: /v1}, {url: 'https://{x}.example'}, {url: https://b.example}]", "", "", "", "https://b.example/x"},
		"of a path":                    {"servers: [{url: https://a.example}]", own, "", "", "https://own.example/o/x"},
		"of an operation":              {"servers: [{url: https://a.example}]", "servers: [{url: https://path.example}], ", own, "", "https://own.example/o/x"},
		"an empty list of a path":      {"servers: [{url: https://a.example}]", "servers: [], ", "", "", "https://a.example/x"},
		"base_url":                     {"servers: [{url: https://a.example/v1}]", "", "", "https://b.example/v2", "https://b.example/v2/x"},
		"base_url, no server":          {"info: {}", "", "", "https://b.example", "https://b.example/x"},
		"base_url, relative server":    {"servers: [{url: /v1}]", "", "", "https://b.example/v2/", "https://b.example/v2/x"},
		"base_url, of a path":          {"servers: [{url: https://a.example}]", own, "", "https://b.example/v2", "https://b.example/v2/x"},
		"base_url, relative of a path": {"servers: [{url: https://a.example}]", "servers: [{url: /upload}], ", "", "https://b.example/v2", "https://b.example/upload/x"},
		"base_url, beside it":          {"servers: [{url: https://a.example}]", "servers: [{url: upload}], ", "", "https://b.example/v2", "https://b.example/v2/upload/x"},
		"an escaped path":              {"servers: [{url: https://a.example/a%2Fb}]", "", "", "", "https://a.example/a%2Fb/x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := load(t, "openapi: 3.0.3\n"+tt.root+"\npaths: {/x: {"+tt.item+"get: {"+tt.op+"operationId: x}}}", func(o *Options) { o.BaseURL = tt.base })
			if got := requested(t, a, "x", `{}`).URL.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct{ root, op, want string }{
		"Swagger":                {"host: a.example\nbasePath: /v1\nschemes: [http, https]", "", "https://a.example/v1/x"},
		"Swagger, http only":     {"host: 'a.example:81'\nschemes: [http]", "", "http://a.example:81/x"},
		"Swagger, no scheme":     {"host: a.example\nbasePath: /", "", "https://a.example/x"},
		"Swagger, of operations": {"host: a.example\nschemes: [https]", "schemes: [http], ", "http://a.example/x"},
	} {
		a := load(t, "swagger: '2.0'\n"+tt.root+"\npaths: {/x: {get: {"+tt.op+"operationId: x}}}", nil)
		if got := requested(t, a, "x", `{}`).URL.String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

// Paths are as the document has them, but for what no URL can hold.
func TestPaths(t *testing.T) {
	for path, want := range map[string]string{
		"/a":                  "/a",
		"/":                   "/",
		"/a/":                 "/a/",
		"a/b":                 "/a/b",
		"/{id}:cancel":        "/i%20d:cancel",
		"/{id}.json":          "/i%20d.json",
		"/{id}/{id}":          "/i%20d/i%20d",
		"/a b/ü":              "/a%20b/%C3%BC",
		"/a%20b":              "/a%20b",
		"/x?action=list&v=1":  "/x?action=list&v=1",
		"/#X-Amz-Target=List": "/",
	} {
		quoted := string(quote(path))
		a := load(t, `{"openapi": "3.0.3", "servers": [{"url": "https://a.example"}], "paths": {`+quoted+`: {"get": {"operationId": "x", "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]}}}}`, nil)
		args := `{}`
		if strings.Contains(path, "{") {
			args = `{"id":"i d"}`
		}
		if got := requested(t, a, "x", args).URL.RequestURI(); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestCredentialsBySecurityScheme(t *testing.T) {
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass"))
	const schemes = `
components:
  securitySchemes:
    inHeader: {type: apiKey, in: header, name: X-Key}
    inQuery: {type: apiKey, in: query, name: "api key"}
    inCookie: {type: apiKey, in: cookie, name: sid}
    basic: {type: http, scheme: Basic}
    bearer: {type: http, scheme: bearer}
    token: {type: http, scheme: Token}
    oauth: {type: oauth2, flows: {}}
`
	secrets := map[string]string{"inHeader": "h&1", "inQuery": "q&1", "inCookie": "c;1", "basic": "user:pass", "bearer": "b1", "token": "t1", "oauth": "o1"}
	only := func(names ...string) map[string]string {
		m := maps.Clone(secrets)
		maps.DeleteFunc(m, func(name, _ string) bool { return !slices.Contains(names, name) })
		return m
	}
	tests := map[string]struct {
		root, op string
		secrets  map[string]string
		want     []string // header fields and the query
	}{
		"key in a header":      {"security: [{inHeader: []}]", "", secrets, []string{"X-Key: h&1"}},
		"key in the query":     {"security: [{inQuery: []}]", "", secrets, []string{"?a=1&api%20key=q%261"}},
		"key in a cookie":      {"security: [{inCookie: []}]", "", secrets, []string{"Cookie: sid=c%3B1"}},
		"basic":                {"security: [{basic: []}]", "", secrets, []string{"Authorization: " + basic}},
		"bearer":               {"security: [{bearer: []}]", "", secrets, []string{"Authorization: Bearer b1"}},
		"another HTTP scheme":  {"security: [{token: []}]", "", secrets, []string{"Authorization: Token t1"}},
		"OAuth":                {"security: [{oauth: [read]}]", "", secrets, []string{"Authorization: Bearer o1"}},
		"two at once":          {"security: [{inHeader: [], inQuery: []}]", "", secrets, []string{"X-Key: h&1", "?a=1&api%20key=q%261"}},
		"either":               {"security: [{inHeader: []}, {bearer: []}]", "", only("bearer"), []string{"Authorization: Bearer b1"}},
		"either, the first":    {"security: [{inHeader: []}, {bearer: []}]", "", secrets, []string{"X-Key: h&1"}},
		"half of two":          {"security: [{inHeader: [], inQuery: []}, {bearer: []}]", "", only("inHeader", "bearer"), []string{"Authorization: Bearer b1"}},
		"none that is known":   {"security: [{inHeader: []}]", "", only("bearer"), nil},
		"may be without":       {"security: [{}, {bearer: []}]", "", secrets, []string{"Authorization: Bearer b1"}},
		"the operation's own":  {"security: [{inHeader: []}]", "security: [{bearer: []}], ", secrets, []string{"Authorization: Bearer b1"}},
		"the operation's none": {"security: [{inHeader: []}]", "security: [], ", secrets, nil},
		"said nowhere":         {"info: {}", "", only("bearer", "inHeader"), []string{"Authorization: Bearer b1", "X-Key: h&1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a := load(t, "openapi: 3.0.3\nservers: [{url: https://a.example}]\n"+tt.root+"\npaths: {/x: {get: {"+tt.op+"operationId: x, parameters: [{name: a, in: query, schema: {}}, {name: X-Key, in: header, schema: {}}, {name: sid, in: cookie, schema: {}}, {name: api key, in: query, schema: {}}]}}}"+schemes,
				func(o *Options) { o.Secrets = tt.secrets })
			req := requested(t, a, "x", `{"a":1}`)
			var got []string
			for _, field := range []string{"Authorization", "Cookie", "X-Key"} {
				if v := req.Header.Get(field); v != "" {
					got = append(got, field+": "+v)
				}
			}
			if req.URL.RawQuery != "a=1" {
				got = append(got, "?"+req.URL.RawQuery)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			// Where a secret of the gateway's goes, no argument does.
			for name, argument := range map[string]string{"inHeader": "X-Key", "inCookie": "sid", "inQuery": "api key"} {
				_, configured := tt.secrets[name]
				if there := strings.Contains(schemaOf(t, a, "x"), `"`+argument+`":`); there == configured {
					t.Errorf("the argument %q is there: %v", argument, there)
				}
			}
		})
	}
	_, err := New(Options{Name: "s", Document: []byte("openapi: 3.0.3\nservers: [{url: https://a.example}]\npaths: {/x: {get: {}}}" + schemes), Secrets: map[string]string{"bearerr": "synthetic-secret"}})
	if err == nil || !strings.Contains(err.Error(), "credentials.bearerr: the document has no such security scheme; it has basic, bearer") || strings.Contains(err.Error(), "synthetic") {
		t.Errorf("a scheme that is not there: %v", err)
	}
}

// What went wrong is told without the key that was in the URL.
func TestFailuresDoNotTellTheKey(t *testing.T) {
	a := load(t, "openapi: 3.0.3\nservers: [{url: 'http://127.0.0.1:1'}]\nsecurity: [{k: []}]\npaths: {/x: {get: {operationId: x}}}\ncomponents: {securitySchemes: {k: {type: apiKey, in: query, name: key}}}", func(o *Options) {
		o.Secrets = map[string]string{"k": "synthetic-key"}
	})
	_, err := do(t, a, "x", `{}`)
	if err == nil || strings.Contains(err.Error(), "synthetic") {
		t.Errorf("got %v", err)
	}
}

func TestNamesAndChoice(t *testing.T) {
	const doc = `
openapi: 3.0.3
servers: [{url: https://a.example}]
paths:
  /a: {get: {operationId: list, tags: [one]}, post: {operationId: make it so!, tags: [one, write]}}
  /b: {get: {operationId: list, tags: [two]}, delete: {deprecated: true}}
  /users/{id}: {get: {parameters: [{name: id, in: path, schema: {}}]}}
  /users/id: {get: {}}
  /c: {get: {operationId: pets.list}}
  /d: {get: {operationId: pets_list}}
  /e: {get: {operationId: "日本"}}
  /: {get: {}}
`
	all := []string{"delete_b", "get", "get_e", "get_users_id", "get_users_id_e870987d05", "list", "list_get_b", "make_it_so", "pets_list", "pets_list_get_d"}
	tests := []struct {
		name             string
		include, exclude []string
		want             []string
	}{
		{"a name", []string{"list"}, nil, []string{"list", "list_get_b"}},
		{"an ID that was cleaned", []string{"make it so!"}, nil, []string{"make_it_so"}},
		{"a pattern", []string{"pets*"}, nil, []string{"pets_list", "pets_list_get_d"}},
		{"a tag", []string{"tag:one"}, nil, []string{"list", "make_it_so"}},
		{"a method", []string{"* **"}, []string{"GET **", "post /a"}, []string{"delete_b"}},
		{"a path", []string{"GET /users/*"}, nil, []string{"get_users_id", "get_users_id_e870987d05"}},
		{"exclude wins", []string{"tag:one"}, []string{"tag:write"}, []string{"list"}},
	}
	names := func(a *API) []string { return slices.Sorted(maps.Keys(a.operations)) }
	a := load(t, doc, nil)
	if d := cmp.Diff(all, names(a)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := New(Options{Name: "s", Document: []byte(doc), Operations: Choice{tt.include, tt.exclude}})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, names(a)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
