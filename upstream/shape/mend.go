package shape

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// mended is a value that can be made to fit; nil if it cannot. Most are an image, a
// sound or a blob whose data are written in another way than MCP wants:
//
//	{"type":"image","data":"data:image/png;base64,iVBORw0KGgo="}
//	{"data":"iVBORw0KGgo=","mimeType":"image/png","type":"image"}
//
// A data URL (RFC 2397) is taken apart, base64 of another alphabet or without its
// padding (RFC 4648 §5, §3.2) is written anew. A type that is nowhere said is
// that of the first bytes, if it is one that the block can have.
func mended(v json.RawMessage) json.RawMessage {
	if len(v) > 0 && v[0] == '[' {
		return one(v)
	}
	var block map[string]json.RawMessage
	if len(v) == 0 || v[0] != '{' || json.Unmarshal(v, &block) != nil {
		return nil
	}
	kind, member := said(block["type"]), "data"
	if resource := mended(block["resource"]); kind == "resource" && resource != nil {
		block["resource"] = resource
		return joined(block)
	}
	if kind == "" {
		member = "blob"
	} else if kind != "image" && kind != "audio" {
		return nil
	}
	mime, data, ok := bytesOf(said(block[member]))
	if !ok {
		return nil
	}
	block[member], _ = json.Marshal(base64.StdEncoding.EncodeToString(data))
	if old := said(block["mimeType"]); old != "" {
		mime = old
	}
	if mime == "" && kind != "" {
		mime, _, _ = strings.Cut(http.DetectContentType(data), ";")
	}
	if mime != "" && strings.HasPrefix(mime, kind) {
		block["mimeType"], _ = json.Marshal(mime)
	}
	return joined(block)
}

// one is the block that stands for an array of them where only one can be: the only
// one, or their texts if that is all they are.
//
//	"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]
//	"content":{"type":"text","text":"a\n\nb"}
func one(v json.RawMessage) json.RawMessage {
	var blocks []json.RawMessage
	if json.Unmarshal(v, &blocks) != nil || len(blocks) == 0 {
		return nil
	}
	if len(blocks) == 1 {
		return blocks[0]
	}
	texts := make([]string, len(blocks))
	for i, raw := range blocks {
		var block map[string]json.RawMessage
		if raw[0] != '{' || json.Unmarshal(raw, &block) != nil || said(block["type"]) != "text" {
			return nil
		}
		texts[i] = said(block["text"])
	}
	text, _ := json.Marshal(strings.Join(texts, "\n\n"))
	return json.RawMessage(`{"type":"text","text":` + string(text) + `}`)
}

func joined(block map[string]json.RawMessage) json.RawMessage {
	raw, err := json.Marshal(block)
	if err != nil {
		return nil
	}
	return raw
}

// said is a string's value, "" for anything else.
func said(v json.RawMessage) string {
	if len(v) == 0 || v[0] != '"' {
		return ""
	}
	return text(v)
}

// bytesOf reads data in any way that they are written, with the type that a data
// URL says.
func bytesOf(text string) (mime string, data []byte, ok bool) {
	if rest, is := strings.CutPrefix(text, "data:"); is {
		head, body, comma := strings.Cut(rest, ",")
		head, encoded := strings.CutSuffix(head, ";base64")
		if !comma || !encoded {
			return "", nil, false
		}
		mime, _, _ = strings.Cut(head, ";")
		text = body
	}
	text = strings.NewReplacer("-", "+", "_", "/", "\r", "", "\n", "").Replace(strings.TrimRight(text, "=\r\n"))
	data, err := base64.RawStdEncoding.DecodeString(text)
	return mime, data, err == nil && len(data) > 0
}
