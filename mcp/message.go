package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
)

// Message is one JSON-RPC 2.0 message. Every value is as written on the wire,
// and shares the bytes it was parsed from.
type Message struct {
	ID     json.RawMessage // a string or a number; nil on notifications
	Method string          // "" on responses
	Params json.RawMessage // an object, nil if absent
	Result json.RawMessage // on responses, this or Error
	Error  json.RawMessage
	Body   *gateway.Object // Params or Result, split; nil if there is none, or it is no object or has no members

	// Mended is how many places of an upstream's message [gateway.Mend] changed.
	Mended int
	// Inside is set if a part of an upstream's message cannot be used
	// ([gateway.ErrInside]). Only a list may be used then, as its definitions are
	// judged one by one.
	Inside error
}

// IsRequest reports whether the message wants an answer.
func (m *Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsNotification reports whether the message wants none.
func (m *Message) IsNotification() bool { return m.Method != "" && m.ID == nil }

// IsResponse reports whether the message is an answer.
func (m *Message) IsResponse() bool { return m.Method == "" }

var envelope = []string{"jsonrpc", "id", "method", "params", "result", "error"}

// ParseAgent parses one message from an agent, strictly: see
// [gateway.ParseObject]. Its error is a *gateway.Refusal with code Malformed
// or TooLarge. A message that is refused still carries its ID where it has one
// that cannot be mistaken, so that the refusal can be answered to it.
func ParseAgent(raw []byte) (Message, error) {
	o, err := gateway.ParseObject(raw)
	if err == nil {
		err = o.RefuseFolded(envelope...)
	}
	if err != nil {
		return Message{ID: onlyID(raw)}, err
	}
	return fromObject(o)
}

// onlyID is the ID of a message that is JSON but not a message to be trusted:
//
//	{"id":7,"method":"m","params":{"a":1,"a":2}} -> 7
//	{"id":7,"ID":8,"method":"m"} -> nil
func onlyID(raw []byte) json.RawMessage {
	if !json.Valid(raw) {
		return nil // JSON-RPC 2.0 §5: the ID of what cannot be parsed is null
	}
	d := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return nil
	}
	var id json.RawMessage
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil
		}
		isID := strings.EqualFold(name.String(), "id")
		if isID && (id != nil || name.String() != "id") {
			return nil
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		if isID {
			id = bytes.Clone(value)
		}
	}
	if id == nil || !validID(id) {
		return nil
	}
	return id
}

// ParseUpstream parses one message from an upstream: mended where its text is
// broken ([gateway.Mend]), no name twice, bounded nesting (see
// [gateway.CheckJSON]); everything else is kept. See [Message.Inside] for
// parts of which that is not so.
func ParseUpstream(raw []byte) (Message, error) {
	o, err := gateway.CheckObject(raw)
	mended := 0
	if err != nil {
		if raw, mended = gateway.Mend(raw); mended > 0 {
			o, err = gateway.CheckObject(raw)
		}
	}
	inside := errors.Is(err, gateway.ErrInside)
	if err != nil && !inside {
		return Message{}, err
	}
	m, broken := fromObject(o)
	m.Mended = mended
	if inside {
		m.Inside = err
	}
	return m, broken
}

func fromObject(o gateway.Object) (Message, error) {
	m := Message{Body: o.Body()}
	var version, method json.RawMessage
	for _, member := range o.Members() {
		switch member.Name {
		case "jsonrpc":
			version = member.Value
		case "id":
			m.ID = member.Value
		case "method":
			method = member.Value
		case "params":
			m.Params = member.Value
		case "result":
			m.Result = member.Value
		case "error":
			m.Error = member.Value
		}
	}
	if m.ID != nil && !validID(m.ID) {
		if m.Error == nil || string(m.ID) != "null" {
			m.ID = nil
			return m, malformed(`"id" must be a string or a whole number`)
		}
		m.ID = nil // an error about a request whose ID could not be read
	}
	if method != nil {
		m.Method = Unquote(method)
	}
	switch {
	case string(version) != `"2.0"`:
		return m, malformed(`"jsonrpc" must be "2.0"`)
	case m.Params != nil && m.Params[0] != '{':
		return m, malformed(`"params" must be an object`)
	case method == nil:
		return m, checkResponse(m)
	case method[0] != '"':
		return m, malformed(`"method" must be a string`)
	case m.Result != nil || m.Error != nil:
		return m, malformed("a message is a request or a response, not both")
	case m.Method == "":
		return m, malformed(`"method" must not be empty`)
	}
	return m, nil
}

func checkResponse(m Message) error {
	switch {
	case (m.Result == nil) == (m.Error == nil):
		return malformed(`a message needs "method", or one of "result" and "error"`)
	case m.ID == nil && m.Error == nil:
		return malformed(`a result needs the "id" of its request`)
	case m.Error != nil && m.Error[0] != '{':
		return malformed(`"error" must be an object`)
	}
	return nil
}

// validID accepts strings and whole numbers. MCP forbids null; JSON-RPC
// advises against fractions, which two readers may print differently.
func validID(id json.RawMessage) bool {
	if id[0] == '"' {
		return true
	}
	return (id[0] == '-' || id[0] >= '0' && id[0] <= '9') && !bytes.ContainsAny(id, ".eE")
}

func malformed(why string) error { return gateway.Refuse("surface", gateway.Malformed, why) }

// AppendRequest appends a request to dst. Params may be nil.
func AppendRequest(dst []byte, id json.RawMessage, method string, params json.RawMessage) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	return appendMethod(append(dst, ','), method, params)
}

// AppendNotification appends a notification to dst. Params may be nil.
func AppendNotification(dst []byte, method string, params json.RawMessage) []byte {
	return appendMethod(append(dst, `{"jsonrpc":"2.0",`...), method, params)
}

func appendMethod(dst []byte, method string, params json.RawMessage) []byte {
	dst = append(dst, `"method":`...)
	dst = AppendString(dst, method)
	if params != nil {
		dst = append(dst, `,"params":`...)
		dst = append(dst, params...)
	}
	return append(dst, '}')
}

// AppendResult appends a response with a result to dst.
func AppendResult(dst []byte, id, result json.RawMessage) []byte {
	return appendAnswer(dst, id, `,"result":`, result)
}

// AppendError appends a response with an error object to dst. A nil id is
// written as null: the request's ID could not be read.
func AppendError(dst []byte, id, errorObject json.RawMessage) []byte {
	return appendAnswer(dst, id, `,"error":`, errorObject)
}

func appendAnswer(dst []byte, id json.RawMessage, member string, value json.RawMessage) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	dst = append(dst, `{"jsonrpc":"2.0","id":`...)
	dst = append(dst, id...)
	dst = append(dst, member...)
	dst = append(dst, value...)
	return append(dst, '}')
}

// ErrorObject is a JSON-RPC error object. Data may be nil.
func ErrorObject(code int, message string, data json.RawMessage) json.RawMessage {
	dst := append(make([]byte, 0, 48+len(message)+len(data)), `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	dst = append(dst, `,"message":`...)
	dst = AppendString(dst, message)
	if data != nil {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// ErrorCode is the code of an error object; 0 if it has none.
func ErrorCode(errorObject json.RawMessage) int {
	raw, _ := gateway.Find(errorObject, "code")
	n, _ := strconv.Atoi(string(raw))
	return n
}

// AppendString appends s to dst as a JSON string. Invalid UTF-8 becomes
// U+FFFD; text that passed the strict parser has none.
func AppendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// Quote is s as a JSON string.
func Quote(s string) json.RawMessage { return AppendString(make([]byte, 0, len(s)+2), s) }

// Unquote is the text of a string of checked JSON, "" if raw is another value.
func Unquote(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return gateway.Unquote(string(raw))
}

// OneLine is JSON without line breaks, for framings that end a message at one.
// Inside strings JSON has none, so the value stays the same. It returns raw
// itself where there is nothing to change.
func OneLine(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	out := bytes.Clone(raw)
	for i, b := range out {
		if b == '\n' || b == '\r' {
			out[i] = ' '
		}
	}
	return out
}
