package mcp

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"toolward/gateway"
)

// asWritten leaves out what says the same as Params and Result.
var asWritten = cmpopts.IgnoreFields(Message{}, "Body")

func TestParseKeepsValuesAsWritten(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Message
	}{
		"request":       {`{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/call","params":{"a" : 1.0}}`, Message{ID: raw(`9007199254740993`), Method: "tools/call", Params: raw(`{"a" : 1.0}`)}},
		"string id":     {`{"jsonrpc":"2.0","id":"\u0061","method":"ping"}`, Message{ID: raw(`"\u0061"`), Method: "ping"}},
		"notification":  {`{"method":"notifications/cancelled","jsonrpc":"2.0"}`, Message{Method: "notifications/cancelled"}},
		"result":        {`{"jsonrpc":"2.0","id":1,"result":{"x":1e3}}`, Message{ID: raw(`1`), Result: raw(`{"x":1e3}`)}},
		"error":         {`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":9007199254740993}}`, Message{ID: raw(`1`), Error: raw(`{"code":-1,"message":"m","data":9007199254740993}`)}},
		"error no id":   {`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}`, Message{Error: raw(`{"code":-32700,"message":"m"}`)}},
		"unknown extra": {`{"jsonrpc":"2.0","method":"m","later":true}`, Message{Method: "m"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseUpstream([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, asWritten); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseAgentRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"method twice":            `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}`,
		"method twice by escape":  `{"jsonrpc":"2.0","id":1,"method":"ping","\u006dethod":"tools/call"}`,
		"folded method":           `{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}`,
		"folded by long s":        `{"jsonrpc":"2.0","id":1,"method":"ping","param\u017f":{}}`,
		"id null":                 `{"jsonrpc":"2.0","id":null,"method":"ping"}`,
		"id object":               `{"jsonrpc":"2.0","id":{},"method":"ping"}`,
		"id fraction":             `{"jsonrpc":"2.0","id":1.5,"method":"ping"}`,
		"id negative fraction":    `{"jsonrpc":"2.0","id":-1.5,"method":"ping"}`,
		"no version":              `{"id":1,"method":"ping"}`,
		"version 1":               `{"jsonrpc":"1.0","id":1,"method":"ping"}`,
		"params array":            `{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}`,
		"params null":             `{"jsonrpc":"2.0","id":1,"method":"ping","params":null}`,
		"method number":           `{"jsonrpc":"2.0","id":1,"method":1}`,
		"method empty":            `{"jsonrpc":"2.0","id":1,"method":""}`,
		"request and response":    `{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}`,
		"result and error":        `{"jsonrpc":"2.0","id":1,"result":{},"error":{}}`,
		"neither":                 `{"jsonrpc":"2.0","id":1}`,
		"result without id":       `{"jsonrpc":"2.0","result":{}}`,
		"result with id null":     `{"jsonrpc":"2.0","id":null,"result":{}}`,
		"error a string":          `{"jsonrpc":"2.0","id":1,"error":"no"}`,
		"batch":                   `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`,
		"two values":              `{"jsonrpc":"2.0","id":1,"method":"ping"}{}`,
		"byte order mark":         "\xef\xbb\xbf" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`,
		"invalid UTF-8":           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}",
		"lone surrogate":          `{"jsonrpc":"2.0","id":1,"method":"\ud800"}`,
		"nothing":                 ``,
		"digits lost in argument": `{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":1234567890123456789.5}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAgent([]byte(in))
			var refusal *gateway.Refusal
			if !errors.As(err, &refusal) || refusal.Code != gateway.Malformed {
				t.Errorf("got %v, want a refusal with code malformed", err)
			}
		})
	}
}

func TestAppendAndParseAreInverse(t *testing.T) {
	id, value := raw(`"a\u0001\"b"`), raw(`{"k":[1.0,"<"]}`)
	for name, c := range map[string]struct {
		wire []byte
		want Message
	}{
		"request":           {AppendRequest(nil, id, "tools/call", value), Message{ID: id, Method: "tools/call", Params: value}},
		"request no params": {AppendRequest(nil, id, `odd "name"`, nil), Message{ID: id, Method: `odd "name"`}},
		"notification":      {AppendNotification(nil, "n", value), Message{Method: "n", Params: value}},
		"result":            {AppendResult(nil, id, value), Message{ID: id, Result: value}},
		"error":             {AppendError(nil, nil, ErrorObject(CodeParse, "bad \"json\"", value)), Message{Error: raw(`{"code":-32700,"message":"bad \"json\"","data":{"k":[1.0,"<"]}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseAgent(c.wire)
			if err != nil {
				t.Fatalf("%s: %v", c.wire, err)
			}
			if d := cmp.Diff(c.want, got, asWritten); d != "" {
				t.Errorf("message (-want +got):\n%s", d)
			}
		})
	}
}

func TestOneLineKeepsTheValue(t *testing.T) {
	in := []byte("{\r\n \"a\": \"x\\n\",\n \"b\": 1}")
	got := OneLine(in)
	if string(got) != "{   \"a\": \"x\\n\",  \"b\": 1}" {
		t.Errorf("got %q", got)
	}
	if !json.Valid(got) || in[1] != '\r' {
		t.Error("OneLine broke the JSON or changed its input")
	}
}

func TestErrorCode(t *testing.T) {
	if got := ErrorCode(ErrorObject(CodeHeaderMismatch, "m", nil)); got != -32020 {
		t.Errorf("got %d, want -32020", got)
	}
	if got := ErrorCode(raw(`{"message":"no code"}`)); got != 0 {
		t.Errorf("got %d for an error without a code, want 0", got)
	}
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }
