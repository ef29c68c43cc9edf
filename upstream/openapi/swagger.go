package openapi

import (
	"maps"
	"slices"
	"strings"
)

// swaggerBody is the request body of a Swagger 2.0 operation as OpenAPI 3 has
// it: its body parameter, or its formData parameters as the properties of one.
//
//	{name: pet, in: body, schema: S}, consumes: [application/json]  ->  {content: {application/json: {schema: S}}}
//	{name: f, in: formData, type: file}                             ->  {content: {multipart/form-data: {schema: {properties: {f: …}}}}}
func (d *document) swaggerBody(item, op place) (place, error) {
	form, encodings, required := map[string]any{}, map[string]any{}, []any{}
	file, seen := false, map[string]bool{}
	at := op.file
	for _, raw := range slices.Concat(op.member("parameters").list(), item.member("parameters").list()) {
		p, err := d.object(raw)
		if err != nil {
			return p, err
		}
		m := p.object()
		in, name := textOf(m["in"]), textOf(m["name"])
		if seen[in+" "+name] {
			continue
		}
		seen[in+" "+name] = true
		switch in {
		case "body":
			content := map[string]any{}
			for _, media := range d.consumes(op) {
				content[media] = map[string]any{"schema": m["schema"]}
			}
			return place{p.file, map[string]any{"content": content, "required": m["required"] == true}}, nil
		case "formData":
			property := maps.Clone(m)
			delete(property, "required") // of the parameter, where a schema has a list
			form[name], at = property, p.file
			e := collection(textOf(m["collectionFormat"]), in)
			encodings[name] = map[string]any{"style": e.style, "explode": e.explode}
			file = file || textOf(m["type"]) == "file"
			if m["required"] == true {
				required = append(required, name)
			}
		}
	}
	if len(form) == 0 {
		return place{}, nil
	}
	media := "application/x-www-form-urlencoded"
	if file || slices.Contains(d.consumes(op), "multipart/form-data") {
		media = "multipart/form-data"
	}
	schema := map[string]any{"type": "object", "properties": form, "required": required}
	kind := map[string]any{"schema": schema, "encoding": encodings}
	return place{at, map[string]any{"content": map[string]any{media: kind}, "required": len(required) > 0}}, nil
}

// consumes are the media types of a Swagger 2.0 operation's body.
func (d *document) consumes(op place) []string {
	list, own := op.object()["consumes"].([]any)
	if !own {
		list, _ = d.root["consumes"].([]any)
	}
	var all []string
	for _, media := range list {
		if s := strings.TrimSpace(textOf(media)); s != "" {
			all = append(all, s)
		}
	}
	if all == nil {
		return []string{"application/json"}
	}
	return all
}
