package openapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// operation is one tool: how its arguments make a request.
type operation struct {
	name, method string
	path         string // template, as the document has it, without a query
	query        string // fixed, of the path
	base         *url.URL
	params       []param
	body         *body // nil if it takes none
	credentials  []credential
	definition   json.RawMessage
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

// maxDescription bounds what a tool says of itself, in bytes.
const maxDescription = 4_000

// addOperations makes a tool of each operation that was chosen, in the order of
// their paths. One that is wrong is left out, and is nobody else's trouble.
func (a *API) addOperations(doc *document, at servers, sec security) error {
	choice := chooser{Choice: a.opts.Operations, used: map[string]bool{}}
	paths := doc.at(doc.root).member("paths")
	var tools []json.RawMessage
	for _, path := range slices.Sorted(maps.Keys(paths.object())) {
		if strings.HasPrefix(path, "x-") {
			continue
		}
		item, err := doc.object(paths.member(path))
		if err != nil {
			a.leaveOut(byPlace("any", path), "any method", path, err)
			continue
		}
		for _, one := range operationsOf(item) {
			op, err := doc.object(one.op)
			var id string
			if err == nil {
				id = textOf(op.object()["operationId"])
			}
			name := a.name(id, one.method, path)
			if !choice.takes(name, one.method, path, op.object()) {
				continue
			}
			b := a.builder(doc, sec, name, one.method, path)
			if err == nil {
				err = b.build(at, item, op)
			}
			if err != nil {
				a.leaveOut(name, one.method, path, err)
				continue
			}
			if id != "" && name != cleaned(id) {
				a.log.Warn("another operation has the same ID: this one is named after its path too", "tool", name, "id", id)
			}
			a.named[name] = true
			a.operations[name] = b.op
			tools = append(tools, b.op.definition)
		}
	}
	for _, element := range choice.unused() {
		a.log.Warn("an element of operations fits no operation of the document", "element", element)
	}
	if len(tools) == 0 && len(a.faults) > 0 {
		return fmt.Errorf("the OpenAPI document has no operation that can be a tool: %s: %s", a.faults[0].Name, a.faults[0].Reason)
	}
	if len(tools) == 0 {
		return errors.New("the OpenAPI document has no operation that can be a tool")
	}
	raw, err := json.Marshal(map[string]any{"tools": tools})
	a.tools = raw
	return err
}

// found is an operation of a path.
type found struct {
	method string // in capitals
	op     place
}

// operationsOf are those of a path: the fixed methods, and since 3.2 others
// (OpenAPI 3.2.0, Path Item Object, additionalOperations).
func operationsOf(item place) []found {
	var all []found
	for _, method := range methods {
		if op := item.member(method); op.value != nil {
			all = append(all, found{strings.ToUpper(method), op})
		}
	}
	more := item.member("additionalOperations")
	for _, method := range slices.Sorted(maps.Keys(more.object())) {
		if fieldName(method) {
			all = append(all, found{method, more.member(method)})
		}
	}
	return all
}

// builder makes one operation.
type builder struct {
	doc        *document
	shaper     *shaper
	security   security
	headers    map[string]bool // that the gateway sets, in lower case
	op         *operation
	arguments  map[string]bool // taken names, in lower case
	properties map[string]any
	required   []string
}

func (a *API) builder(doc *document, sec security, name, method, path string) *builder {
	path, _, _ = strings.Cut(path, "#") // some documents tell operations of one path apart so
	path, query, _ := strings.Cut(path, "?")
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	b := &builder{
		doc: doc, shaper: doc.shaper(), security: sec, headers: map[string]bool{},
		op:         &operation{name: name, method: method, path: path, query: query},
		properties: map[string]any{}, arguments: map[string]bool{},
	}
	for header := range a.opts.Header {
		b.headers[strings.ToLower(header)] = true
	}
	return b
}

func (b *builder) build(at servers, item, op place) error {
	var err error
	if b.op.base, err = at.base(item.object(), op.object()); err != nil {
		return err
	}
	b.op.credentials = b.security.of(op.object())
	body := op.member("requestBody")
	if b.doc.era == swagger2 {
		if body, err = b.doc.swaggerBody(item, op); err != nil {
			return err
		}
	}
	if err := b.requestBody(body); err != nil {
		return err
	}
	if b.op.body != nil {
		b.arguments["body"] = true
	}
	if err := b.parameters(item, op); err != nil {
		return err
	}
	return b.define(op.object())
}

// define writes the tool.
func (b *builder) define(op map[string]any) error {
	schema := map[string]any{"type": "object", "properties": b.properties, "additionalProperties": false}
	if len(b.required) > 0 {
		schema["required"] = b.required
	}
	summary, description := textOf(op["summary"]), textOf(op["description"])
	if summary == description {
		description = ""
	}
	lines := []string{summary, description, b.op.method + " " + b.op.path}
	if op["deprecated"] == true {
		lines = slices.Insert(lines, 0, "Deprecated.")
	}
	last := len(lines) - 1
	text := clip(strings.TrimSpace(strings.Join(lines[:last], "\n")), maxDescription)
	method := b.op.method
	safe := method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" || method == "QUERY"
	tool := map[string]any{
		"name": b.op.name, "description": strings.TrimSpace(text + "\n" + lines[last]),
		"inputSchema": fitted(b.shaper.standAlone(schema)),
		"annotations": map[string]any{
			"readOnlyHint": safe, "destructiveHint": method == "DELETE",
			"idempotentHint": safe || method == "PUT" || method == "DELETE", "openWorldHint": true,
		},
	}
	if summary != "" {
		tool["title"] = clip(summary, 200)
	}
	var err error
	b.op.definition, err = json.Marshal(tool)
	return err
}
