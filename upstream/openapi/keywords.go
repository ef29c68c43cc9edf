package openapi

import (
	"encoding/json"
	"slices"
	"strings"
)

// A keyword of JSON Schema is what it is in the place of a keyword only: a
// property may be called "type" or "$ref". What is not here (xml, example,
// discriminator, x-…) says nothing about arguments and is left out, as is a
// value that is not of its keyword's kind: OpenAPI documents have many.
type kind int

const (
	aSchema      kind = iota // a schema
	schemaList               // a list of schemas
	schemaMap                // schemas by names that the document chose
	aText                    //
	aNumber                  //
	aPositive                // a number above 0
	aCount                   // a whole number from 0 up
	aFlag                    //
	aList                    // any values
	aTextList                // texts, each once
	textLists                // lists of texts by name
	aType                    // one of the seven types, or several
	anything                 //
	aBoundOrFlag             // 3.0 says exclusiveMinimum: true beside minimum
)

var keywords = map[string]kind{
	"type": aType, "enum": aList, "const": anything, "default": anything, "examples": aList,
	"title": aText, "description": aText, "format": aText, "pattern": aText, "deprecated": aFlag,
	"multipleOf": aPositive, "maximum": aNumber, "minimum": aNumber, "exclusiveMaximum": aBoundOrFlag, "exclusiveMinimum": aBoundOrFlag,
	"maxLength": aCount, "minLength": aCount, "maxItems": aCount, "minItems": aCount, "uniqueItems": aFlag,
	"maxContains": aCount, "minContains": aCount, "maxProperties": aCount, "minProperties": aCount,
	"required": aTextList, "dependentRequired": textLists, "contentEncoding": aText, "contentMediaType": aText,
	"properties": schemaMap, "patternProperties": schemaMap, "dependentSchemas": schemaMap,
	"additionalProperties": aSchema, "propertyNames": aSchema, "unevaluatedProperties": aSchema, "unevaluatedItems": aSchema,
	"items": aSchema, "prefixItems": schemaList, "contains": aSchema, "contentSchema": aSchema,
	"allOf": schemaList, "anyOf": schemaList, "oneOf": schemaList, "not": aSchema, "if": aSchema, "then": aSchema, "else": aSchema,
}

var types = []string{"array", "boolean", "integer", "null", "number", "object", "string"}

// fits is a keyword's value as JSON Schema has it; ok is false if it is of
// another kind. Schemas are for others to look at.
func (k kind) fits(v any) (fit any, ok bool) {
	switch k {
	case aText:
		_, ok = v.(string)
	case aFlag:
		_, ok = v.(bool)
	case aNumber, aPositive:
		n, isNumber := v.(json.Number)
		ok = isNumber && (k == aNumber || strings.Trim(n.String(), "0.") != "" && n[0] != '-')
	case aBoundOrFlag:
		_, ok = v.(json.Number)
		_, flag := v.(bool)
		ok = ok || flag
	case aCount:
		n, _ := v.(json.Number)
		ok = n != "" && !strings.ContainsAny(n.String(), "-.eE")
	case aList:
		_, ok = v.([]any)
	case aTextList:
		return texts(v)
	case textLists:
		m, _ := v.(map[string]any)
		out := map[string]any{}
		for name, sub := range m {
			if l, ok := texts(sub); ok {
				out[name] = l
			}
		}
		return out, len(out) > 0
	case aType:
		return typeOf(v)
	default:
		ok = true
	}
	return v, ok
}

func texts(v any) ([]any, bool) {
	l, _ := v.([]any)
	var out []any
	for _, sub := range l {
		if s := textOf(sub); s != "" && !slices.Contains(out, any(s)) {
			out = append(out, s)
		}
	}
	return out, len(out) > 0
}

// typeOf keeps the types that JSON has. Swagger's file is a text here: base64.
func typeOf(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		if v == "file" {
			v = "string"
		}
		return v, slices.Contains(types, v)
	case []any:
		var out []any
		for _, sub := range v {
			if t, ok := typeOf(sub); ok && !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
		return out, len(out) > 0 && len(out) == len(v)
	}
	return nil, false
}

// modernise rewrites what OpenAPI says in words of its own.
func modernise(s map[string]any, source map[string]any) map[string]any {
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if is, ok := s[exclusive].(bool); ok {
			delete(s, exclusive)
			if b, bounded := s[bound]; is && bounded {
				s[exclusive] = b
				delete(s, bound)
			}
		}
	}
	if enum, ok := s["enum"].([]any); ok && s["type"] == "string" {
		s["enum"] = asTexts(enum)
	}
	if source["discriminator"] != nil && s["oneOf"] != nil && s["anyOf"] == nil {
		s["anyOf"] = s["oneOf"] // the discriminator chooses, not that the others do not fit
		delete(s, "oneOf")
	}
	if source["format"] == "binary" || source["type"] == "file" { // bytes, which JSON cannot hold
		delete(s, "format")
		s["contentEncoding"] = "base64"
	}
	if source["nullable"] == true || source["x-nullable"] == true {
		return orNull(s)
	}
	return s
}

// asTexts undoes what YAML made of an enumeration of texts: [1.10, true].
func asTexts(enum []any) []any {
	out := make([]any, len(enum))
	for i, v := range enum {
		switch v := v.(type) {
		case json.Number:
			out[i] = v.String()
		case bool:
			out[i] = "false"
			if v {
				out[i] = "true"
			}
		default:
			out[i] = v
		}
	}
	return out
}

// orNull lets null be a value of a schema as well.
func orNull(s map[string]any) map[string]any {
	for _, composed := range []string{"$ref", "allOf", "anyOf", "oneOf", "not", "const", "if"} {
		if s[composed] != nil {
			outer := map[string]any{}
			for _, note := range []string{"title", "description"} {
				if s[note] != nil {
					outer[note] = s[note]
					delete(s, note)
				}
			}
			outer["anyOf"] = []any{s, map[string]any{"type": "null"}}
			return outer
		}
	}
	switch t := s["type"].(type) {
	case string:
		if t != "null" {
			s["type"] = []any{t, "null"}
		}
	case []any:
		if !slices.Contains(t, any("null")) {
			s["type"] = append(slices.Clone(t), "null")
		}
	}
	if enum, ok := s["enum"].([]any); ok && !slices.Contains(enum, nil) {
		s["enum"] = append(slices.Clone(enum), nil)
	}
	return s
}
