package rest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"toolward/gateway"
)

// part is one piece of a result: a text, or media if data is set.
type part struct {
	text string
	mime string // type/subtype in lower case, "" if unknown
	data string // standard base64 without line breaks (RFC 4648 §4)
	name string // the URI of an embedded resource
}

// media are the MIME types that a format takes as data of their own.
type media map[string]bool

func types(names ...string) media {
	m := media{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// partOf reads a block of a tool's result (MCP 2025-11-25 server/tools).
func partOf(block gateway.Object) part {
	switch text(block, "type") {
	case "text":
		return part{text: text(block, "text")}
	case "image", "audio":
		return blob(text(block, "mimeType"), text(block, "data"), "")
	case "resource":
		res, err := block.Object("resource")
		if err != nil {
			break
		}
		if s, ok, err := res.String("text"); ok && err == nil {
			return part{text: s}
		}
		if s, ok, err := res.String("blob"); ok && err == nil {
			return blob(text(res, "mimeType"), s, text(res, "uri"))
		}
	}
	return other(block)
}

// other is a block of a kind that this program does not know, or a link: its
// JSON, so that nothing is silently dropped, unless most of that is base64.
func other(block gateway.Object) part {
	for _, name := range []string{"data", "blob"} {
		if s := text(block, name); s != "" {
			p := blob(text(block, "mimeType"), s, text(block, "uri"))
			return part{text: p.note()}
		}
	}
	return part{text: string(block.Raw())}
}

// blob is media as providers take it: the type is what the bytes are, where
// they show it, because providers compare the two and refuse the message;
// data that is no base64 is a note.
//
//	"image/JPG", PNG's bytes  ->  image/png
func blob(mime, data, name string) part {
	p := part{mime: essence(mime), name: name}
	raw, err := base64.StdEncoding.DecodeString(data) // skips line breaks
	if err != nil || len(raw) == 0 {
		p.text = "[" + p.label("") + " is empty or is not valid base64]"
		return p
	}
	if seen := http.DetectContentType(raw); p.mime == "" || strings.HasPrefix(p.mime, "image/") && strings.HasPrefix(seen, "image/") {
		p.mime = essence(seen)
	}
	p.data = data
	if strings.ContainsAny(data, "\r\n") {
		p.data = base64.StdEncoding.EncodeToString(raw)
	}
	return p
}

// essence is a MIME type without parameters and in the spelling that is
// registered: "Image/JPG; q=1" -> "image/jpeg".
func essence(mime string) string {
	mime, _, _ = strings.Cut(mime, ";")
	mime = strings.ToLower(strings.TrimSpace(mime))
	switch mime {
	case "image/jpg", "image/pjpeg":
		return "image/jpeg"
	case "image/x-png":
		return "image/png"
	case "audio/x-wav", "audio/wave", "audio/vnd.wave":
		return "audio/wav"
	case "audio/mp3":
		return "audio/mpeg"
	}
	return mime
}

// note says what is not shown, in place of data that a format does not take.
//
//	[image/svg+xml of 12 KB, file:///logo.svg: this kind of data cannot be shown here]
func (p part) note() string {
	if p.data == "" {
		return p.text
	}
	return "[" + p.label(size(base64.StdEncoding.DecodedLen(len(p.data)))) + ": this kind of data cannot be shown here]"
}

func (p part) label(size string) string {
	label := p.mime
	if label == "" {
		label = "data"
	}
	if size != "" {
		label += " of " + size
	}
	if p.name != "" {
		label += ", " + p.name
	}
	return label
}

// size is a number of bytes for reading.
func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%d KB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}

// url is media as a data URL (RFC 2397).
func (p part) url() string { return "data:" + p.mime + ";base64," + p.data }

// file is the name of media as a file: the last segment of its URI, or its kind.
func (p part) file() string {
	if i := strings.LastIndexByte(p.name, '/'); i >= 0 && i+1 < len(p.name) {
		return p.name[i+1:]
	}
	_, kind, _ := strings.Cut(p.mime, "/")
	return "result." + kind
}
