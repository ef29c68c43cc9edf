package openapi

import (
	"maps"
	"mime"
	"slices"
	"strings"
)

// formOf is what is made of a media type, better ones first.
//
//	application/json; charset=utf-8   application/vnd.x+json   application/x-www-form-urlencoded   text/csv   image/png
func formOf(media string) form {
	kind, _, err := mime.ParseMediaType(media)
	if err != nil {
		kind = strings.ToLower(strings.TrimSpace(media))
	}
	switch {
	case isJSON(kind), kind == "*/*", kind == "application/*":
		return asJSON
	case kind == "application/x-www-form-urlencoded":
		return asPairs
	case kind == "multipart/form-data":
		return asParts
	case strings.HasPrefix(kind, "multipart/"):
		return notSupported
	case isText(kind):
		return asText
	}
	return asBytes
}

func isJSON(kind string) bool {
	return kind == "application/json" || kind == "text/json" || strings.HasSuffix(kind, "+json")
}

// isText reports whether a media type is of texts.
func isText(kind string) bool {
	if strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "xml") || strings.HasSuffix(kind, "yaml") || isJSON(kind) {
		return true
	}
	switch kind {
	case "application/x-www-form-urlencoded", "application/javascript", "application/graphql", "application/sql", "application/toml",
		"application/x-ndjson", "application/jsonl", "application/json-lines", "application/json-seq", "application/jwt", "application/rtf":
		return true
	}
	return false
}

// preferred is the media type that is used of several: JSON, then forms, then
// text; of two alike application/json, then the first in the alphabet.
func preferred(content map[string]any) string {
	return slices.MinFunc(slices.Sorted(maps.Keys(content)), func(a, b string) int {
		if d := int(formOf(a)) - int(formOf(b)); d != 0 {
			return d
		}
		return exactness(a) - exactness(b)
	})
}

func exactness(media string) int {
	switch {
	case strings.HasPrefix(media, "application/json"):
		return 0
	case strings.Contains(media, "*"):
		return 2
	}
	return 1
}
