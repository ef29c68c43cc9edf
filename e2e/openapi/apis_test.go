//go:build apis

// Package openapi loads descriptions of public HTTP APIs as their packages ship
// them, and calls each of their operations at a server that records what came.
// `make apis` installs them; nothing of them is in this repository.
package openapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"toolward/gateway"
	"toolward/upstream"
	"toolward/upstream/openapi"
)

// descriptions are what is loaded, and the tools that they have to become: one
// for each operation.
var descriptions = []struct {
	file  string
	tools int
}{
	{"@octokit/openapi/generated/api.github.com.json", 1223},
	{"@octokit/openapi/generated/ghec.json", 1471},
	{"@octokit/openapi/generated/ghes-3.19.json", 1039},
	{"openapi-to-graphql/test/fixtures/docusign.json", 303},
	{"@netlify/open-api/dist/swagger.json", 181},
	{"openapi-to-graphql/test/fixtures/github.json", 244},
	{"@okta/openapi/dist/spec.json", 340},
	{"@okta/openapi/dist/spec.yaml", 340},
	{"@readme/oas-examples/3.1/yaml/readme.yaml", 54},
	{"@readme/oas-examples/3.0/json/star-trek.json", 120},
	{"@blockfrost/openapi/openapi.yaml", 129},
	{"@figma/rest-api-spec/openapi/openapi.yaml", 54},
	{"@directus/specs/dist/openapi.json", 136},
	{"openapi-to-graphql/test/fixtures/government_social_work.json", 43},
	{"@dcl/catalyst-api-specs/lib/api.yaml", 42},
	{"@readme/oas-examples/3.0/yaml/readme-legacy.yaml", 36},
	{"openapi-to-graphql/test/fixtures/instagram.json", 27},
	{"openapi-to-graphql/test/fixtures/weather_underground.json", 3},
	{"openapi-to-graphql/test/fixtures/ibm_language_translator.json", 9},
	{"@readme/oas-examples/3.1/yaml/train-travel.yaml", 7},
	{"@readme/oas-examples/3.0/json/uspto.json", 3},
	{"@readme/oas-examples/2.0/yaml/petstore.yaml", 20},
	{"@readme/oas-examples/3.1/json/petstore.json", 20},
	{"@readme/oas-examples/3.0/json/parameters-style.json", 25},
	{"@readme/oas-examples/3.1/json/parameters-style.json", 25},
}

func TestPublicAPIs(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, body = r, nil
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	fmt.Printf("%-62s %8s %6s %6s %9s %9s %9s %9s\n", "description", "KiB", "tools", "wrong", "read", "catalog", "heap", "called")
	for _, d := range descriptions {
		t.Run(d.file, func(t *testing.T) {
			path := filepath.Join("node_modules", d.file)
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v: run make apis", err)
			}
			before, start := heap(), time.Now()
			api, err := openapi.New(openapi.Options{Name: "api", Document: raw, File: filepath.Base(path), Folder: os.DirFS(filepath.Dir(path)), BaseURL: server.URL + "/base"})
			if err != nil {
				t.Fatal(err)
			}
			read := time.Since(start)
			start = time.Now()
			catalog := catalogOf(t, api)
			listed := time.Since(start)
			used := int64(heap()) - int64(before)
			tools := catalog.List(gateway.KindTool, "api")
			doc := parse(t, raw)
			called := 0
			for _, tool := range tools {
				args, ok := argumentsOf(tool)
				if !ok {
					t.Errorf("%s: no arguments could be made for %s", tool.Name, tool.Definition)
					continue
				}
				call := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
				call.Tool, call.Args, call.Sent = tool, args, args
				got = nil
				if _, err := api.Do(t.Context(), call); err != nil {
					t.Errorf("%s %s: %v", tool.Name, args.Raw(), err)
					continue
				}
				if why := doc.wrong(tool, got, body); why != "" {
					t.Errorf("%s %s: %s %s: %s", tool.Name, args.Raw(), got.Method, got.RequestURI, why)
				}
				called++
			}
			wrong := len(api.Faults())
			for _, f := range api.Faults() {
				t.Logf("left out: %s: %s", f.Name, f.Reason)
			}
			fmt.Printf("%-62s %8d %6d %6d %9s %9s %6d MiB %9d\n", d.file, len(raw)>>10, len(tools), wrong, read.Round(time.Millisecond), listed.Round(time.Millisecond), used>>20, called)
			if len(tools) != d.tools || wrong > 0 {
				t.Errorf("%d tools, want %d; %d operations are left out", len(tools), d.tools, wrong)
			}
			runtime.KeepAlive(catalog)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func catalogOf(t *testing.T, api *openapi.API) *upstream.Catalog {
	t.Helper()
	c, err := upstream.New(t.Context(), upstream.Options{Pins: upstream.NewMemoryPins(), Servers: []upstream.Server{{
		Name: "api", ListTimeout: 5 * time.Minute,
		Dial: func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) { return api, nil },
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// document is a description read with no more than a YAML parser, to hold
// requests against.
type document struct{ root map[string]any }

func parse(t *testing.T, raw []byte) document {
	t.Helper()
	var d document
	var err error
	if raw[0] == '{' {
		err = json.Unmarshal(raw, &d.root)
	} else {
		err = yaml.Unmarshal(raw, &d.root)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d document) follow(v any) map[string]any {
	m, _ := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	at := any(d.root)
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		in, _ := at.(map[string]any)
		at = in[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return d.follow(at)
}

var place = regexp.MustCompile(`(?m)^([A-Z]+) (/\S*)$`)

// ignored are what OpenAPI has no parameters for (3.0.3, Parameter Object, name).
var ignored = regexp.MustCompile(`(?i)^(accept|content-type|authorization)$`)

// wrong says what is wrong with a request for a tool, whose description ends
// with its method and path: another method or path, a required parameter that
// is missing, or a body of a media type that nobody asked for.
func (d document) wrong(tool *gateway.Tool, r *http.Request, body []byte) string {
	if r == nil {
		return "nothing was sent"
	}
	var def struct {
		Description string `json:"description"`
	}
	if err := json.Unmarshal(tool.Definition, &def); err != nil {
		return err.Error()
	}
	all := place.FindAllStringSubmatch(def.Description, -1)
	if len(all) == 0 {
		return "the description does not name its place"
	}
	method, path := all[len(all)-1][1], all[len(all)-1][2]
	pattern := regexp.MustCompile(`\\\{[^}]*\\\}`).ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
	if r.Method != method || !regexp.MustCompile("^/base"+pattern+"$").MatchString(r.URL.EscapedPath()) {
		return "want " + method + " " + path
	}
	paths, _ := d.root["paths"].(map[string]any)
	item := d.follow(paths[path])
	op := d.follow(item[strings.ToLower(method)])
	own, _ := op["parameters"].([]any)
	shared, _ := item["parameters"].([]any)
	for _, raw := range append(append([]any{}, own...), shared...) {
		p := d.follow(raw)
		name, _ := p["name"].(string)
		if p["required"] != true || p["in"] == "header" && ignored.MatchString(name) {
			continue
		}
		there := true
		switch p["in"] {
		case "query":
			there = r.URL.Query().Has(name) || p["style"] == "deepObject" || strings.Contains(r.URL.RawQuery, "=") && p["schema"] != nil && d.follow(p["schema"])["type"] == "object"
		case "header":
			there = r.Header.Values(name) != nil
		case "cookie":
			_, err := r.Cookie(name)
			there = err == nil
		}
		if !there {
			return fmt.Sprintf("the required parameter %s in %s is missing", name, p["in"])
		}
	}
	if content, _ := d.follow(op["requestBody"])["content"].(map[string]any); len(body) > 0 && content != nil {
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		for media := range content {
			declared, _, _ := strings.Cut(media, ";")
			if strings.TrimSpace(declared) == kind || strings.Contains(declared, "*") {
				return ""
			}
		}
		return "a body of " + kind
	}
	return ""
}
