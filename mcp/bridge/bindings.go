package bridge

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"

	"toolward/gateway"
	"toolward/mcp"
)

// maxPages bounds how long a list is followed.
const maxPages = 100

// bindings are the arguments that tools want in headers too (`x-mcp-header`, MCP
// 2026-07-28 basic/transports/streamable-http), as far as lists have shown them. A
// client on lines knows nothing of headers.
type bindings struct {
	mu     sync.Mutex
	byTool map[string]*mcp.ParamHeaders
}

// fill writes the headers of a call.
func (p *bindings) fill(h http.Header, m message) {
	if m.method != mcp.MethodToolsCall {
		return
	}
	p.mu.Lock()
	bound := p.byTool[m.name]
	p.mu.Unlock()
	if bound == nil {
		return
	}
	params, err := gateway.Split(m.params)
	if err != nil {
		return
	}
	args, _ := params.Get("arguments")
	for _, f := range bound.Generate(args) {
		h.Set(f.Name, f.Value)
	}
}

// learn reads one page of a list, and returns the cursor of the next.
func (p *bindings) learn(body []byte) (cursor json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.byTool) == 0 && !bytes.Contains(body, []byte("x-mcp-header")) && !bytes.Contains(body, []byte("nextCursor")) {
		return nil // as nearly all lists: they are not read
	}
	answer, err := mcp.ParseUpstream(body)
	if err != nil {
		return nil
	}
	var page struct {
		Tools      []json.RawMessage `json:"tools"`
		NextCursor json.RawMessage   `json:"nextCursor"`
	}
	if json.Unmarshal(answer.Result, &page) != nil {
		return nil
	}
	if p.byTool == nil {
		p.byTool = map[string]*mcp.ParamHeaders{}
	}
	for _, definition := range page.Tools {
		o, err := gateway.Split(definition)
		if err != nil {
			continue
		}
		if bound, _ := mcp.CompileParamHeaders(definition); bound != nil { // broken bindings bind nothing
			p.byTool[member(o, "name")] = bound
		} else {
			delete(p.byTool, member(o, "name"))
		}
	}
	return page.NextCursor
}

// bind sends a call again whose headers did not mirror its arguments: its client has
// not listed the tools, or they changed. resp is how it was refused.
func (b *Bridge) bind(f *flight, resp *http.Response) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	if err != nil {
		return nil, errGone
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	refused, err := mcp.ParseUpstream(body)
	if err != nil || mcp.ErrorCode(refused.Error) != mcp.CodeHeaderMismatch {
		return resp, nil
	}
	params, err := gateway.Split(f.params)
	if err != nil {
		return resp, nil
	}
	meta, _ := params.Get("_meta")
	var cursor json.RawMessage
	for range maxPages {
		members := []gateway.Member{{Name: "_meta", Value: meta}}
		if cursor != nil {
			members = append(members, gateway.Member{Name: "cursor", Value: cursor})
		}
		list := parse(mcp.AppendRequest(nil, mcp.Quote("toolward-bridge"), mcp.MethodToolsList, gateway.JoinMembers(members)))
		page, err := b.post(f.ctx, list)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(io.LimitReader(page.Body, int64(b.opt.MaxAnswer)))
		_ = page.Body.Close()
		if err != nil {
			return nil, errGone
		}
		if cursor = b.params.learn(body); cursor == nil {
			break
		}
	}
	return b.post(f.ctx, f.message)
}
