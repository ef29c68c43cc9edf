package openapi

import (
	"fmt"
	"maps"
	"strings"
)

// form is how the argument "body" becomes the body of a request.
type form int

const (
	asJSON       form = iota // byte for byte
	asPairs                  // application/x-www-form-urlencoded
	asParts                  // multipart/form-data
	asText                   // a text, as it is
	asBytes                  // base64 of the bytes
	notSupported             // no form of ours
)

// body is the body of an operation.
type body struct {
	form     form
	media    string // Content-Type
	required bool
	fields   map[string]field
}

// field is how one property of a form is written.
type field struct {
	encoding
	styled bool   // the document says how
	media  string // of the part; "" goes by the value
	binary bool   // the argument is base64 of what is sent
}

// requestBody gives an operation its argument "body".
func (b *builder) requestBody(raw place) error {
	if raw.value == nil {
		return nil
	}
	p, err := b.doc.object(raw)
	if err != nil {
		return fmt.Errorf("requestBody: %w", err)
	}
	content := p.member("content")
	required := p.member("required").value == true
	if len(content.object()) == 0 {
		return nil
	}
	media := preferred(content.object())
	one := &body{form: formOf(media), media: media, required: required}
	kind, err := b.doc.object(content.member(media))
	if err != nil {
		return fmt.Errorf("requestBody: %w", err)
	}
	schema := kind.member("schema")
	if b.doc.isBinary(schema, 0) && one.form == asJSON && media != "application/json" {
		one.form = asBytes // */* of bytes
	}
	if strings.Contains(media, "*") {
		one.media = map[form]string{asJSON: "application/json", asText: "text/plain", asBytes: "application/octet-stream"}[one.form]
	}
	shaped := any(map[string]any{})
	switch one.form {
	case notSupported:
		if required {
			return fmt.Errorf("its body is %s, which is not supported", clip(media, 100))
		}
		return nil
	case asText:
		shaped = map[string]any{"type": "string", "description": "The body, as " + media + "."}
	case asBytes:
		shaped = map[string]any{"type": "string", "contentEncoding": "base64", "description": "The body (" + media + "), in base64."}
	default:
		if isSchema(schema.value) {
			if shaped, err = b.shaper.schema(schema); err != nil {
				return fmt.Errorf("requestBody: %w", err)
			}
		}
		one.fields = b.fields(schema, kind.member("encoding"), one.form)
	}
	b.op.body = one
	b.properties["body"] = shaped
	if required {
		b.required = append(b.required, "body")
	}
	return nil
}

// fields reads how the properties of a form are written.
func (b *builder) fields(schema, encodings place, f form) map[string]field {
	if f != asPairs && f != asParts {
		return nil
	}
	fields := map[string]field{}
	for name, property := range b.doc.properties(schema, 0) {
		fields[name] = field{encoding: encoding{style: "form", explode: true}, binary: f == asParts && b.doc.isBinary(property, 0)}
	}
	for name := range encodings.object() {
		e := encodings.member(name)
		one, known := fields[name]
		if !known {
			one.encoding = encoding{style: "form", explode: true}
		}
		if style := textOf(e.member("style").value); style != "" && fitsPlace(style, "query") {
			one.style, one.styled, one.explode = style, true, style == "form" || style == "deepObject"
		}
		if explode, ok := e.member("explode").value.(bool); ok {
			one.explode, one.styled = explode, true
		}
		one.reserved = e.member("allowReserved").value == true
		media, _, _ := strings.Cut(textOf(e.member("contentType").value), ",")
		if one.media = strings.TrimSpace(media); strings.Contains(one.media, "*") {
			one.media = ""
		}
		fields[name] = one
	}
	return fields
}

// properties are those of a schema and of what it is composed of.
func (d *document) properties(p place, depth int) map[string]place {
	all := map[string]place{}
	if p.object() == nil || depth > 8 {
		return all
	}
	if ref, ok := p.object()["$ref"].(string); ok {
		if target, _, err := d.resolve(p.file, ref); err == nil {
			maps.Copy(all, d.properties(target, depth+1))
		}
	}
	for _, word := range []string{"allOf", "anyOf", "oneOf"} {
		for _, part := range p.member(word).list() {
			maps.Copy(all, d.properties(part, depth+1))
		}
	}
	for name := range p.member("properties").object() {
		all[name] = p.member("properties").member(name)
	}
	return all
}

// isBinary reports whether a schema is of bytes, or of a list of them: format
// binary, Swagger's file, and since 3.1 a media type that is not of texts.
func (d *document) isBinary(p place, depth int) bool {
	p, err := d.object(p)
	if err != nil || depth > 8 {
		return false
	}
	m := p.object()
	if textOf(m["format"]) == "binary" || textOf(m["type"]) == "file" {
		return true
	}
	if media := textOf(m["contentMediaType"]); media != "" && m["contentEncoding"] == nil && !isText(media) {
		return true
	}
	return m["items"] != nil && d.isBinary(p.member("items"), depth+1)
}
