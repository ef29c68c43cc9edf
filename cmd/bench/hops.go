package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const prose = "The quarterly report lists 42 open orders, three late shipments and one refund for the Leeds office. "

// filler is n bytes of ordinary text.
func filler(n int) string { return strings.Repeat(prose, n/len(prose)+1)[:n] }

const toolList = `{"tools":[{"name":"report","description":"Returns a report of the given size.","inputSchema":{"type":"object","properties":{"text":{"type":"string"},"bytes":{"type":"integer"}},"required":["text","bytes"]}}]}`

// serveUpstream is an MCP server that does next to nothing, so that its own
// cost does not hide the hop's. Its one tool answers with `bytes` bytes.
func serveUpstream(addr string) error {
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			return
		}
		id, result := upstreamAnswer(body.Bytes())
		if id == nil { // a notification
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if token := between(body.Bytes(), `"progressToken":`, ",}"); token != nil {
			answerAsStream(w, id, result, token)
			return
		}
		out := append(append(append([]byte(`{"jsonrpc":"2.0","id":`), id...), `,"result":`...), result...)
		out = append(out, '}')
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		_, _ = w.Write(out)
	}))
}

// answerAsStream sends a notification of progress and then the result.
func answerAsStream(w http.ResponseWriter, id, result, token []byte) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":1,\"total\":2}}\n\n", token)
	fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n", id, result)
}

// between cuts out what stands between two marks. The messages are our own
// generator's and toolward's, so the shortcut is safe here and nowhere else.
func between(b []byte, before, after string) []byte {
	_, rest, ok := bytes.Cut(b, []byte(before))
	if !ok {
		return nil
	}
	if i := bytes.IndexAny(rest, after); i >= 0 {
		rest = rest[:i]
	}
	return bytes.TrimSpace(rest)
}

var answers sync.Map // bytes -> result

func upstreamAnswer(body []byte) (id []byte, result []byte) {
	if bytes.Contains(body, []byte(`"tools/call"`)) {
		n, _ := strconv.Atoi(string(between(body, `"bytes":`, ",}")))
		cached, ok := answers.Load(n)
		if !ok {
			cached, _ = answers.LoadOrStore(n, []byte(`{"content":[{"type":"text","text":"`+filler(n)+`"}],"isError":false}`))
		}
		return between(body, `"id":`, ",}"), cached.([]byte)
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ ProtocolVersion string }
	}
	_ = json.Unmarshal(body, &m)
	switch m.Method {
	case "initialize":
		return m.ID, []byte(`{"protocolVersion":` + strconv.Quote(m.Params.ProtocolVersion) + `,"capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}`)
	case "tools/list":
		return m.ID, []byte(toolList)
	}
	return m.ID, []byte(`{}`)
}

// serveBare is the hop that everything is compared with: a ReverseProxy with
// pooled buffers and connections, and nothing else.
func serveBare(args string) error {
	addr, to, _ := strings.Cut(args, ",")
	target, err := url.Parse(to)
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{
			MaxIdleConnsPerHost: 1024,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true,
		},
		BufferPool: &buffers{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
	}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Without it the server closes a body whose end the transport has not
		// seen yet when a fast upstream answers, and the answer is cut.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	}))
}

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(p []byte) { b.pool.Put(&p) }
