//go:build e2e

package field

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// startAPIs is a gateway in front of APIs, beside the lab's own upstream.
func startAPIs(t *testing.T, upstreams map[string]any) *lab.Gateway {
	t.Helper()
	return lab.Launch(t, lab.Options{Config: map[string]any{"upstreams": upstreams}})
}

// What an API says of a failure reaches the model, and an operation that fails
// takes no other away, however often (MCP 2025-11-25 server/tools, error handling).
func TestFailuresOfAnAPI(t *testing.T) {
	api := lab.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/fail/"))
		if status == 0 {
			status = 200
		}
		w.Header().Set("Content-Type", r.URL.Query().Get("kind"))
		w.WriteHeader(status)
		_, _ = w.Write([]byte(r.URL.Query().Get("say")))
	})
	g := startAPIs(t, map[string]any{"api": api.Config(t, `
openapi: 3.0.3
paths:
  /fail/{status}: {get: {operationId: fail, parameters: [{name: status, in: path, required: true, schema: {type: integer}}, {name: say, in: query, schema: {type: string}}, {name: kind, in: query, schema: {type: string}}]}}
  /fine: {get: {operationId: fine}}
`, nil)})
	g.WaitReady(t)
	token := g.Tester()
	for _, status := range []int{400, 401, 403, 404, 409, 422, 429, 500, 501, 502, 503, 504, 599} {
		for kind, say := range map[string]string{"application/json": `{\"error\":\"row 7\"}`, "text/html": "<p>row 7</p>", "application/problem+json": "row 7", "": "row 7"} {
			a := lab.CallREST(t, g, token, "api__fail", `{"status":`+strconv.Itoa(status)+`,"kind":"`+kind+`","say":"`+say+`"}`)
			if !strings.Contains(a.Text, "row 7") || !strings.Contains(a.Text, "HTTP status "+strconv.Itoa(status)) || !strings.Contains(a.Text, `"isError":true`) {
				t.Errorf("%d %q: %d %s", status, kind, a.Status, a.Text)
			}
		}
	}
	api.Requests()
	if a := lab.CallREST(t, g, token, "api__fine", `{}`); a.Status != 200 || len(api.Requests()) != 1 {
		t.Errorf("after the failures: %d %s", a.Status, a.Text)
	}
}

// Of what an API answers nothing is lost because a part of it is cut, or is JSON
// that readers take differently: that is a text then.
func TestAnswersOfAnAPIThatAreCutOrOdd(t *testing.T) {
	answers := map[string]string{
		"half": `{"text":"row 7 \ud83d"}`, "bytes": "{\"text\":\"row 7 \xf0\x9f\"}", "twice": `{"text":"row 7","text":"row 8"}`,
		"levels": `{"row 7":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`, "number": `{"row 7":1e50000000}`, "list": `["row 7 \udc00"]`, "none": `{"row 7":NaN}`,
	}
	api := lab.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(answers[strings.TrimPrefix(r.URL.Path, "/")]))
	})
	var paths strings.Builder
	for name := range answers {
		paths.WriteString("  /" + name + ": {get: {operationId: " + name + "}}\n")
	}
	g := startAPIs(t, map[string]any{"lab": api.Config(t, "openapi: 3.1.0\npaths:\n"+paths.String(), nil)})
	g.WaitReady(t)
	for _, s := range []*lab.Surface{lab.REST, lab.Modern, lab.Legacy, lab.SSE} {
		for name := range answers {
			if a := s.Call(t, g, g.Tester(), name, `{}`); a.Code != "" || !strings.Contains(a.Text, "row 7") {
				t.Errorf("%s, %s: %s %s", s.Name, name, a.Code, a.Text)
			}
		}
	}
	if n := g.Rows(t, "", "SELECT count(*) AS n FROM events WHERE body ->> '$.result_mended' = 1")[0]["n"]; n != 8.0 {
		t.Errorf("%v of 8 results are on record as mended", n)
	}
}

// An operation that is slow takes no other away; an API that is not there is
// left alone, and comes back.
func TestSlowOperations(t *testing.T) {
	end := make(chan struct{})
	api := lab.NewAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-end
		}
	})
	t.Cleanup(func() { close(end) })
	const doc = "openapi: 3.0.3\npaths: {/slow: {get: {operationId: slow}}, /fine: {get: {operationId: fine}}}"
	gone := httptest.NewServer(nil)
	gone.Close()
	g := startAPIs(t, map[string]any{
		"api":  api.Config(t, doc, map[string]any{"timeout": "100ms"}),
		"gone": lab.NewAPI(t, nil).Config(t, doc, map[string]any{"base_url": gone.URL}),
	})
	g.WaitReady(t)
	token := g.Tester()
	for range 7 {
		if a := lab.CallREST(t, g, token, "api__slow", `{}`); a.Code != "upstream_timeout" {
			t.Errorf("slow: %s", a.Text)
		}
	}
	if a := lab.CallREST(t, g, token, "api__fine", `{}`); a.Status != 200 || a.Code != "" {
		t.Errorf("after the slow ones: %d %s", a.Status, a.Text)
	}
	for range 5 {
		if a := lab.CallREST(t, g, token, "gone__fine", `{}`); a.Code != "upstream_down" {
			t.Errorf("gone: %s", a.Text)
		}
	}
	if a := lab.CallREST(t, g, token, "gone__fine", `{}`); !strings.Contains(a.Text, "circuit breaker") {
		t.Errorf("gone, the sixth time: %s", a.Text)
	}
}

// One operation that is wrong is missing; the others and the gateway are there,
// and whoever looks for it learns why.
func TestWrongOperationsAreMissingAlone(t *testing.T) {
	api := lab.NewAPI(t, nil)
	g := startAPIs(t, map[string]any{
		"api": api.Config(t, `
openapi: 3.0.3
paths:
  /a: {get: {operationId: list}}
  /b: {get: {operationId: list}}
  /c: {get: {operationId: fine}}
  /x/{id}: {get: {operationId: no_parameter}}
  /y: {post: {operationId: no_schema, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Gone"}}}}}}
`, nil),
		"broken":  lab.NewAPI(t, nil).Config(t, "{", nil),
		"nothing": map[string]any{"openapi": "nowhere.yaml", "base_url": api.URL},
	})
	g.Until(t, "the API is up", func() bool { return strings.Contains(g.Log.String(), "upstream is up") })
	g.Until(t, "the others are down", func() bool {
		return strings.Contains(g.Log.String(), "cannot be read") && strings.Contains(g.Log.String(), "no such file")
	})
	g.WaitReady(t)
	token := g.Tester()
	for tool, uri := range map[string]string{"fine": "/c", "list": "/a", "list_get_b": "/b"} {
		a := lab.CallREST(t, g, token, "api__"+tool, `{}`)
		if got := api.Requests(); len(got) != 1 || got[0].URI != uri {
			t.Errorf("%s: %v, %s", tool, got, a.Text)
		}
	}
	for tool, why := range map[string]string{"no_parameter": `variable \"id\" has no parameter`, "no_schema": "leads nowhere"} {
		a := lab.CallREST(t, g, token, "api__"+tool, `{}`)
		if a.Code != "quarantined" || !strings.Contains(a.Text, why) || len(api.Requests()) != 0 {
			t.Errorf("%s: %s", tool, a.Text)
		}
		if n := g.Count(t, "", "tool = 'api__"+tool+"' AND reasons LIKE '%the document is wrong about%'"); n != 1 {
			t.Errorf("%s: the record has %d calls with the reason", tool, n)
		}
		if !strings.Contains(g.Log.String(), "tool="+tool) {
			t.Errorf("%s: the log does not name it", tool)
		}
	}
	_, out := g.Run(t, "tools", "list", "--config", "toolward.yaml")
	for _, want := range []string{"requestBody: reference", "has no parameter", "api__fine"} {
		if !strings.Contains(out, want) {
			t.Errorf("tools list has no %q:\n%s", want, out)
		}
	}
}

// A document that is repaired brings its upstream back without a restart.
func TestRepairedDocument(t *testing.T) {
	api := lab.NewAPI(t, nil)
	g := startAPIs(t, map[string]any{"api": api.Config(t, "{", nil)})
	g.Until(t, "it is down", func() bool { return strings.Contains(g.Log.String(), "cannot be read") })
	api.Config(t, "openapi: 3.0.3\npaths: {/c: {get: {operationId: fine}}}", nil)
	g.Until(t, "it is up", func() bool { return strings.Contains(g.Log.String(), "upstream is up") })
	g.WaitReady(t)
	if a := lab.CallREST(t, g, g.Tester(), "api__fine", `{}`); len(api.Requests()) != 1 {
		t.Errorf("%s", a.Text)
	}
}

// The gateway's own credentials go where the document's security schemes say,
// and no word of the agent's does: not its token, not an argument.
func TestCredentialsOfAnAPI(t *testing.T) {
	api := lab.NewAPI(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("you sent " + r.URL.RawQuery)) })
	doc := `
openapi: 3.0.3
components:
  securitySchemes:
    key: {type: apiKey, in: query, name: api_key}
    cookie: {type: apiKey, in: cookie, name: sid}
    basic: {type: http, scheme: basic}
paths:
  /key: {get: {operationId: key, security: [{key: []}], parameters: [{name: api_key, in: query, schema: {type: string}}, {name: q, in: query, schema: {type: object}}]}}
  /cookie: {get: {operationId: cookie, security: [{cookie: []}]}}
  /basic: {get: {operationId: basic, security: [{basic: []}]}}
  /none: {get: {operationId: none, security: []}}
`
	g := startAPIs(t, map[string]any{"api": api.Config(t, doc, map[string]any{"credentials": map[string]any{
		"key": "synthetic-key-4711", "cookie": "synthetic-cookie-4711", "basic": "synthetic:pass-4711"}})})
	g.WaitReady(t)
	token := g.Tester()
	for _, tt := range []struct{ tool, uri, cookie, authorization string }{
		{"key", "/key?api_key=synthetic-key-4711", "", ""},
		{"cookie", "/cookie", "sid=synthetic-cookie-4711", ""},
		{"basic", "/basic", "", "Basic c3ludGhldGljOnBhc3MtNDcxMQ=="},
		{"none", "/none", "", ""},
	} {
		a := lab.CallREST(t, g, token, "api__"+tt.tool, `{}`)
		got := api.Requests()
		if len(got) != 1 || got[0].URI != tt.uri || got[0].Header.Get("Cookie") != tt.cookie || got[0].Header.Get("Authorization") != tt.authorization {
			t.Errorf("%s: %+v, %s", tt.tool, got, a.Text)
		}
		if strings.Contains(a.Text, "4711") {
			t.Errorf("%s: the agent was told the secret: %s", tt.tool, a.Text)
		}
	}
	for _, args := range []string{`{"api_key":"forged"}`, `{"q":{"api_key":"forged"}}`} {
		if a := lab.CallREST(t, g, token, "api__key", args); a.Code != "invalid_arguments" || len(api.Requests()) != 0 {
			t.Errorf("%s: %s", args, a.Text)
		}
	}
	if strings.Contains(g.Log.String(), "4711") {
		t.Error("the log has a secret")
	}
}
