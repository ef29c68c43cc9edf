package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime/multipart"
	"net/textproto"
	"slices"
	"strings"

	"toolward/gateway"
)

var errObject = errors.New("must be an object")

// encode is the body of a request, and its Content-Type.
func (b *body) encode(raw json.RawMessage) ([]byte, string, error) {
	switch b.form {
	case asText:
		if raw[0] != '"' {
			return nil, "", errNotText
		}
		return []byte(plainText(raw)), b.media, nil
	case asBytes:
		out, err := fromBase64(raw)
		return out, b.media, err
	case asPairs:
		out, err := b.pairs(raw)
		return out, b.media, err
	case asParts:
		return b.parts(raw)
	}
	return raw, b.media, nil
}

func fromBase64(raw json.RawMessage) ([]byte, error) {
	if raw[0] != '"' {
		return nil, errNotText
	}
	text := strings.TrimRight(strings.Map(func(r rune) rune {
		switch r {
		case '\n', '\r', ' ':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, plainText(raw)), "=")
	out, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("must be base64")
	}
	return out, nil
}

func (b *body) members(raw json.RawMessage) ([]gateway.Member, error) {
	if raw[0] != '{' {
		return nil, errObject
	}
	o, err := gateway.Split(raw)
	return o.Without(), err
}

func (b *body) field(name string) field {
	if f, ok := b.fields[name]; ok {
		return f
	}
	return field{encoding: encoding{style: "form", explode: true}}
}

// pairs is a form in one line. An object for which the document names no style
// is JSON (OpenAPI 3.1.1, Encoding Object, contentType).
func (b *body) pairs(raw json.RawMessage) ([]byte, error) {
	members, err := b.members(raw)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, m := range members {
		f := b.field(m.Name)
		v, err := readValue(m.Value)
		if err == nil && v.kind == '{' && !f.styled {
			v = value{kind: '"', names: []string{""}, texts: []string{plainText(m.Value)}}
		}
		if err != nil {
			return nil, err
		}
		pairs, err := f.pairs(m.Name, v)
		if err != nil {
			return nil, fmt.Errorf("%s %w", clip(m.Name, 100), err)
		}
		all = append(all, pairs...)
	}
	return []byte(strings.Join(all, "&")), nil
}

// parts is a form of several parts. Each element of a list is a part.
func (b *body) parts(raw json.RawMessage) ([]byte, string, error) {
	members, err := b.members(raw)
	if err != nil {
		return nil, "", err
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	for _, m := range members {
		elements := []json.RawMessage{m.Value}
		if m.Value[0] == '[' {
			if err := json.Unmarshal(m.Value, &elements); err != nil {
				return nil, "", err
			}
		}
		for _, element := range elements {
			if err := b.field(m.Name).part(w, m.Name, bytes.TrimSpace(element)); err != nil {
				return nil, "", fmt.Errorf("%s %w", clip(m.Name, 100), err)
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), w.FormDataContentType(), nil
}

func (f field) part(w *multipart.Writer, name string, raw json.RawMessage) error {
	if string(raw) == "null" {
		return nil
	}
	content, media, file := []byte(plainText(raw)), f.media, ""
	switch {
	case f.binary:
		var err error
		if content, err = fromBase64(raw); err != nil {
			return err
		}
		file = name
		if media == "" {
			media = "application/octet-stream"
		}
	case media == "" && (raw[0] == '{' || raw[0] == '['):
		media = "application/json"
	}
	disposition := map[string]string{"name": name}
	if file != "" {
		disposition["filename"] = file
	}
	h := textproto.MIMEHeader{"Content-Disposition": {quoted("form-data", disposition)}}
	if media != "" {
		h["Content-Type"] = []string{media}
	}
	p, err := w.CreatePart(h)
	if err != nil {
		return err
	}
	_, err = p.Write(content)
	return err
}

// quoted writes a field with its parameters as browsers do (WHATWG HTML,
// multipart/form-data encoding): no line end and no quote of a name ends it.
func quoted(kind string, params map[string]string) string {
	escaped := strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22")
	out := kind
	for _, name := range slices.Sorted(maps.Keys(params)) {
		out += "; " + name + `="` + escaped.Replace(params[name]) + `"`
	}
	return out
}
