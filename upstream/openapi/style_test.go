package openapi

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// The table of OpenAPI 3.0.3, Parameter Object, Style Examples: name color, and
// the values that the columns are for.
func TestStylesOfTheSpecification(t *testing.T) {
	const scalar, array, object = `"blue"`, `["blue","black","brown"]`, `{"R":100,"G":200,"B":150}`
	tests := []struct {
		in, style             string
		explode               bool
		empty                 string
		scalar, array, object string // "" where the table has n/a
	}{
		{"path", "matrix", false, ";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"},
		{"path", "matrix", true, ";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"},
		{"path", "label", false, "", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"},
		{"path", "label", true, "", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"},
		{"path", "simple", false, "", "blue", "blue,black,brown", "R,100,G,200,B,150"},
		{"path", "simple", true, "", "blue", "blue,black,brown", "R=100,G=200,B=150"},
		{"query", "form", false, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
		{"query", "form", true, "color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"},
		{"query", "spaceDelimited", false, "", "", "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"},
		{"query", "pipeDelimited", false, "", "", "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"},
		{"query", "deepObject", true, "", "", "color%5B0%5D=blue&color%5B1%5D=black&color%5B2%5D=brown", "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"},
		{"header", "simple", false, "", "blue", "blue,black,brown", "R,100,G,200,B,150"},
		{"header", "simple", true, "", "blue", "blue,black,brown", "R=100,G=200,B=150"},
		{"cookie", "form", false, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"},
		{"cookie", "form", true, "color=", "color=blue", "color=blue; color=black; color=brown", "R=100; G=200; B=150"},
	}
	for _, tt := range tests {
		for value, want := range map[string]string{`""`: tt.empty, scalar: tt.scalar, array: tt.array, object: tt.object} {
			if want == "" {
				continue
			}
			got := sent(t, tt.in, tt.style, tt.explode, false, "color", value)
			if got != want {
				t.Errorf("%s %s explode=%v %s: got %q, want %q", tt.in, tt.style, tt.explode, value, got, want)
			}
		}
	}
}

// document with one operation "x" that has one parameter.
func oneParameter(in, style string, explode, reserved bool, name string) string {
	p, _ := json.Marshal(map[string]any{"name": name, "in": in, "style": style, "explode": explode, "allowReserved": reserved, "schema": map[string]any{}})
	path := "/x"
	if in == "path" {
		path = "/x/{" + name + "}/end"
	}
	quoted, _ := json.Marshal(path)
	return `{"openapi": "3.0.3", "servers": [{"url": "http://a.example/base"}], "paths": {` + string(quoted) + `: {"get": {"operationId": "x", "parameters": [` + string(p) + `]}}}}`
}

func argsOf(t *testing.T, text string) gateway.Args {
	t.Helper()
	args, err := gateway.ParseArgs([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// sent is how a parameter goes out, raw.
func sent(t *testing.T, in, style string, explode, reserved bool, name, value string) string {
	t.Helper()
	a := load(t, oneParameter(in, style, explode, reserved, name), nil)
	op := a.operations["x"]
	quoted, _ := json.Marshal(op.params[0].argument)
	req, err := a.request(t.Context(), op, argsOf(t, "{"+string(quoted)+":"+value+"}"))
	if err != nil {
		t.Fatalf("%s %s: %v", name, value, err)
	}
	switch in {
	case "path":
		return strings.TrimSuffix(strings.TrimPrefix(req.URL.EscapedPath(), "/base/x/"), "/end")
	case "query":
		return req.URL.RawQuery
	case "header":
		return req.Header.Get(name)
	}
	return req.Header.Get("Cookie")
}

// read is the other direction, written from the specification's table and not
// from the encoder: what a server makes of what a real HTTP server handed it.
func read(r *http.Request, in, style string, explode bool, name string, kind byte) any {
	switch in {
	case "path":
		raw := strings.TrimSuffix(strings.TrimPrefix(r.URL.EscapedPath(), "/base/x/"), "/end")
		return readPath(raw, style, explode, name, kind)
	case "header":
		return readList(r.Header.Get(name), ",", explode, kind, func(s string) string { return s })
	case "cookie":
		return readPairs(strings.Split(r.Header.Get("Cookie"), "; "), style, explode, name, kind)
	}
	return readPairs(strings.Split(r.URL.RawQuery, "&"), style, explode, name, kind)
}

func unescaped(s string) string {
	out, err := url.PathUnescape(s)
	if err != nil {
		return "bad escape " + s
	}
	return out
}

func readList(raw, separator string, explode bool, kind byte, un func(string) string) any {
	parts := strings.Split(raw, separator)
	switch {
	case kind == '"':
		return un(raw)
	case kind == '[':
		var all []any
		for _, p := range parts {
			all = append(all, un(p))
		}
		return all
	}
	m := map[string]any{}
	for i := 0; i < len(parts); i++ {
		if explode {
			k, v, _ := strings.Cut(parts[i], "=")
			m[un(k)] = un(v)
		} else if i+1 < len(parts) {
			m[un(parts[i])] = un(parts[i+1])
			i++
		}
	}
	return m
}

func readPath(raw, style string, explode bool, name string, kind byte) any {
	switch style {
	case "label":
		separator := ","
		if explode {
			separator = "."
		}
		if kind == '"' {
			return unescaped(raw[1:])
		}
		return readList(raw[1:], separator, explode, kind, unescaped)
	case "matrix":
		key := ";" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
		switch {
		case kind == '"' && raw == key:
			return ""
		case kind == '{' && explode:
			return readList(raw[1:], ";", true, kind, unescaped)
		case kind == '[' && explode:
			var all []any
			for _, p := range strings.Split(raw, key+"=")[1:] {
				all = append(all, unescaped(p))
			}
			return all
		}
		return readList(strings.TrimPrefix(raw, key+"="), ",", false, kind, unescaped)
	}
	return readList(raw, ",", explode, kind, unescaped)
}

func readPairs(pairs []string, style string, explode bool, name string, kind byte) any {
	m := map[string]any{}
	var all []any
	for _, pair := range pairs {
		k, v, _ := strings.Cut(pair, "=")
		k = unescaped(k)
		switch {
		case style == "deepObject" && kind != '"':
			m[strings.TrimSuffix(strings.TrimPrefix(k, name+"["), "]")] = unescaped(v)
		case explode && kind == '{':
			m[k] = unescaped(v)
		case k != name:
			return "another name " + k
		case explode && kind == '[':
			all = append(all, unescaped(v))
		default:
			separator := map[string]string{"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}[style]
			if kind == '"' {
				return unescaped(v)
			}
			return readList(v, separator, false, kind, unescaped)
		}
	}
	if style == "deepObject" && kind == '[' {
		for i := range len(m) {
			all = append(all, m[strconv.Itoa(i)])
		}
	}
	if kind == '[' {
		return all
	}
	return m
}

var (
	oddNames = []string{"color", "a b", "a-b", "a.b", "$filter", "page[size]", "ids[]", "größe", "X-Trace", "a=b", "a&b", "a;b", "a%20b", "a+b", "a:b", "a'b", `a"b`, "@type", "#n", "q?", "名前", "body", "__proto__", "A"}
	oddTexts = []string{"blue", "a b", "a+b", "a&b=c", "a=b", "a;b", "a#b", "a?b", "100%", "%41", "%", "a,b", "a|b", "a:b@c", "größe", "日本", "😀", `"q"`, "'q'", "<x>", "[x]", "{x}", "~", "-", "_", "(x)*!$", "x.y", "\\", "a/b", "^`", " x ", "..", ".", "", "\u00a0", "\u200b", "a\tb"}
	numbers  = []string{"0", "-1", "1.0", "1e3", "9007199254740991", "true", "false"}
)

// Whatever the place, style, explode, type, name and value: what a server reads
// is what the argument said, or the gateway refused to send it.
func TestEveryStyleReadsBack(t *testing.T) {
	var got *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	defer server.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	styles := map[string][]string{"path": {"simple", "label", "matrix"}, "query": {"form", "spaceDelimited", "pipeDelimited", "deepObject"}, "header": {"simple"}, "cookie": {"form"}}
	sentOut, refused := 0, 0
	for _, in := range slices.Sorted(maps.Keys(styles)) {
		for _, style := range styles[in] {
			for _, explode := range []bool{false, true} {
				for _, name := range oddNames {
					if in == "header" && !fieldName(name) || in == "path" && strings.ContainsAny(name, "#?") || in == "cookie" && name == "__proto__" {
						continue
					}
					a := load(t, oneParameter(in, style, explode, in == "query" && rng.IntN(2) == 0, name), func(o *Options) { o.BaseURL = server.URL + "/base" })
					for range 24 {
						kind, text, want := oddValue(rng)
						quoted, _ := json.Marshal(a.operations["x"].params[0].argument)
						got = nil
						_, err := do(t, a, "x", "{"+string(quoted)+":"+text+"}")
						if err != nil {
							refused++
							if !mayRefuse(in, style, text, want) {
								t.Errorf("%s %s explode=%v %q %s: %v", in, style, explode, name, text, err)
							}
							continue
						}
						sentOut++
						if read := read(got, in, style, explode, name, kind); !cmp.Equal(want, read) {
							t.Errorf("%s %s explode=%v %q: %s was read as %#v from %s %s", in, style, explode, name, text, read, got.RequestURI, got.Header.Get("Cookie"))
						}
					}
				}
			}
		}
	}
	if sentOut < 5000 || refused > sentOut {
		t.Errorf("%d sent, %d refused", sentOut, refused)
	}
}

// oddValue is a scalar, a list or an object of texts and numbers, as JSON and as
// what a server has to read.
func oddValue(rng *rand.Rand) (kind byte, text string, want any) {
	one := func() (string, string) {
		if rng.IntN(4) == 0 {
			n := numbers[rng.IntN(len(numbers))]
			return n, n
		}
		s := oddTexts[rng.IntN(len(oddTexts))]
		raw, _ := json.Marshal(s)
		return string(raw), s
	}
	switch n := 1 + rng.IntN(3); rng.IntN(3) {
	case 0:
		text, s := one()
		return '"', text, s
	case 1:
		var parts []string
		var all []any
		for range n {
			text, s := one()
			parts, all = append(parts, text), append(all, s)
		}
		return '[', "[" + strings.Join(parts, ",") + "]", all
	default:
		var parts []string
		m := map[string]any{}
		for i := range n {
			name := oddNames[rng.IntN(len(oddNames))] + fmt.Sprint(i)
			text, s := one()
			key, _ := json.Marshal(name)
			parts = append(parts, string(key)+":"+text)
			m[name] = s
		}
		return '{', "{" + strings.Join(parts, ",") + "}", m
	}
}

// mayRefuse is what has no form in a place: what would end a segment, a field,
// or an element.
func mayRefuse(in, style, text string, want any) bool {
	var all []string
	switch want := want.(type) {
	case string:
		all = []string{want}
	case []any:
		for _, v := range want {
			all = append(all, v.(string))
		}
	case map[string]any:
		for k, v := range want {
			all = append(all, k, v.(string))
		}
	}
	scalar := len(all) == 1 && text[0] != '['
	bad := map[string]string{"spaceDelimited": " ", "pipeDelimited": "|", "deepObject": "[]"}[style]
	for _, s := range all {
		switch {
		case in == "path" && (strings.ContainsAny(s, "/\\\t") || strings.Trim(strings.Join(all, ""), ".") == ""):
			return true
		case style == "label" && !scalar && strings.Contains(s, "."):
			return true
		case in == "header" && (strings.ContainsAny(s, "\t") || strings.TrimSpace(s) != s || !scalar && strings.ContainsAny(s, ",=")):
			return true
		case in == "query" && bad != "" && !scalar && strings.ContainsAny(s, bad):
			return true
		}
	}
	return false
}

// What no table says: nested values, nothing at all, and names that mean something else.
func TestValuesBeyondTheTable(t *testing.T) {
	tests := []struct{ in, style, explode, value, want string }{
		{"query", "form", "true", `[{"a":1},{"b":[2]}]`, "p=%7B%22a%22%3A1%7D&p=%7B%22b%22%3A%5B2%5D%7D"},
		{"query", "form", "false", `[{"a":1}]`, "p=%7B%22a%22%3A1%7D"},
		{"query", "form", "true", `[]`, ""},
		{"query", "form", "true", `{}`, ""},
		{"query", "form", "true", `null`, ""},
		{"query", "form", "true", `[null,"a",null]`, "p=a"},
		{"query", "form", "true", `{"a":null,"b":1}`, "b=1"},
		{"query", "deepObject", "true", `{"a":{"b":[1,{"c":2}]},"d":""}`, "p%5Ba%5D%5Bb%5D%5B0%5D=1&p%5Ba%5D%5Bb%5D%5B1%5D%5Bc%5D=2&p%5Bd%5D="},
		{"query", "form", "true", `1.0`, "p=1.0"},
		{"header", "simple", "false", `{"a":{"b":1}}`, `a,{"b":1}`},
	}
	for _, tt := range tests {
		if got := sent(t, tt.in, tt.style, tt.explode == "true", false, "p", tt.value); got != tt.want {
			t.Errorf("%s %s %s: got %q, want %q", tt.in, tt.style, tt.value, got, tt.want)
		}
	}
	if got, want := sent(t, "query", "form", true, true, "p", `"a/b?c:d@e,f&g=h#i+j;k[l] m"`), "p=a/b?c:d@e,f%26g=h%23i%2Bj%3Bk%5Bl%5D%20m"; got != want {
		t.Errorf("allowReserved: got %q, want %q", got, want)
	}
}

// The members of an exploded object are parameters: none may be another one,
// nor the gateway's key.
func TestMembersCannotBecomeOtherParameters(t *testing.T) {
	const doc = `
openapi: 3.0.3
servers: [{url: https://a.example}]
security: [{key: []}]
components: {securitySchemes: {key: {type: apiKey, in: query, name: api_key}}}
paths: {/x: {get: {operationId: x, parameters: [{name: filter, in: query, schema: {type: object}}, {name: admin, in: query, schema: {}}]}}}
`
	a := load(t, doc, func(o *Options) { o.Secrets = map[string]string{"key": "synthetic"} })
	for _, name := range []string{"admin", "api_key"} {
		if _, err := a.request(t.Context(), a.operations["x"], argsOf(t, `{"filter":{"`+name+`":"forged"}}`)); err == nil {
			t.Errorf("%s was set by another argument", name)
		}
	}
	req, err := a.request(t.Context(), a.operations["x"], argsOf(t, `{"filter":{"a":1}}`))
	if err != nil || req.URL.RawQuery != "a=1&api_key=synthetic" {
		t.Errorf("%v, %v", req, err)
	}
}

func TestContentOfParameters(t *testing.T) {
	var got *http.Request
	a := api(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got = r
	}, func(o *Options) {
		o.Document = []byte(`
openapi: 3.2.0
paths:
  /x:
    get:
      operationId: x
      parameters:
        - {name: filter, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: plain, in: query, content: {text/plain: {schema: {type: string}}}}
    query:
      operationId: search
      requestBody: {content: {application/json: {}}}
  /all: {get: {operationId: all, parameters: [{name: q, in: querystring, content: {application/x-www-form-urlencoded: {schema: {type: object}}}}]}}
  /json: {get: {operationId: json, parameters: [{name: q, in: querystring, content: {application/json: {schema: {}}}}]}}
  /odd: {additionalOperations: {COPY: {operationId: copy}}}
`)
	})
	for _, tt := range []struct{ tool, args, want string }{
		{"x", `{"filter": {"a": [1, 2.0]}, "plain": "a b"}`, "GET /v1/x?filter=%7B%22a%22%3A%5B1%2C2.0%5D%7D&plain=a%20b"},
		{"search", `{"body": {}}`, "QUERY /v1/x"},
		{"all", `{"q": {"a": "1&b=2", "c": [3, 4]}}`, "GET /v1/all?a=1%26b%3D2&c=3&c=4"},
		{"json", `{"q": {"a": 1}}`, "GET /v1/json?%7B%22a%22%3A1%7D"},
		{"copy", `{}`, "COPY /v1/odd"},
	} {
		if _, err := do(t, a, tt.tool, tt.args); err != nil {
			t.Errorf("%s: %v", tt.tool, err)
		} else if line := got.Method + " " + got.RequestURI; line != tt.want {
			t.Errorf("%s: got %s, want %s", tt.tool, line, tt.want)
		}
	}
}
