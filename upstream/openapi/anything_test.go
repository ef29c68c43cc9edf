package openapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"toolward/gateway"
)

// rich has about everything that a document can have, and one operation that
// nothing else is part of.
const rich = `
openapi: 3.1.0
info: {title: Rich, version: "1"}
servers: [{url: "https://{h}.example/{v}", variables: {h: {default: a}, v: {enum: [v1]}}}]
security: [{key: []}, {}]
paths:
  /fine: {get: {operationId: fine, servers: [{url: https://fine.example}]}}
  /x/{id}/{more}:
    summary: s
    servers: [{url: /own}, {url: https://own.example}]
    parameters:
      - {name: id, in: path, required: true, style: matrix, explode: true, schema: {type: array, items: {type: string, minLength: 1}}}
      - {$ref: "#/components/parameters/more"}
    post:
      operationId: x
      tags: [t]
      summary: s
      description: d
      deprecated: true
      security: [{key: [], other: []}]
      parameters:
        - {name: q, in: query, style: deepObject, allowReserved: true, description: d, schema: {$ref: "#/components/schemas/Pet"}}
        - {name: c, in: cookie, schema: {type: integer, exclusiveMinimum: 0}}
        - {name: h, in: header, content: {application/json: {schema: {type: object}}}}
      requestBody: {$ref: "#/components/requestBodies/Form"}
    put:
      requestBody: {required: true, content: {application/json: {schema: {allOf: [{$ref: "#/components/schemas/Pet"}, {required: [id, name]}]}}}}
    additionalOperations: {COPY: {operationId: copy}}
components:
  parameters: {more: {name: more, in: path, required: true, schema: {enum: [a, b]}}}
  requestBodies: {Form: {required: true, content: {multipart/form-data: {schema: {type: object, properties: {f: {type: string, format: binary}, l: {type: array, items: {type: string}}}}, encoding: {f: {contentType: image/png}, l: {style: form, explode: false}}}}}}
  securitySchemes: {key: {type: apiKey, in: query, name: k}, other: {type: http, scheme: basic}}
  schemas:
    Pet: {type: object, required: [id], discriminator: {propertyName: kind}, oneOf: [{$ref: "#/components/schemas/Cat"}], properties: {id: {type: integer, readOnly: true}, kids: {type: array, items: {$ref: "#/components/schemas/Pet"}}, m: {additionalProperties: {type: [string, "null"]}}, d: {dependentRequired: {a: [b]}, not: {const: 5}}}}
    Cat: {allOf: [{$ref: "#/components/schemas/Pet"}, {properties: {lives: {type: integer, nullable: true, enum: [1, 2], default: 1}}}]}
`

// inSwagger is the same for Swagger 2.0.
const inSwagger = `
swagger: "2.0"
info: {title: Old, version: "1"}
host: a.example
basePath: /v1
schemes: [https]
consumes: [application/json]
securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}
paths:
  /fine: {get: {operationId: fine}}
  /x/{id}:
    parameters: [{name: id, in: path, required: true, type: string}, {$ref: "#/parameters/page"}]
    post: {operationId: x, consumes: [multipart/form-data], parameters: [{name: f, in: formData, type: file, required: true}, {name: l, in: formData, type: array, items: {type: string}, collectionFormat: multi}]}
    put: {operationId: y, schemes: [http], security: [{key: []}], parameters: [{name: b, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]}
parameters: {page: {name: page, in: query, type: array, collectionFormat: tsv, items: {type: integer}}}
definitions: {Pet: {type: object, required: [id, name], properties: {id: {type: integer, readOnly: true}, name: {type: string, x-nullable: true}}}}
`

// Whatever stands in whatever place of a document, nothing panics; and where
// that is no part of a sound operation, the sound operation is there. This puts
// each of some odd values in the place of each value, and drops it.
func TestAnythingAnywhere(t *testing.T) {
	odd := []any{nil, true, json.Number("-1"), json.Number("1e99"), "x", "", []any{}, []any{nil}, []any{"x", "x"}, []any{[]any{}}, map[string]any{}, map[string]any{"$ref": "#"}, map[string]any{"$ref": "#/paths"},
		map[string]any{"$ref": json.Number("1")}, map[string]any{"": nil}, map[string]any{"x": map[string]any{"$ref": "#/components/schemas/Pet"}}, strings.Repeat("{", 50), "{}}{", "\x00/\u202e"}
	// What every operation depends on. All else is somebody's own.
	everyone := []string{"", "/openapi", "/swagger", "/paths", "/paths/~1fine", "/host", "/basePath", "/schemes", "/security", "/components", "/components/securitySchemes", "/securityDefinitions"}
	for _, text := range []string{rich, inSwagger} {
		tree, err := readTree([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		quick, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		fresh := func() any {
			v, err := readTree(quick)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		tried := 0
		for _, at := range pointers(fresh(), "") {
			for _, v := range odd {
				tree := replaced(fresh(), strings.Split(at, "/")[1:], v)
				raw, err := json.Marshal(tree)
				if err != nil {
					t.Fatal(err)
				}
				tried++
				a, err := New(Options{Name: "s", Document: raw, Secrets: map[string]string{"key": "synthetic"}})
				mine := !slices.ContainsFunc(everyone, func(p string) bool {
					return at == p || strings.HasPrefix(at, p+"/") && p != "" && p != "/paths" && p != "/components"
				})
				if err != nil && mine && !strings.Contains(err.Error(), "credentials.") {
					t.Errorf("%s = %v: %v", at, v, err)
				}
				if err != nil {
					continue
				}
				if mine && a.operations["fine"] == nil {
					t.Errorf("%s = %v: the sound operation is gone: %v", at, v, a.faults)
				}
				tryAll(t, a)
			}
		}
		if tried < 1000 {
			t.Errorf("only %d were tried", tried)
		}
	}
}

// tryAll makes requests with odd arguments; only panics and invalid URLs matter.
func tryAll(t *testing.T, a *API) {
	t.Helper()
	for _, op := range a.operations {
		var members []gateway.Member
		for i, name := range slices.Sorted(maps.Keys(argumentsOf(op))) {
			if strings.ContainsFunc(name, unicode.IsControl) {
				continue // no call may have it
			}
			members = append(members, gateway.Member{Name: name, Value: json.RawMessage([]string{`"a"`, `["a",1]`, `{"a":"b"}`}[i%3])})
		}
		if _, err := a.request(t.Context(), op, argsOf(t, string(gateway.JoinMembers(members)))); err != nil && strings.Contains(err.Error(), "parse") {
			t.Errorf("%s: %v", op.name, err)
		}
	}
}

func argumentsOf(op *operation) map[string]bool {
	all := map[string]bool{}
	for _, p := range op.params {
		all[p.argument] = true
	}
	if op.body != nil {
		all["body"] = true
	}
	return all
}

// pointers are the places of all values in a tree.
func pointers(v any, at string) []string {
	all := []string{at}
	switch v := v.(type) {
	case map[string]any:
		for name, sub := range v {
			all = append(all, pointers(sub, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))...)
		}
	case []any:
		for i, sub := range v {
			all = append(all, pointers(sub, at+"/"+strconv.Itoa(i))...)
		}
	}
	return all
}

func replaced(tree any, steps []string, with any) any {
	if len(steps) == 0 {
		return with
	}
	switch v := tree.(type) {
	case map[string]any:
		name := unescapePointer.Replace(steps[0])
		v[name] = replaced(v[name], steps[1:], with)
	case []any:
		i, _ := strconv.Atoi(steps[0])
		v[i] = replaced(v[i], steps[1:], with)
	}
	return tree
}
