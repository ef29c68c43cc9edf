package openapi

import (
	"fmt"
	"slices"
	"strings"
)

// param is one parameter of an operation, and the argument that it is.
type param struct {
	argument string // name of the argument
	name     string // name on the wire
	in       string // "path", "query", "header", "cookie" or "querystring"
	required bool
	encoding
	content string // media type that the value is written in, instead of a style; "" for none
}

// parameters are the operation's own and, where it has none of the same name
// and place, the path's. What is not for arguments to set is not among them.
func (b *builder) parameters(item, op place) error {
	var all []param
	for _, raw := range slices.Concat(op.member("parameters").list(), item.member("parameters").list()) {
		p, err := b.doc.object(raw)
		if err != nil {
			return fmt.Errorf("parameters: %w", err)
		}
		m := p.object()
		in, name := textOf(m["in"]), textOf(m["name"])
		if b.doc.era == swagger2 && (in == "body" || in == "formData") {
			continue
		}
		switch {
		case name == "":
			return fmt.Errorf("a parameter in %q has no name", in)
		case in != "path" && in != "query" && in != "header" && in != "cookie" && in != "querystring":
			return fmt.Errorf("the parameter %q is in %q, which is no place for one", clip(name, 100), clip(in, 100))
		case slices.ContainsFunc(all, func(o param) bool {
			return o.in == in && (o.name == name || in == "header" && strings.EqualFold(o.name, name))
		}):
			continue // the path's, which the operation replaced
		case in == "path" && !strings.Contains(b.op.path, "{"+name+"}"):
			continue // the path has no place for it
		case b.ownedByGateway(in, name):
			continue
		}
		one := param{name: name, in: in, required: m["required"] == true || in == "path"}
		schema, err := b.encodingOf(&one, p)
		if err != nil {
			return err
		}
		all = append(all, one)
		if err := b.argument(&one, schema, textOf(m["description"])); err != nil {
			return err
		}
		b.op.params = append(b.op.params, one)
	}
	return b.op.complete()
}

// encodingOf reads how a parameter is written, and returns its schema.
func (b *builder) encodingOf(one *param, p place) (place, error) {
	if b.doc.era == swagger2 {
		one.encoding = collection(textOf(p.member("collectionFormat").value), one.in)
		return p, nil
	}
	if content := p.member("content").object(); len(content) > 0 {
		media := preferred(content)
		one.content = media
		return p.member("content").member(media).member("schema"), nil
	}
	one.style = textOf(p.member("style").value)
	if one.style == "" || !fitsPlace(one.style, one.in) {
		one.style = map[string]string{"path": "simple", "header": "simple"}[one.in]
		if one.style == "" {
			one.style = "form"
		}
	}
	one.explode = one.style == "form" || one.style == "deepObject"
	if explode, ok := p.member("explode").value.(bool); ok {
		one.explode = explode
	}
	one.reserved = p.member("allowReserved").value == true && one.in == "query"
	return p.member("schema"), nil
}

// fitsPlace reports whether a style is one of a place. Where it is not, the
// place's default is what servers read.
func fitsPlace(style, in string) bool {
	switch in {
	case "path":
		return style == "simple" || style == "label" || style == "matrix"
	case "query":
		return style == "form" || style == "spaceDelimited" || style == "pipeDelimited" || style == "deepObject"
	case "cookie":
		return style == "form"
	}
	return style == "simple"
}

// collection is Swagger 2.0's collectionFormat.
func collection(format, in string) encoding {
	if in == "path" || in == "header" {
		return encoding{style: "simple"}
	}
	switch format {
	case "multi":
		return encoding{style: "form", explode: true}
	case "ssv":
		return encoding{style: "spaceDelimited"}
	case "pipes":
		return encoding{style: "pipeDelimited"}
	case "tsv":
		return encoding{style: "tabDelimited"}
	}
	return encoding{style: "form"}
}

// argument gives a parameter its argument: its own name, and where that differs
// from another's at most in case, which no agent could send, the place as well.
func (b *builder) argument(one *param, schema place, description string) error {
	shaped := any(map[string]any{})
	if isSchema(schema.value) {
		var err error
		if shaped, err = b.shaper.schema(schema); err != nil {
			return fmt.Errorf("the parameter %q: %w", clip(one.name, 100), err)
		}
	}
	one.argument = one.name
	for i := 1; b.arguments[strings.ToLower(one.argument)]; i++ {
		one.argument = one.name + "_" + one.in
		if i > 1 {
			one.argument = fmt.Sprintf("%s_%s_%d", one.name, one.in, i)
		}
	}
	b.arguments[strings.ToLower(one.argument)] = true
	if m, ok := shaped.(map[string]any); ok {
		if one.argument != one.name {
			description = strings.TrimSpace(description + " (the " + one.in + " parameter " + one.name + ")")
		}
		if description != "" && (m["description"] == nil || one.argument != one.name) {
			m["description"] = clip(description, maxText)
		}
	}
	b.properties[one.argument] = shaped
	if one.required {
		b.required = append(b.required, one.argument)
	}
	return nil
}

// ownedByGateway reports whether a parameter is not for arguments: OpenAPI
// ignores some header fields, HTTP needs some, and some carry what the gateway
// was configured with.
func (b *builder) ownedByGateway(in, name string) bool {
	if in == "header" && (reserved(name) || b.headers[strings.ToLower(name)]) {
		return true
	}
	return b.security.names(in, name)
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
	return !fieldName(name)
}

// fieldName reports whether a text can be the name of a header field (RFC 9110 §5.6.2).
func fieldName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// complete checks that each variable of the path has its parameter.
func (op *operation) complete() error {
	for _, name := range variables(op.path) {
		if !slices.ContainsFunc(op.params, func(p param) bool { return p.in == "path" && p.name == name }) {
			return fmt.Errorf("the path's variable %q has no parameter", clip(name, 100))
		}
	}
	return nil
}

// variables are the names in braces of a path.
func variables(path string) []string {
	var names []string
	for {
		_, after, ok := strings.Cut(path, "{")
		if !ok {
			return names
		}
		name, tail, ok := strings.Cut(after, "}")
		if !ok {
			return append(names, after)
		}
		names, path = append(names, name), tail
	}
}
