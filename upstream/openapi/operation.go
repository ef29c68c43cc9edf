package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operation is one tool: how its arguments make a request.
type operation struct {
	name, method, path string
	params             []param
	body               bool // it takes a JSON body
	definition         json.RawMessage
}

// param is one parameter of an operation.
type param struct {
	argument string // name of the argument
	name     string // name on the wire
	in       string // "path", "query" or "header"
	required bool
	exploded bool // a list repeats the name; else it is joined by commas
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// addOperations makes a tool of each operation, in the order of their paths.
func (a *API) addOperations(doc document) error {
	paths, _ := doc.root["paths"].(map[string]any)
	var tools []json.RawMessage
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, err := doc.object(paths[path])
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, method := range methods {
			if item[method] == nil {
				continue
			}
			op, err := doc.operation(path, method, item)
			var left *leftOut
			switch {
			case errors.As(err, &left):
				a.log.Warn("operation is left out", "path", path, "method", method, "reason", left.why)
				continue
			case err != nil:
				return fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, err)
			case a.operations[op.name] != nil:
				return fmt.Errorf("%s %s: the name %s is taken", strings.ToUpper(method), path, op.name)
			}
			a.operations[op.name] = op
			tools = append(tools, op.definition)
		}
	}
	if len(tools) == 0 {
		return errors.New("the OpenAPI document has no operation that can be a tool")
	}
	raw, err := json.Marshal(map[string]any{"tools": tools})
	a.tools = raw
	return err
}

// leftOut says why an operation is no tool.
type leftOut struct{ why string }

func (l *leftOut) Error() string { return l.why }

func (d document) operation(path, method string, item map[string]any) (*operation, error) {
	o, err := d.object(item[method])
	if err != nil {
		return nil, err
	}
	op := &operation{name: operationName(o, method, path), method: strings.ToUpper(method), path: path}
	used := map[string]bool{}
	properties, required := map[string]any{}, []string{}
	shared, _ := item["parameters"].([]any)
	own, _ := o["parameters"].([]any)
	for _, raw := range slices.Concat(own, shared) { // an operation's own come first and win
		if err := d.param(op, raw, properties, &required, used); err != nil {
			return nil, err
		}
	}
	if err := d.body(op, o["requestBody"], properties, &required, used); err != nil {
		return nil, err
	}
	if err := op.complete(); err != nil {
		return nil, err
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	defs, err := d.definitions(used)
	if err != nil {
		return nil, err
	}
	if len(defs) > 0 {
		schema["$defs"] = defs
	}
	summary, _ := o["summary"].(string)
	description, _ := o["description"].(string)
	tool := map[string]any{
		"name": op.name, "inputSchema": schema,
		"description": strings.TrimSpace(strings.Join([]string{summary, description, op.method + " " + path}, "\n")),
		"annotations": map[string]any{
			"readOnlyHint": method == "get" || method == "head", "destructiveHint": method == "delete",
			"idempotentHint": method != "post" && method != "patch", "openWorldHint": true,
		},
	}
	if summary != "" {
		tool["title"] = summary
	}
	op.definition, err = json.Marshal(tool)
	return op, err
}

// operationName is the operation's ID, or method and path; only characters that
// model providers accept.
func operationName(o map[string]any, method, path string) string {
	name, _ := o["operationId"].(string)
	if name == "" {
		name = method + strings.NewReplacer("{", "", "}", "").Replace(path)
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name), "_")
}

// param adds a parameter to the operation and its argument to the schema.
func (d document) param(op *operation, raw any, properties map[string]any, required *[]string, used map[string]bool) error {
	m, err := d.object(raw)
	if err != nil {
		return fmt.Errorf("parameters: %w", err)
	}
	p := param{exploded: true}
	p.name, _ = m["name"].(string)
	p.in, _ = m["in"].(string)
	p.required = m["required"] == true
	if explode, ok := m["explode"].(bool); ok {
		p.exploded = explode
	}
	for _, other := range op.params {
		if other.name == p.name && other.in == p.in {
			return nil // the path item's, which the operation replaced
		}
	}
	switch {
	case p.in == "header" && reserved(p.name):
		return nil // the specification ignores some, and the gateway sets the rest
	case p.in == "cookie":
		if p.required {
			return &leftOut{"it needs the cookie " + p.name}
		}
		return nil
	case p.name == "" || p.in != "path" && p.in != "query" && p.in != "header":
		return fmt.Errorf("a parameter without a name, or in %q", p.in)
	}
	schema := m["schema"]
	if schema == nil {
		return &leftOut{"its parameter " + p.name + " has no schema"}
	}
	s, err := d.schema(schema, used)
	if err != nil {
		return err
	}
	if text, ok := m["description"].(string); ok {
		if sm, ok := s.(map[string]any); ok && sm["description"] == nil && sm["$ref"] == nil {
			sm["description"] = text
		}
	}
	p.argument = p.name
	if properties[p.argument] != nil || p.argument == "body" {
		p.argument += "_" + p.in
	}
	properties[p.argument] = s
	if p.required || p.in == "path" {
		*required = append(*required, p.argument)
	}
	op.params = append(op.params, p)
	return nil
}

func (d document) body(op *operation, raw any, properties map[string]any, required *[]string, used map[string]bool) error {
	if raw == nil {
		return nil
	}
	m, err := d.object(raw)
	if err != nil {
		return fmt.Errorf("requestBody: %w", err)
	}
	content, _ := m["content"].(map[string]any)
	kind, ok := content["application/json"].(map[string]any)
	if !ok {
		if m["required"] == true {
			return &leftOut{"its body is not JSON"}
		}
		return nil
	}
	op.body = true
	properties["body"] = map[string]any{}
	if kind["schema"] != nil {
		if properties["body"], err = d.schema(kind["schema"], used); err != nil {
			return err
		}
	}
	if m["required"] == true {
		*required = append(*required, "body")
	}
	return nil
}

// complete checks that each variable of the path has its parameter.
func (op *operation) complete() error {
	rest := op.path
	for {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return nil
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok || !slices.ContainsFunc(op.params, func(p param) bool { return p.in == "path" && p.name == name }) {
			return fmt.Errorf("the path's variable %q has no parameter", name)
		}
		rest = tail
	}
}

// reserved are header fields that no argument sets: OpenAPI ignores the first
// three as parameters, the others are HTTP's own or carry credentials.
func reserved(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "content-type", "authorization", "proxy-authorization", "cookie", "host", "connection", "content-length",
		"transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive", "proxy-connection", "forwarded", "x-forwarded-for",
		"x-forwarded-host", "x-forwarded-proto", "traceparent", "tracestate":
		return true
	}
	return false
}
