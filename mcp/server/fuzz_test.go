package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// What is added to a result, or replaced in it, changes nothing else.
func FuzzSplice(f *testing.F) {
	f.Add(`{"content":[{"type":"resource_link","uri":"file:///a"}], "x":1.0}`)
	f.Add(`{ "contents" : [ {"uri":"a","\u0075ri2":1}, 3 ], "resultType":"input_required","requestState":"s"}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, in string) {
		raw := json.RawMessage(in)
		if gateway.CheckJSON(raw) != nil {
			return
		}
		before, err := gateway.Split(raw)
		if err != nil {
			return
		}
		add := []gateway.Member{{Name: "resultType", Value: json.RawMessage(`"complete"`)}}
		after, err := gateway.Split(addMissing(raw, add))
		if err != nil {
			t.Fatalf("addMissing broke %s: %v", in, err)
		}
		want := before.Members()
		if _, has := before.Get("resultType"); !has {
			want = append(add, want...)
		}
		if d := cmp.Diff(want, after.Members()); d != "" {
			t.Errorf("addMissing changed %s:\n%s", in, d)
		}
		for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
			x := &exchange{}
			mapped := x.mapResult(&gateway.Call{Kind: kind, Tool: &gateway.Tool{Server: "s"}}, &gateway.Result{Raw: raw})
			if err := gateway.CheckJSON(mapped); err != nil {
				t.Errorf("mapResult broke %s: %v", in, err)
			}
			if unmapped := unmap(gateway.Decode(mapped)); cmp.Diff(unmap(gateway.Decode(raw)), unmapped) != "" {
				t.Errorf("mapResult changed more than URIs of %s: %s", in, mapped)
			}
		}
	})
}

// unmap undoes the mapping of URIs, wherever they stand.
func unmap(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = unmap(v[k])
		}
	case []any:
		for i := range v {
			v[i] = unmap(v[i])
		}
	case string:
		if _, own, ok := gateway.SplitURI(v); ok {
			return own
		}
	}
	return v
}

// An agent's event ID is what it was given, or nothing.
func FuzzEventID(f *testing.F) {
	f.Add("0.1")
	f.Add("12.18446744073709551615")
	f.Fuzz(func(t *testing.T, id string) {
		stream, seq, ok := splitEventID(id)
		if !ok {
			return
		}
		again, n, ok := splitEventID(eventID(stream, seq))
		if !ok || again != stream || n != seq {
			t.Errorf("%q became %q %d", id, again, n)
		}
	})
}

var epoch = time.Date(2026, 7, 28, 0, 0, 0, 0, time.UTC)

// What is sealed for one purpose opens for no other, and not when changed.
func FuzzSeal(f *testing.F) {
	seal, err := newSealer(make([]byte, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("tw1.AAAA", "a", "b")
	f.Fuzz(func(t *testing.T, text, a, b string) {
		if got, err := seal.open(text, epoch, a, b); err == nil {
			t.Errorf("%q opened as %q", text, got)
		}
		closed := seal.close(text, epoch, a, b)
		if got, err := seal.open(closed, epoch, a, b); err != nil || got != text {
			t.Errorf("%q came back as %q, %v", text, got, err)
		}
		if _, err := seal.open(closed, epoch, a+b); err == nil {
			t.Errorf("%q and %q are the same purpose as their concatenation", a, b)
		}
		if _, err := seal.open(closed, epoch.AddDate(0, 0, 1), a, b); err == nil {
			t.Error("opened after it expired")
		}
	})
}

// Whatever an agent posts is answered with valid JSON, or with nothing, and an
// upstream is called only with what the strict parser read.
func FuzzPost(f *testing.F) {
	var calls []*gateway.Call
	s := newBareStub(f, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		calls = append(calls, c)
		return &gateway.Result{Raw: json.RawMessage(`{}`)}, nil
	})
	f.Cleanup(func() { s.srv.Close() })
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read","arguments":{"a":1},`+modernMeta+`}}`, "2026-07-28")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"toolward://files/file:///a",`+modernMeta+`}}`, "2026-07-28")
	f.Add(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`, "2025-11-25")
	f.Add(`[{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":""}}]`, "")
	f.Fuzz(func(t *testing.T, body, revision string) {
		calls = nil
		r := httptest.NewRequest("POST", "/mcp", strings.NewReader(body))
		var lax struct { // reads as encoding/json does: the last of two names, in any case
			Method string
			Params struct{ Name, URI string }
		}
		_ = json.Unmarshal([]byte(body), &lax)
		r.Header = http.Header{"Authorization": {"Bearer ann"}, "Content-Type": {"application/json"}, "Accept": {"application/json"},
			"Mcp-Protocol-Version": {revision}, "Mcp-Method": {lax.Method}, "Mcp-Name": {lax.Params.Name + lax.Params.URI}}
		w := httptest.NewRecorder()
		s.srv.ServeHTTP(w, r)
		if w.Body.Len() > 0 && gateway.CheckJSON(w.Body.Bytes()) != nil {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		for _, c := range calls {
			o, err := gateway.ParseObject([]byte(body))
			if err != nil {
				t.Fatalf("called %s for a body that is refused: %v", c.Name, err)
			}
			params, _ := o.Object("params")
			if name, _, _ := params.String("name"); c.Kind == gateway.KindTool && name != c.Name {
				t.Errorf("called %s for %s", c.Name, body)
			}
		}
	})
}
