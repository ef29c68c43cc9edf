package client

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/mcp"
)

// maxBatch is how many messages one array may hold.
const maxBatch = 1000

// messagesIn reads a message, or an array of them: servers of 2025-03-26 may
// batch their answers (basic, JSON-RPC batching), and some of later revisions do.
// A byte order mark before it is skipped, as RFC 8259 §8.1 lets readers do.
//
//	{"jsonrpc":"2.0","id":1,"result":{}}      one message
//	[{"jsonrpc":"2.0",…},{"jsonrpc":"2.0",…}] two
func messagesIn(raw []byte) (first mcp.Message, more []mcp.Message, err error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	raw = bytes.TrimLeft(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '[' {
		first, err = mcp.ParseUpstream(raw)
		return first, nil, err
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) // each is judged by itself
	if _, err := d.ReadToken(); err != nil {
		return first, nil, err
	}
	for n := 0; d.PeekKind() == '{'; n++ {
		one, err := d.ReadValue()
		if err != nil {
			return first, nil, err
		}
		m, err := mcp.ParseUpstream(bytes.Clone(one))
		switch {
		case err != nil:
			return first, nil, err
		case n == 0:
			first = m
		case n == maxBatch:
			return first, nil, errors.New("an array of more messages than may be in one")
		default:
			more = append(more, m)
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return first, nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) || first.Method == "" && first.Result == nil && first.Error == nil {
		return first, nil, errors.New("an array of what are no messages")
	}
	return first, more, nil
}
