package openapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"

	"toolward/gateway"
)

// maxErrorText bounds what is passed on of the body of an error, in bytes:
// some are pages of HTML.
const maxErrorText = 32 << 10

// result makes a tool's result of an answer.
func (a *API) result(op *operation, resp *http.Response, raw []byte) (*gateway.Result, error) {
	isError := resp.StatusCode >= 300
	kind, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind, params = "", nil // judged by the bytes
	}
	var items []json.RawMessage
	if said := op.said(resp, isError || len(raw) == 0); said != "" {
		items = append(items, text(said))
	}
	var structured json.RawMessage
	body, mended, isText := decoded(raw, kind, params["charset"])
	switch {
	case len(raw) == 0:
	case isText:
		var cut int
		if structured, cut = structuredOf(kind, body); cut > 0 {
			body, mended = structured, mended+cut
		}
		if isError && len(body) > maxErrorText {
			body, structured = []byte(clip(string(body), maxErrorText)), nil
		}
		items = append(items, text(string(body)))
	default:
		items = append(items, binary(resp.Request.URL, kind, raw))
	}
	members := []gateway.Member{{Name: "content", Value: list(items)}, {Name: "isError", Value: json.RawMessage(strconv.FormatBool(isError))}}
	if structured != nil {
		members = append(members, gateway.Member{Name: "structuredContent", Value: structured})
	}
	return &gateway.Result{Raw: gateway.JoinMembers(members), IsError: isError, Mended: mended}, nil
}

// structuredOf is an answer that is a JSON object, mended where a text in it was
// cut ([gateway.Mend]); nil if it is none. What two readers would understand
// differently, or some not at all, is a text and nothing more.
//
//	{"a":1} → {"a":1}    {"a":"\ud83d"} → {"a":"\ufffd"}, 1    {"a":1,"a":2} → nil
func structuredOf(kind string, body []byte) (object json.RawMessage, mended int) {
	trimmed := bytes.TrimSpace(body)
	if !looksLikeJSON(kind, trimmed) || trimmed[0] != '{' {
		return nil, 0
	}
	if gateway.CheckJSON(trimmed) == nil {
		return trimmed, 0
	}
	whole, mended := gateway.Mend(trimmed)
	if mended == 0 || gateway.CheckJSON(whole) != nil {
		return nil, 0
	}
	return whole, mended
}

// looksLikeJSON reports whether an answer is JSON. Some APIs say so of what is
// none ("OK"), which then is a text; others have it and do not say so.
func looksLikeJSON(kind string, body []byte) bool {
	if len(body) == 0 || !json.Valid(body) {
		return false
	}
	return isJSON(kind) || body[0] == '{' && (kind == "" || kind == "text/plain" || kind == "application/octet-stream")
}

// decoded is an answer as UTF-8, if it is text: by its media type, or by its
// bytes where that says nothing or is wrong. What is said to be text, and mostly
// is, may have been cut in the middle of a character, or be of another charset:
// mended is how often U+FFFD stands for such bytes.
func decoded(raw []byte, kind, charset string) (body []byte, mended int, text bool) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" || strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") {
		return nil, 0, false
	}
	if charset != "" && !strings.EqualFold(charset, "utf-8") && isText(kind) {
		if enc, err := htmlindex.Get(charset); err == nil {
			if out, err := enc.NewDecoder().Bytes(raw); err == nil {
				return bytes.TrimPrefix(out, []byte("\ufeff")), 0, true
			}
		}
	}
	if !utf8.Valid(raw) {
		valid := bytes.ToValidUTF8(raw, nil)
		if kind == "" || !isText(kind) || bytes.IndexByte(raw, 0) >= 0 || 2*len(valid) < len(raw) {
			return nil, 0, false
		}
		whole := bytes.ToValidUTF8(raw, []byte("\ufffd"))
		return whole, (len(whole) - len(valid)) / len("\ufffd"), true
	}
	if kind != "" && !isText(kind) && slices.ContainsFunc(raw, func(c byte) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' }) {
		return nil, 0, false
	}
	return raw, 0, true
}

// said is what an answer says besides its body, that helps to go on: its
// status where that is the news, where more is, and what was made.
//
//	HTTP status 429; Retry-After: 30
//	Link: </pets?page=2>; rel="next"
func (op *operation) said(resp *http.Response, status bool) string {
	var lines []string
	if status {
		line := "HTTP status " + strconv.Itoa(resp.StatusCode)
		if after := resp.Header.Get("Retry-After"); after != "" {
			line += "; Retry-After: " + clip(after, 100)
		}
		lines = append(lines, line)
	}
	if u, err := resp.Location(); err == nil {
		switch {
		case resp.StatusCode >= 300 && resp.StatusCode < 400:
			lines = append(lines, "It redirects to "+clip(bare(u), 500)+", which was not followed: redirects are within the same origin only, and with the same method. "+
				"If that is where the API is, base_url of the upstream has to say so.")
		case resp.StatusCode < 300:
			lines = append(lines, "Location: "+clip(bare(u), 500))
		}
	}
	if next := op.nextPage(resp); next != "" {
		lines = append(lines, "Link: <"+clip(next, 500)+`>; rel="next"`)
	}
	if resp.Request.Method == http.MethodHead {
		for _, name := range []string{"Content-Type", "Content-Length", "ETag", "Last-Modified"} {
			if v := resp.Header.Get(name); v != "" {
				lines = append(lines, name+": "+clip(v, 200))
			}
		}
	}
	return strings.Join(lines, "\n")
}

// nextPage is the next page of a list (RFC 8288), as a path with its query, and
// without the gateway's credentials in it.
func (op *operation) nextPage(resp *http.Response) string {
	for _, field := range resp.Header.Values("Link") {
		for link := range strings.SplitSeq(field, ",") {
			target, params, _ := strings.Cut(link, ">")
			rel := strings.ReplaceAll(strings.ReplaceAll(params, " ", ""), `"`, "")
			if !slices.Contains(strings.Split(rel, ";"), "rel=next") {
				continue
			}
			u, err := resp.Request.URL.Parse(strings.TrimLeft(strings.TrimSpace(target), "<"))
			if err != nil || origin(u) != origin(resp.Request.URL) {
				continue
			}
			query := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
				name, _, _ := strings.Cut(pair, "=")
				decoded, err := url.QueryUnescape(name)
				return err != nil || slices.ContainsFunc(op.credentials, func(c credential) bool { return c.in == "query" && c.name == decoded })
			})
			return strings.TrimSuffix(u.EscapedPath()+"?"+strings.Join(query, "&"), "?")
		}
	}
	return ""
}

func text(s string) json.RawMessage {
	return gateway.JoinMembers([]gateway.Member{{Name: "type", Value: quote("text")}, {Name: "text", Value: quote(s)}})
}

// binary is an image or sound where MCP has an item for it, else an embedded
// resource. Its URI is the address without the query, which may hold what the
// caller would not want repeated.
func binary(u *url.URL, kind string, raw []byte) json.RawMessage {
	if kind == "" {
		kind = "application/octet-stream"
	}
	data := quote(base64.StdEncoding.EncodeToString(raw))
	for _, item := range []string{"image", "audio"} {
		if strings.HasPrefix(kind, item+"/") {
			return gateway.JoinMembers([]gateway.Member{{Name: "type", Value: quote(item)}, {Name: "data", Value: data}, {Name: "mimeType", Value: quote(kind)}})
		}
	}
	resource := gateway.JoinMembers([]gateway.Member{{Name: "uri", Value: quote(bare(u))}, {Name: "mimeType", Value: quote(kind)}, {Name: "blob", Value: data}})
	return gateway.JoinMembers([]gateway.Member{{Name: "type", Value: quote("resource")}, {Name: "resource", Value: resource}})
}

func list(items []json.RawMessage) json.RawMessage {
	parts := make([][]byte, len(items))
	for i, item := range items {
		parts[i] = item
	}
	return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
}
