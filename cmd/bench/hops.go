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

const toolReport = `{"name":"report","description":"Returns a report of the given size.","inputSchema":{"type":"object","properties":{"text":{"type":"string"},"bytes":{"type":"integer"},"kind":{"type":"string"},"path":{"type":"string"},"records":{"type":"array"}},"required":["text","bytes","kind","path"]}}`

// toolList is a list of the tool that is called and of others, up to n.
func toolList(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"tools":[` + toolReport)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, `,{"name":"other%d","description":"Looks up row %d of table %d by its key and returns what stands there.","inputSchema":{"type":"object","properties":{"key":{"type":"string","description":"The key of the row."},"limit":{"type":"integer","minimum":1},"columns":{"type":"array","items":{"type":"string"}}},"required":["key"]}}`, i, i, i%7)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// serveUpstream is an MCP server that does next to nothing, so that its own
// cost does not hide the hop's. Its one tool answers with `bytes` bytes of the kind
// that its arguments are, in which the call's number is.
func serveUpstream(args string) error {
	part := strings.SplitN(args, ",", 3)
	tools, err := strconv.Atoi(part[1])
	if err != nil {
		return err
	}
	addr, a := part[0], &answers{root: part[2], tools: toolList(tools), made: map[string][]string{}}
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(r.Body); err != nil {
			return
		}
		id, result, err := a.to(body.Bytes())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
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

// answers are those that were made, by kind and size.
type answers struct {
	root  string
	tools []byte

	mu   sync.Mutex
	made map[string][]string
}

// of returns the answers of a kind and size.
func (a *answers) of(kind, bytes string) ([]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if list := a.made[kind+bytes]; list != nil {
		return list, nil
	}
	size, err := strconv.Atoi(bytes)
	if err != nil {
		return nil, err
	}
	p, err := payloads(a.root, kind, size)
	a.made[kind+bytes] = p.answers
	return p.answers, err
}

// to is the answer to one message; id is nil for a notification.
func (a *answers) to(body []byte) (id, result []byte, err error) {
	if bytes.Contains(body, []byte(`"tools/call"`)) {
		list, err := a.of(string(between(body, `"kind":"`, `"`)), string(between(body, `"bytes":`, ",}")))
		if err != nil {
			return nil, nil, err
		}
		number := between(body, `"/srv/reports/`, "/")
		n, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			return nil, nil, err
		}
		answer := bytes.ReplaceAll([]byte(list[n%int64(len(list))]), []byte(numberHere), number)
		return between(body, `"id":`, ",}"), answer, nil
	}
	var m struct {
		ID     json.RawMessage
		Method string
		Params struct{ ProtocolVersion string }
	}
	_ = json.Unmarshal(body, &m)
	switch m.Method {
	case "initialize":
		return m.ID, []byte(`{"protocolVersion":` + strconv.Quote(m.Params.ProtocolVersion) + `,"capabilities":{"tools":{}},"serverInfo":{"name":"bench","version":"1"}}`), nil
	case "tools/list":
		return m.ID, a.tools, nil
	}
	return m.ID, []byte(`{}`), nil
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
