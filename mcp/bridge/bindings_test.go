package bridge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/mcp"
)

const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// tool binds its argument region to a header.
func tool(name, annotation string) string {
	return `{"name":"` + name + `","inputSchema":{"type":"object","properties":{"region":{"type":"string"` + annotation + `},"n":{"type":"integer"}}}}`
}

const bound = `,"x-mcp-header":"Region"`

// modernGateway serves pages of tools, and refuses a call whose headers do not
// mirror what the definitions bind, as the gateway does.
type modernGateway struct {
	t     *testing.T
	pages []string
	asked []string // methods
}

func (g *modernGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m := parse([]byte(body(r)))
	g.asked = append(g.asked, m.method)
	if r.Header.Get(mcp.HeaderRevision) != mcp.Revision20260728 || r.Header.Get(mcp.HeaderMethod) != m.method || r.Header.Get(mcp.HeaderSession) != "" {
		g.t.Errorf("%s with %v", m.raw, r.Header)
	}
	if m.method == mcp.MethodToolsList {
		page, next := 0, ""
		for i := range g.pages {
			if strings.Contains(string(m.params), fmt.Sprintf(`"cursor":"c%d"`, i)) {
				page = i
			}
		}
		if page+1 < len(g.pages) {
			next = fmt.Sprintf(`,"nextCursor":"c%d"`, page+1)
		}
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[%s]%s}}`, m.id, g.pages[page], next)
		return
	}
	if !strings.Contains(string(m.params), `"region"`) || !strings.Contains(strings.Join(g.pages, ""), `"`+m.name+`","inputSchema":{"type":"object","properties":{"region":{"type":"string"`+bound) {
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"free":%t}}`, m.id, r.Header.Get("Mcp-Param-Region") == "")
		return
	}
	if r.Header.Get("Mcp-Param-Region") == "" {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"mirror it"}}`, m.id, mcp.CodeHeaderMismatch)
		return
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"region":%q}}`, m.id, r.Header.Get("Mcp-Param-Region"))
}

// A client on lines knows nothing of headers: what a tool binds to them the bridge
// learns from the lists that pass, and from one of its own where none has passed.
func TestParametersAreMirrored(t *testing.T) {
	list := `{"jsonrpc":"2.0","id":"l","method":"tools/list","params":{` + meta + `}}`
	call := func(name, args string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + name + `","arguments":` + args + `,` + meta + `}}`
	}
	for _, tt := range []struct {
		name   string
		pages  []string
		listed bool
		call   string
		want   string
		asked  string
	}{
		{"listed", []string{tool("a", bound)}, true, call("a", `{"region":"eu"}`), `{"region":"eu"}`, "tools/list tools/call"},
		{"never listed", []string{tool("a", bound)}, false, call("a", `{"region":"eu"}`), `{"region":"eu"}`, "tools/call tools/list tools/call"},
		{"on the last page", []string{tool("b", ""), tool("c", bound), tool("a", bound)}, false, call("a", `{"region":"eu"}`), `{"region":"eu"}`, "tools/call tools/list tools/list tools/list tools/call"},
		{"not ASCII", []string{tool("a", bound)}, true, call("a", `{"region":"日本"}`), `{"region":"=?base64?5pel5pys?="}`, "tools/list tools/call"},
		{"no such argument", []string{tool("a", bound)}, true, call("a", `{"n":1}`), `{"free":true}`, "tools/list tools/call"},
		{"bound by nothing", []string{tool("a", "")}, true, call("a", `{"region":"eu"}`), `{"free":true}`, "tools/list tools/call"},
		{"bound to what is no header", []string{tool("a", `,"x-mcp-header":"no header"`)}, true, call("a", `{"region":"eu"}`), `{"free":true}`, "tools/list tools/call"},
		{"a tool of another page", []string{tool("a", ""), tool("b", bound)}, true, call("a", `{"region":"eu"}`), `{"free":true}`, "tools/list tools/call"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &modernGateway{t: t, pages: tt.pages}
			c := talk(t, g.ServeHTTP)
			if tt.listed {
				c.send(list)
				c.next()
			}
			c.send(tt.call)
			c.wants(`{"jsonrpc":"2.0","id":1,"result":` + tt.want + `}`)
			c.end()
			if got := strings.Join(g.asked, " "); got != tt.asked {
				t.Errorf("asked %s", got)
			}
		})
	}
}

// Definitions change: a binding that is gone is not sent, one that is new is learned.
func TestBindingsChange(t *testing.T) {
	g := &modernGateway{t: t, pages: []string{tool("a", "")}}
	c := talk(t, g.ServeHTTP)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"region":"eu"},` + meta + `}}`
	for _, pages := range []string{tool("a", bound), tool("a", ""), tool("a", bound)} {
		g.pages = []string{pages}
		c.send(`{"jsonrpc":"2.0","id":"l","method":"tools/list","params":{` + meta + `}}`)
		c.next()
		c.send(call)
		if pages == tool("a", bound) {
			c.wants(`{"jsonrpc":"2.0","id":1,"result":{"region":"eu"}}`)
		} else {
			c.wants(`{"jsonrpc":"2.0","id":1,"result":{"free":true}}`)
		}
	}
	c.end()
}

// A call that is refused for another reason is not sent again, and one that stays
// refused is sent twice.
func TestRefusedCallsAreNotRepeated(t *testing.T) {
	for code, want := range map[int]int{mcp.CodeInvalidParams: 1, mcp.CodeHeaderMismatch: 2} {
		calls, lists := 0, 0
		c := talk(t, func(w http.ResponseWriter, r *http.Request) {
			if m := parse([]byte(body(r))); m.method == mcp.MethodToolsList {
				lists++
				_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[],"nextCursor":"again"}}`, m.id)
				return
			}
			calls++
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":%d,"message":"no"}}`, code))
		})
		c.send(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{},` + meta + `}}`)
		c.wants(fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"error":{"code":%d,"message":"no"}}`, code))
		c.end()
		if calls != want || lists > maxPages {
			t.Errorf("%d: called %d times, listed %d times", code, calls, lists)
		}
	}
}
