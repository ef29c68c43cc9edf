//go:build e2e

package field

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// A made-up password, put together here so that no file holds it.
var saidPassword = "c0rrect-H0rse" + "+b4ttery"

// sayings are where a server says something to an agent. % is the text.
var sayings = map[string]string{
	"text":             `"result":{"content":[{"type":"text","text":"%"}]}`,
	"structured":       `"result":{"content":[],"structuredContent":{"rows":[{"value":"%"}]}}`,
	"name":             `"result":{"content":[],"structuredContent":{"%":1}}`,
	"failure":          `"result":{"isError":true,"content":[{"type":"text","text":"%"}]}`,
	"error":            `"error":{"code":-32000,"message":"%","data":{"detail":"%"}}`,
	"meta":             `"result":{"content":[],"_meta":{"example.com/note":"%"}}`,
	"embedded":         `"result":{"content":[{"type":"resource","resource":{"uri":"note://a","text":"%"}}]}`,
	"link":             `"result":{"content":[{"type":"resource_link","uri":"note://a","name":"a","description":"%"}]}`,
	"second":           `"result":{"content":[{"type":"text","text":"one"},{"type":"text","text":"%"}]}`,
	"json in text":     `"result":{"content":[{"type":"text","text":"{\"db\":{\"a\":\"%\"}}"}]}`,
	"no detector sees": `"result":{"content":[{"type":"text","text":"3 rows, the last of them %, and no more"}]}`,
	"log message":      "", // sent before the answer
	"progress":         "",
}

// sayer is a server that says its password where its tool's name says, bare or after
// the word that gives it away, and remembers what it is sent.
func sayer(t *testing.T) *lab.Scripted {
	text := func(name string) string {
		if name == "no detector sees" {
			return saidPassword
		}
		return "password: " + saidPassword
	}
	u := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "initialize":
			return `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"prompts":{},"resources":{},"logging":{}},"serverInfo":{"name":"sayer","version":"1"}}`
		case "tools/list":
			list := []string{`{"name":"take","inputSchema":{"type":"object"}}`}
			for name := range sayings {
				list = append(list, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, strings.ReplaceAll(name, " ", "_")))
			}
			slices.Sort(list)
			return `"result":{"tools":[` + strings.Join(list, ",") + `]}`
		case "prompts/list":
			return `"result":{"prompts":[{"name":"p"}]}`
		case "prompts/get":
			return `"result":{"messages":[{"role":"user","content":{"type":"text","text":"` + text("") + `"}}]}`
		case "resources/list":
			return `"result":{"resources":[{"uri":"note://a","name":"a"}]}`
		case "resources/read":
			return `"result":{"contents":[{"uri":"note://a","text":"` + text("") + `"}]}`
		}
		return ""
	})
	u.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), _ <-chan struct{}) string {
		var call struct {
			Name string
			Meta struct{ ProgressToken json.RawMessage } `json:"_meta"`
		}
		if err := json.Unmarshal(r.Params, &call); err != nil {
			return `"error":{"code":-32602,"message":"no"}`
		}
		name := strings.ReplaceAll(call.Name, "_", " ")
		switch name {
		case "log message":
			send(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"` + text(name) + `"}}`)
		case "progress":
			send(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":` + string(call.Meta.ProgressToken) + `,"progress":1,"message":"` + text(name) + `"}}`)
		}
		if said := sayings[name]; said != "" {
			return strings.ReplaceAll(said, "%", text(name))
		}
		return `"result":{"content":[{"type":"text","text":"done"}]}`
	}}
	return u
}

// Whatever a server says its password in, over whatever an agent reads it, the agent is
// shown one placeholder for it, and what it gives back is the password again.
func TestPlacesWhereServersSaySecrets(t *testing.T) {
	u := sayer(t)
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": u.Config()}}})
	token := g.Tester()
	taken := func() string {
		calls := u.Got("tools/call")
		return string(calls[len(calls)-1].Params)
	}
	first := onePlaceholder.FindString(lab.CallREST(t, g, token, "lab__text", `{}`).Text)
	for _, w := range lab.RPCs[:5] {
		read := func(name, method, wire string, params []string) {
			t.Run(name+" over "+w.Name, func(t *testing.T) {
				a := w.Send(t, g, token, method, wire, params, []string{`"progressToken":7`, `"io.modelcontextprotocol/logLevel":"debug"`})
				p := onePlaceholder.FindString(a.Text)
				if strings.Contains(a.Text, saidPassword) || p != first || p == "" {
					t.Fatalf("want %q: %s", first, a.Text)
				}
				take := w.Wire("lab", "take")
				b := w.Send(t, g, token, "tools/call", take, []string{`"name":"` + take + `"`, `"arguments":{"a":["<` + p + `>"]}`}, nil)
				if b.Code != "" || !strings.Contains(taken(), `"<`+saidPassword+`>"`) {
					t.Errorf("%q, the server got %s", b.Code, taken())
				}
			})
		}
		for name, said := range sayings {
			if w.Name == "SSE" && said == "" {
				continue // the lab returns the answer alone there
			}
			wire := w.Wire("lab", strings.ReplaceAll(name, " ", "_"))
			read(name, "tools/call", wire, []string{`"name":"` + wire + `"`, `"arguments":{}`})
		}
		prompt, note := w.Wire("lab", "p"), w.URI("lab", "note://a")
		read("a prompt", "prompts/get", prompt, []string{`"name":"` + prompt + `"`})
		read("a resource", "resources/read", note, []string{`"uri":"` + note + `"`})
	}
	g.CheckChain(t, "")
}

// What is put back comes back in other forms: the tool was asked to convert, count,
// search. None of them is shown.
func TestEchoesInOtherForms(t *testing.T) {
	forms := map[string]func(string) string{
		"as it is":            func(s string) string { return s },
		"in a sentence":       func(s string) string { return "you wrote " + s + ", thanks" },
		"in JSON":             func(s string) string { b, _ := json.Marshal(map[string]string{"a": s}); return string(b) },
		"base64":              func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 with more":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte("it is " + s + ", is it?")) },
		"base64 for URLs":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("a" + s)) },
		"hexadecimal":         func(s string) string { return hex.EncodeToString([]byte("x" + s)) },
		"upper hexadecimal":   func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) },
		"percent-encoded":     url.QueryEscape,
		"reversed":            func(s string) string { b := []byte(s); slices.Reverse(b); return string(b) },
		"in upper case":       strings.ToUpper,
		"in lower case":       strings.ToLower,
		"letters set apart":   func(s string) string { return strings.Join(strings.Split(s, ""), " ") },
		"letters with dashes": func(s string) string { return strings.Join(strings.Split(s, ""), "-") },
		"a letter a line":     func(s string) string { return strings.Join(strings.Split(s, ""), "\n") },
		"in ROT13": func(s string) string {
			return strings.Map(func(r rune) rune {
				if r|0x20 >= 'a' && r|0x20 <= 'z' {
					return (r|0x20-'a'+13)%26 + 'a' - (^r & 0x20)
				}
				return r
			}, s)
		},
	}
	u := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","inputSchema":{"type":"object"}},{"name":"convert","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			var p struct{ Arguments struct{ Text, How string } }
			if err := json.Unmarshal(r.Params, &p); err != nil {
				return `"error":{"code":-32602,"message":"no"}`
			}
			text := "password: " + saidPassword
			if how := forms[p.Arguments.How]; how != nil {
				text = how(p.Arguments.Text)
			}
			quoted, _ := json.Marshal(text)
			return `"result":{"content":[{"type":"text","text":` + string(quoted) + `}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": u.Config()}}})
	token := g.Tester()
	p := onePlaceholder.FindString(lab.CallREST(t, g, token, "lab__read", `{}`).Text)
	for how, form := range forms {
		t.Run(how, func(t *testing.T) {
			a := lab.CallREST(t, g, token, "lab__convert", fmt.Sprintf(`{"text":%q,"how":%q}`, p, how))
			if a.Code != "" {
				t.Fatalf("%q: %s", a.Code, a.Text)
			}
			said := shown(t, a.Text, "") // of the one text
			whole := form(saidPassword)
			if strings.Contains(whole, saidPassword) {
				whole = saidPassword
			}
			for n := 0; n+9 <= len(whole); n++ {
				if part := whole[n : n+9]; strings.Contains(a.Text, part) && strings.Trim(part, " -\n") != "" {
					t.Fatalf("%q of it is shown: %s", part, said)
				}
			}
			again := onePlaceholder.FindString(a.Text)
			if b := lab.CallREST(t, g, token, "lab__convert", fmt.Sprintf(`{"text":%q,"how":""}`, again)); again == "" || b.Code != "" {
				t.Errorf("carried back: %q: %s", b.Code, b.Text)
			}
		})
	}
}

// What a server fails with quotes what it was given: a URL with the value in it.
func TestErrorsDoNotQuoteWhatWasPutBack(t *testing.T) {
	api := lab.NewAPI(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("key") == "" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"password":%q}`, saidPassword)
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	})
	const document = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"paths":{"/a":{"get":{"operationId":"look","parameters":[
		{"name":"key","in":"query","schema":{"type":"string","maxLength":30}}],"responses":{"200":{"description":"d"}}}}}}`
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": api.Config(t, document, nil)}}})
	token := g.Tester()
	p := onePlaceholder.FindString(lab.CallREST(t, g, token, "lab__look", `{}`).Text)
	api.Requests()
	a := lab.CallREST(t, g, token, "lab__look", fmt.Sprintf(`{"key":%q}`, p)) // longer than the schema lets it be, as long as it is a placeholder
	requests := api.Requests()
	if len(requests) == 0 || !strings.Contains(requests[0].URI, url.QueryEscape(saidPassword)) || a.Code != "upstream_down" {
		t.Fatalf("%q: %s, requests %+v", a.Code, a.Text, requests)
	}
	cause := fmt.Sprint(g.Recorded(t, "", a.ID)["cause"])
	for where, text := range map[string]string{"the answer": a.Text, "the record": cause, "the log": g.Log.String()} {
		if strings.Contains(text, saidPassword) || strings.Contains(text, url.QueryEscape(saidPassword)) {
			t.Errorf("%s has it: %s", where, text)
		}
	}
}
