package rest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParametersThatAreNotThereAreRefused(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		says    string
	}{
		{"GET /v1/tools?format=openai", 200, `"s__one"`},
		{"GET /v1/tools?server=s", 200, `"s__two"`},
		{"GET /v1/tools?format=gemini&server=s", 200, `"s__two"`},
		{"GET /v1/tools?server=t", 404, "no server of this name"},
		{"GET /v1/tools?servers=s", 400, `there is no parameter \"servers\" here; there are: format, server`},
		{"GET /v1/tools?Format=openai", 400, "no parameter"},
		{"GET /v1/tools?format=openai&format=gemini", 400, "stands twice"},
		{"GET /v1/tools?server=s&server=t", 400, "stands twice"},
		{"GET /v1/tools?format=%zz", 400, "cannot be read"},
		{"GET /v1/tools?format=openai;server=s", 400, "cannot be read"},
		{"GET /v1/tools?=x", 400, "no parameter"},
		{"GET /v1/tools?local=x", 400, "no parameter"},
		{"POST /v1/tools/s__one/call?server=s", 400, "no parameter"},
		{"POST /v1/tools/s__one/call?format=gemini", 200, "content"},
		{"POST /v1/tool_calls?server=s", 400, "no parameter"},
		{"GET /v1/openapi.json?x=1", 400, "no parameters"},
	} {
		method, path, _ := strings.Cut(tt.request, " ")
		w := send(t, &open{}, method, path, "good", `{}`)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s: %d %s, want %d and %s", tt.request, w.Code, w.Body, tt.status, tt.says)
		}
		if w := send(t, &open{}, method, path, "", `{}`); w.Code != 401 {
			t.Errorf("%s: a stranger is told %d", tt.request, w.Code)
		}
	}
}

// A turn with a call of the gateway's tool and one of the program's, as each
// provider writes it.
var mixed = map[string]string{
	"openai":              `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"now","arguments":"{\"a\":0.1000000000000000055}"}},{"id":"c2","type":"function","function":{"name":"s__one","arguments":"{}"}}]}`,
	"openai-responses":    `[{"type":"function_call","call_id":"c1","name":"now","arguments":"{}"},{"type":"function_call","call_id":"c2","name":"s__one","arguments":"{}"}]`,
	"anthropic":           `{"role":"assistant","content":[{"type":"tool_use","id":"c1","name":"now","input":{}},{"type":"tool_use","id":"c2","name":"s__one","input":{}}]}`,
	"gemini":              `{"role":"model","parts":[{"functionCall":{"id":"c1","name":"now","args":{}}},{"functionCall":{"id":"c2","name":"s__one","args":{}}}]}`,
	"gemini-interactions": `{"steps":[{"type":"function_call","id":"c1","name":"now","arguments":{}},{"type":"function_call","id":"c2","name":"s__one","arguments":{}}]}`,
}

func TestCallsOfOwnToolsAreLeftToTheProgram(t *testing.T) {
	type said struct {
		Messages  []json.RawMessage
		Decisions []struct{ ID, Code string }
		Local     []own
	}
	ask := func(query, body string) (int, said) {
		w := send(t, &open{}, "POST", "/v1/tool_calls?"+query, "good", body)
		var a said
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		return w.Code, a
	}
	for _, f := range formats {
		if f.parse == nil {
			continue
		}
		body := mixed[f.name]
		if _, a := ask("format="+f.name, body); len(a.Decisions) != 2 || a.Decisions[0].Code == "" || a.Local != nil {
			t.Errorf("%s: a name that nobody knows was no error: %+v", f.name, a)
		}
		_, a := ask("format="+f.name+"&local=later&local=now", body)
		if d := cmp.Diff([]own{{"c1", "now"}}, a.Local); d != "" || len(a.Decisions) != 1 || a.Decisions[0].ID != "c2" || a.Decisions[0].Code != "" {
			t.Errorf("%s: %+v %s", f.name, a, d)
		}
		if len(a.Messages) != 1 || strings.Contains(string(a.Messages[0]), "c1") {
			t.Errorf("%s: the messages are %s", f.name, a.Messages)
		}
		alone := strings.ReplaceAll(body, "s__one", "now")
		if code, a := ask("local=now&format="+f.name, alone); code != 200 || len(a.Local) != 2 || a.Messages == nil || len(a.Messages) != 0 {
			t.Errorf("%s: a turn of own calls alone: %d %+v", f.name, code, a)
		}
		if code, _ := ask("local=now&local=s__one&format="+f.name, body); code != http.StatusBadRequest {
			t.Errorf("%s: a name means two tools: %d", f.name, code)
		}
	}
	cut := `{"choices":[{"finish_reason":"length","message":` + mixed["openai"] + `}]}`
	if _, a := ask("local=now", cut); len(a.Local) != 0 || len(a.Messages) != 2 {
		t.Errorf("half of a call is for the program to run: %+v", a)
	}
}

// TestOtherPathsAndMethodsAreProblems: what is no route is said as every error is.
func TestOtherPathsAndMethodsAreProblems(t *testing.T) {
	for _, tt := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v1/nothing", 404, ""}, {"POST", "/v1/tools/s__one", 404, ""}, {"GET", "/v1/", 404, ""},
		{"POST", "/v1/tools", 405, "GET, HEAD"}, {"GET", "/v1/tool_calls", 405, "POST"}, {"DELETE", "/v1/tools/s__one/call", 405, "POST"},
		{"BREW", "/v1/openapi.json", 405, "GET, HEAD"},
	} {
		w := send(t, &open{}, tt.method, tt.path, "good", "")
		var p struct {
			Status       int
			Code, Detail string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %s %q: %v", tt.method, tt.path, w.Header().Get("Content-Type"), w.Body, err)
			continue
		}
		if w.Code != tt.status || p.Status != tt.status || p.Code != "unsupported" || p.Detail == "" || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: %d %+v Allow %q, want %d %q", tt.method, tt.path, w.Code, p, w.Header().Get("Allow"), tt.status, tt.allow)
		}
	}
}

// TestOpenAPIPageHasTheParameters holds the page against the table of routes.
func TestOpenAPIPageHasTheParameters(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		var named []string
		for _, p := range doc.Paths[path][strings.ToLower(method)].Parameters {
			if p.In == "query" {
				named = append(named, p.Name)
			}
		}
		slices.Sort(named)
		if want := slices.Sorted(slices.Values(rt.params)); !slices.Equal(named, want) {
			t.Errorf("%s: the page has %q, the route %q", rt.pattern, named, want)
		}
	}
}
