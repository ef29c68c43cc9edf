package admin

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// object is a JSON object of the description.
type object = map[string]any

// describe makes the OpenAPI 3.1 document of a table of operations. What is sent
// and answered is described by the Go types that are decoded and encoded, so it
// cannot say something else.
func describe(ops []operation, version string) json.RawMessage {
	paths := map[string]object{}
	for _, op := range ops {
		path := Prefix + op.path
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(op.method)] = op.describe()
	}
	doc, err := json.Marshal(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "toolward for operators", "version": version,
			"description": "What people look at and decide while the gateway runs. Tokens are those of the issuers that agents' tokens come from; one of their roles must be an operator's. Every decision is recorded with who made it.",
		},
		"security": []object{{"bearer": []string{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{"bearer": object{"type": "http", "scheme": "bearer"}},
			"responses": object{"Problem": object{
				"description": "Why it was not done (RFC 9457). 401 carries WWW-Authenticate, 429 Retry-After; 409 says who decided before.",
				"content": object{"application/problem+json": object{"schema": object{
					"type": "object", "required": []string{"type", "title", "status", "code"},
					"properties": object{
						"type": object{"type": "string"}, "title": object{"type": "string"}, "status": object{"type": "integer"}, "code": object{"type": "string"},
						"detail": object{"type": "string"}, "remedy": object{"type": "string"}, "by": object{"type": "string"}, "state": object{"type": "string"},
					},
				}}},
			}},
		},
	})
	if err != nil {
		panic("admin: its description is not JSON: " + err.Error()) // maps of strings
	}
	return doc
}

func (op operation) describe() object {
	content := object{}
	for _, m := range op.media {
		content[m] = object{"schema": object{"type": "string"}}
	}
	if op.media == nil {
		content["application/json"] = object{"schema": schemaOf(reflect.TypeOf(op.answer))}
	}
	if op.tails {
		content["application/jsonl"] = object{"schema": object{"description": "with watch=true: one element a line"}}
	}
	o := object{
		"operationId": op.id, "summary": op.summary, "description": "For the role " + op.role.String() + ".",
		"responses": object{"200": object{"description": op.summary, "content": content}, "default": object{"$ref": "#/components/responses/Problem"}},
	}
	var params []object
	for part := range strings.SplitSeq(op.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			params = append(params, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, q := range op.query {
		schema := object{"type": "string"}
		if q.values != nil {
			schema["enum"] = q.values
		}
		params = append(params, object{"name": q.name, "in": "query", "description": q.about, "schema": schema})
	}
	if params != nil {
		o["parameters"] = params
	}
	if op.body != nil {
		o["requestBody"] = object{"content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(op.body).Elem())}}}
	}
	return o
}

// schemaOf is the JSON Schema of what encoding/json writes for a type. Of a type
// within itself it says no more than that it is an object.
func schemaOf(t reflect.Type, within ...reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[gateway.Amount]():
		return object{"type": "number"}
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return object{}
	}
	switch t.Kind() {
	case reflect.Interface:
		return object{}
	case reflect.Pointer:
		return schemaOf(t.Elem(), within...)
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": schemaOf(t.Elem(), within...)}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return object{"type": "object"}
		}
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem(), within...)}
	case reflect.Struct:
		if slices.Contains(within, t) {
			return object{"type": "object"}
		}
		properties := object{}
		addFields(properties, t, append(slices.Clone(within), t))
		return object{"type": "object", "properties": properties}
	}
	panic("admin: no schema for " + t.String())
}

func addFields(properties object, t reflect.Type, within []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			addFields(properties, f.Type, within)
		case f.IsExported() && name != "-":
			properties[cmp.Or(name, f.Name)] = schemaOf(f.Type, within...)
		}
	}
}
