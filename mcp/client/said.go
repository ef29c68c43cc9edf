package client

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"

	"toolward/mcp"
)

// maxSaid bounds what of an error's body is read, and maxShown what is shown.
const (
	maxSaid  = 2 << 10
	maxShown = 200
)

// said is what a server says of an error in its body, quoted, after a colon and
// a space; "" if it says nothing. It is for the log and the record, where a
// person looks for the reason: an agent is not told.
func (s *streamable) said(resp *http.Response) string {
	if s.decode(resp) != nil {
		return ""
	}
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxSaid)) // what came before a fault is shown
	return s.shown(raw, resp.Request.Header)
}

// shown makes a text of the upstream's fit for a log: on one line, bounded, and
// without the credentials that the gateway sent. Servers do repeat those.
func (s *streamable) shown(raw []byte, sent http.Header) string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(raw, nil))), " ")
	if text == "" {
		return ""
	}
	for _, value := range s.secrets(sent) {
		text = strings.ReplaceAll(text, value, "[credential]")
	}
	if len(text) > maxShown {
		text = strings.ToValidUTF8(text[:maxShown], "") + "…"
	}
	return ": " + strconv.QuoteToGraphic(text)
}

// secrets are the values of a request that must not be shown, whole and without
// their scheme. What is shorter than a word could not be told from one.
func (s *streamable) secrets(sent http.Header) []string {
	names := []string{"Authorization", mcp.HeaderSession}
	for name := range s.client.opts.Header {
		names = append(names, name)
	}
	var values []string
	for _, name := range names {
		for _, v := range sent.Values(name) {
			for _, v := range append([]string{v}, strings.Fields(v)...) {
				if len(v) >= 6 && !strings.EqualFold(v, "Bearer") {
					values = append(values, v)
				}
			}
		}
	}
	return values
}
