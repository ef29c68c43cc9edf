package openapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemaOf is the input schema of a tool.
func schemaOf(t *testing.T, a *API, tool string) string {
	t.Helper()
	op := a.operations[tool]
	if op == nil {
		t.Fatalf("there is no tool %s; left out: %v", tool, a.faults)
	}
	var d struct {
		InputSchema json.RawMessage `json:"inputSchema"`
	}
	if err := json.Unmarshal(op.definition, &d); err != nil {
		t.Fatal(err)
	}
	return string(d.InputSchema)
}

// load reads a document that has to be usable.
func load(t *testing.T, document string, change func(*Options)) *API {
	t.Helper()
	o := Options{Name: "s", Document: []byte(document)}
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestTrees(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"dates are texts":        {"a: 2020-01-01\nb: 2001-12-14t21:59:43.10-05:00", `{"a":"2020-01-01","b":"2001-12-14t21:59:43.10-05:00"}`},
		"names are as written":   {"200: a\n1.10: b\ntrue: c\n0x10: d\n2020-01-01: e", `{"0x10":"d","1.10":"b","200":"a","2020-01-01":"e","true":"c"}`},
		"digits are kept":        {"a: 1.10\nb: 12345678901234567890\nc: 9007199254740993\nd: 1.5e30", `{"a":1.10,"b":12345678901234567890,"c":9007199254740993,"d":1.5e30}`},
		"other numbers":          {"a: 0x1f\nb: 0o17\nc: 1_000", `{"a":31,"b":15,"c":1000}`},
		"what JSON has not":      {"a: .inf\nb: .nan\nc: ~", `{"a":".inf","b":".nan","c":null}`},
		"words are words":        {"a: yes\nb: no\nc: on\nd: n\ne: true", `{"a":"yes","b":"no","c":"on","d":"n","e":true}`},
		"anchors":                {"a: &x {b: 1}\nc: *x", `{"a":{"b":1},"c":{"b":1}}`},
		"merge keys":             {"a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: {<<: [*x, {f: 4}]}", `{"a":{"b":1,"c":2},"d":{"b":1,"c":3},"e":{"b":1,"c":2,"f":4}}`},
		"byte order mark":        {"\ufeff{\"a\": 1}", `{"a":1}`},
		"JSON with tabs":         {"{\n\t\"a\":\t1.0}", `{"a":1.0}`},
		"JSON with a last comma": {`{"a": [1,],}`, `{"a":[1]}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			v, err := readTree([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// A small file must not unfold to a large one, nor hold itself.
func TestTreesAreBounded(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 {x: 1}\n")
	last := "a0"
	for i := range 40 {
		next := "a" + string(rune('A'+i%26)) + string(rune('a'+i/26))
		bomb.WriteString(next + ": &" + next + " [*" + last + ", *" + last + ", *" + last + "]\n")
		last = next
	}
	if _, err := readTree([]byte(bomb.String())); err != nil && !strings.Contains(err.Error(), "excessive") {
		t.Errorf("aliases: %v", err) // shared, so it costs nothing; refusing is fine too
	}
	if _, err := readTree([]byte("a: &a [*a]")); err == nil {
		t.Error("an anchor that holds itself was read")
	}
	if _, err := readTree([]byte("a: &a {b: {<<: *a}}")); err == nil {
		t.Error("an anchor that merges itself was read")
	}
}

// What is wrong with one operation costs that operation, and says why.
func TestOneBrokenOperation(t *testing.T) {
	tests := map[string]struct{ paths, components, want string }{
		"a variable without parameter":  {`/x/{id}: {get: {operationId: bad}}`, "", `variable "id" has no parameter`},
		"a variable without end":        {`"/x/{id": {get: {operationId: bad}}`, "", `variable "id" has no parameter`},
		"a schema that is not there":    {`/x: {post: {operationId: bad, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Gone"}}}}}}`, "", "leads nowhere"},
		"a parameter that is not there": {`/x: {get: {operationId: bad, parameters: [{$ref: "#/components/parameters/Gone"}]}}`, "", "leads nowhere"},
		"a body that is not there":      {`/x: {post: {operationId: bad, requestBody: {$ref: "#/components/requestBodies/Gone"}}}`, "", "leads nowhere"},
		"a remote schema":               {`/x: {post: {operationId: bad, requestBody: {content: {application/json: {schema: {$ref: "https://evil.example/a.yaml"}}}}}}`, "", "nothing is fetched"},
		"a file outside":                {`/x: {post: {operationId: bad, requestBody: {content: {application/json: {schema: {$ref: "../../etc/passwd"}}}}}}`, "", "leaves the folder"},
		"an absolute file":              {`/x: {post: {operationId: bad, requestBody: {content: {application/json: {schema: {$ref: "/etc/passwd"}}}}}}`, "", "nothing is fetched"},
		"a deep schema is gone":         {`/x: {post: {operationId: bad, requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/A"}}}}}}`, `A: {properties: {b: {items: {$ref: "#/components/schemas/Gone"}}}}`, "leads nowhere"},
		"a parameter without name":      {`/x: {get: {operationId: bad, parameters: [{in: query, schema: {}}]}}`, "", "has no name"},
		"a parameter of no place":       {`/x: {get: {operationId: bad, parameters: [{name: a, in: quary, schema: {}}]}}`, "", "no place for one"},
		"parameters in a circle":        {`/x: {get: {operationId: bad, parameters: [{$ref: "#/paths/~1x/get/parameters/0"}]}}`, "", "circle"},
		"an operation that is a text":   {`/x: {get: bad}`, "", "expected an object"},
		"a path that is a list":         {`/x: []`, "", "expected an object"},
		"a path in a circle":            {`/x: {$ref: "#/paths/~1x"}`, "", "circle"},
		"a server without default":      {`/x: {get: {operationId: bad, servers: [{url: "https://{h}.example"}]}}`, "", "has no default"},
		"a server that is no URL":       {`/x: {get: {operationId: bad, servers: [{url: "https://a b"}]}}`, "", "no URL"},
		"a server of another kind":      {`/x: {get: {operationId: bad, servers: [{url: "ftp://a.example"}]}}`, "", "http or https"},
		"a body of an unknown form":     {`/x: {post: {operationId: bad, requestBody: {required: true, content: {multipart/related: {}}}}}`, "", "not supported"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			doc := "openapi: 3.0.3\nservers: [{url: https://a.example}]\ncomponents: {schemas: {" + tt.components + "}}\npaths:\n  /fine: {get: {operationId: fine}}\n  " + tt.paths + "\n"
			a := load(t, doc, nil)
			if a.operations["fine"] == nil || len(a.operations) != 1 {
				t.Errorf("the operations are %v", a.operations)
			}
			if len(a.faults) != 1 || !strings.Contains(a.faults[0].Reason, tt.want) || !strings.Contains(a.faults[0].Reason, "/x") {
				t.Errorf("faults %v, want %q", a.faults, tt.want)
			}
		})
	}
}

// What no operation can be made of is an error of the whole.
func TestBadDocuments(t *testing.T) {
	const fine = "paths: {/a: {get: {}}}"
	tests := map[string]struct{ document, want string }{
		"not YAML":             {"{", "cannot be read"},
		"empty":                {"", "cannot be read"},
		"not an object":        {"[1]", "not an object"},
		"something else":       {"a: 1", "no OpenAPI document"},
		"an older version":     {"swagger: '1.2'", "no OpenAPI document"},
		"no paths":             {"openapi: 3.1.0\nservers: [{url: https://x}]", "no operation"},
		"nothing":              {"openapi: 3.1.0\nservers: [{url: https://x}]\npaths: {}", "no operation"},
		"no server":            {"openapi: 3.1.0\n" + fine, "give base_url"},
		"relative server":      {"openapi: 3.1.0\nservers: [{url: /v1}]\n" + fine, "give base_url"},
		"variable, no default": {"openapi: 3.1.0\nservers: [{url: 'https://{h}.example.com'}]\n" + fine, "give base_url"},
		"no host":              {"swagger: '2.0'\n" + fine, "give base_url"},
	}
	for name, tt := range tests {
		if _, err := New(Options{Name: "s", Document: []byte(tt.document)}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", name, err, tt.want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, version := range []string{"swagger: '2.0'\nhost: a.example", "swagger: 2.0\nhost: a.example", "openapi: 3.0.0", "openapi: '3.0'", "openapi: 3", "openapi: 3.0.4", "openapi: 3.1.1", "openapi: 3.2.0", "openapi: 3.3.0", "openapi: 4.0.0"} {
		a := load(t, version+"\nservers: [{url: https://a.example}]\npaths: {/a: {get: {operationId: x}}}", nil)
		if a.operations["x"] == nil {
			t.Errorf("%s: %v", version, a.faults)
		}
	}
}

// References lead to any place of the document, and to files in its folder.
func TestReferences(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"api/models/pet.yaml":   "Pet: {type: object, properties: {owner: {$ref: 'owner.json'}, self: {$ref: '#/Pet'}, back: {$ref: '../api.yaml#/components/schemas/Own'}}}",
		"api/models/owner.json": `{"type": "object", "properties": {"pets": {"items": {"$ref": "pet.yaml#/Pet"}}}}`,
		"api/paths/a.yaml":      "get: {operationId: inFile, parameters: [{$ref: '../params.yaml#/limit'}]}",
		"api/params.yaml":       "limit: {name: limit, in: query, schema: {type: integer}}",
		"secret.yaml":           "type: string",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../secret.yaml", filepath.Join(folder, "api", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(filepath.Join(folder, "api"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	doc := `
openapi: 3.1.0
servers: [{url: https://a.example}]
paths:
  /pets/{id}:
    get: {operationId: get, parameters: [{name: id, in: path, schema: {type: string, enum: [x]}}]}
  /deep: {post: {operationId: deep, requestBody: {content: {application/json: {schema: {$ref: "#/paths/~1pets~1%7Bid%7D/get/parameters/0/schema"}}}}}}
  /file: {post: {operationId: file, requestBody: {content: {application/json: {schema: {$ref: "models/pet.yaml#/Pet"}}}}}}
  /infile: {$ref: paths/a.yaml}
  /link: {post: {operationId: link, requestBody: {content: {application/json: {schema: {$ref: link.yaml}}}}}}
  /out: {post: {operationId: out, requestBody: {content: {application/json: {schema: {$ref: ../secret.yaml}}}}}}
components: {schemas: {Own: {type: boolean}}}
`
	a := load(t, doc, func(o *Options) { o.File, o.Folder = "api.yaml", root.FS() })
	want := map[string]string{
		"deep":   `{"$defs":{"schema":{"enum":["x"],"type":"string"}},"additionalProperties":false,"properties":{"body":{"$ref":"#/$defs/schema"}},"type":"object"}`,
		"file":   `{"$defs":{"Own":{"type":"boolean"},"Pet":{"properties":{"back":{"$ref":"#/$defs/Own"},"owner":{"$ref":"#/$defs/schema"},"self":{"$ref":"#/$defs/Pet"}},"type":"object"},"schema":{"properties":{"pets":{"items":{"$ref":"#/$defs/Pet"}}},"type":"object"}},"additionalProperties":false,"properties":{"body":{"$ref":"#/$defs/Pet"}},"type":"object"}`,
		"inFile": `{"additionalProperties":false,"properties":{"limit":{"type":"integer"}},"type":"object"}`,
	}
	got := map[string]string{}
	for tool := range want {
		got[tool] = schemaOf(t, a, tool)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("schemas (-want +got):\n%s", d)
	}
	for _, tool := range []string{"link", "out"} {
		if a.operations[tool] != nil {
			t.Errorf("%s was followed out of the folder", tool)
		}
	}
}
