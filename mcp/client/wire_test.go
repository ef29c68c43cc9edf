package client_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// wire is the server's end of a transcript.
type wire interface {
	sent() <-chan string  // the client's messages, as they come
	say(arg, data string) // what the server writes
	usual(n int, message, revision string, listens bool)
	hide(message string) string // without what differs from run to run
	over()                      // the transcript is: whatever comes is answered somehow
}

// usualAnswer is what an ordinary server says to a message of the opening, "" if
// that needs no answer.
func usualAnswer(message, revision string) string {
	_, message, _ = strings.Cut(message, "{")
	id, said := member(message, "id"), ""
	switch member(message, "method") {
	case `"server/discover"`:
		said = `"error":{"code":-32601,"message":"no such method"}`
		if revision == upstreamtest.Modern {
			said = `"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{},"resources":{}}}`
		}
	case `"initialize"`:
		said = `"result":{"protocolVersion":"` + revision + `","capabilities":{"tools":{},"resources":{},"logging":{}},"serverInfo":{"name":"scripted"}}`
	case `"ping"`:
		said = `"result":{}`
	default:
		return ""
	}
	return `{"jsonrpc":"2.0","id":` + id + `,` + said + `}`
}

// member is a member of a message without its first brace.
func member(message, name string) string {
	o, err := gateway.Split([]byte("{" + message))
	if err != nil {
		return ""
	}
	value, _ := o.Get(name)
	return string(value)
}

// usual answers a message of the opening: on the request itself, or on the
// stream of 2024-11-05, which is request 1.
func (w *web) usual(n int, message, revision string, listens bool) {
	number, old := strconv.Itoa(n), strings.HasSuffix(w.path, "sse")
	answer := usualAnswer(message, revision)
	switch get := strings.HasPrefix(message, "GET "); {
	case old && get:
		w.say(number, "200 OK\nContent-Type: text/event-stream\n\nevent: endpoint\ndata: /message?to=1\n\n")
	case get && listens:
		w.say(number, "200 OK\nContent-Type: text/event-stream\n\n")
	case get:
		w.say(number, "405 Method Not Allowed\n")
	case answer == "" || old:
		if w.say(number, "202 Accepted\n"); answer != "" {
			w.say("1", "event: message\ndata: "+answer+"\n\n")
		}
	default:
		w.say(number, "200 OK\nContent-Type: application/json\n\n"+answer+"\n")
	}
}

func (p *pipe) usual(_ int, message, revision string, _ bool) {
	if answer := usualAnswer(message, revision); answer != "" {
		p.say("", answer+"\n")
	}
}

// web is a server over HTTP: each message of the client is a request, and what
// the server says is an answer, or a piece of one.
type web struct {
	t        *testing.T
	url      string
	path     string
	requests chan string
	done     chan struct{}
	once     sync.Once

	mu     sync.Mutex
	pieces []chan piece // by request
}

// piece is what is written next of an answer; then says what follows: "", "end",
// or "cut".
type piece struct{ data, then string }

func newWeb(t *testing.T, o *client.Options, path string) *web {
	w := &web{t: t, path: path, requests: make(chan string, 64), done: make(chan struct{})}
	srv := httptest.NewServer(w)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	w.url, o.URL = srv.URL, srv.URL+path
	return w
}

func (w *web) sent() <-chan string        { return w.requests }
func (w *web) hide(message string) string { return strings.ReplaceAll(message, w.url, "${url}") }
func (w *web) over()                      { w.once.Do(func() { close(w.done) }) }

func (w *web) say(arg, data string) {
	n, then, _ := strings.Cut(arg, " ")
	number, err := strconv.Atoi(n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || number < 1 || number > len(w.pieces) {
		w.t.Errorf("there is no request %q to answer", n)
		return
	}
	w.pieces[number-1] <- piece{strings.ReplaceAll(data, "${url}", w.url), then}
}

func (w *web) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	pieces := make(chan piece, 64)
	w.mu.Lock()
	w.pieces = append(w.pieces, pieces)
	w.requests <- shown(r, body)
	w.mu.Unlock()
	for began := false; ; began = true {
		select {
		case p := <-pieces:
			stream := began
			if !began {
				stream = begin(out, p.data)
			} else {
				_, _ = io.WriteString(out, p.data) // it may be gone, which the transcript shows
			}
			if p.then == "cut" {
				out.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			if !stream || p.then == "end" {
				return
			}
			out.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		case <-w.done:
			return
		}
	}
}

// shown is a request in the form of HTTP/1.1 without its version, with the header
// fields that the client chose.
func shown(r *http.Request, body []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.URL)
	var names []string
	for name := range r.Header {
		if name != "User-Agent" && name != "Content-Length" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	if len(body) > 0 {
		b.WriteString("\n" + string(body))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// begin writes the first piece of an answer: status, header, body. An event
// stream goes on. What is said to be gzip is made that here.
func begin(out http.ResponseWriter, data string) (stream bool) {
	head, body, _ := strings.Cut(data, "\n\n")
	lines := bufio.NewScanner(strings.NewReader(head))
	lines.Scan()
	code, _, _ := strings.Cut(lines.Text(), " ")
	status, _ := strconv.Atoi(code)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		out.Header().Set(name, value)
	}
	stream = strings.HasPrefix(out.Header().Get("Content-Type"), "text/event-stream")
	if !stream {
		body = strings.TrimSuffix(body, "\n")
	}
	if out.Header().Get("Content-Encoding") == "gzip" {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, body) // a buffer takes everything
		_ = z.Close()
		body = b.String()
	}
	out.WriteHeader(status)
	_, _ = io.WriteString(out, body)
	return stream
}

// pipe is a server on standard input and output: a process that hands on what it
// gets, and what it is told.
type pipe struct {
	t     *testing.T
	lines chan string
	conn  chan net.Conn // of capacity 1: the process that runs
	ended sync.WaitGroup
	in    net.Listener
}

const pipeVariable = "TOOLWARD_TRANSCRIPT"

func newPipe(t *testing.T, o *client.Options) *pipe {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pipe{t: t, lines: make(chan string, 64), conn: make(chan net.Conn, 1), in: in}
	if o.Command, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	o.Env = []string{pipeVariable + "=" + in.Addr().String()}
	p.ended.Go(func() {
		for {
			conn, err := in.Accept()
			if err != nil {
				return
			}
			p.conn <- conn
			p.read(conn)
		}
	})
	t.Cleanup(func() {
		in.Close()
		p.ended.Wait()
	})
	return p
}

func (p *pipe) read(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			p.lines <- "(end of its input)"
			p.over()
			return
		}
		p.lines <- strings.TrimSuffix(line, "\n")
	}
}

func (p *pipe) sent() <-chan string        { return p.lines }
func (p *pipe) hide(message string) string { return message }

// over ends the process that runs, if one does.
func (p *pipe) over() {
	select {
	case conn := <-p.conn:
		conn.Close()
	default:
	}
}

func (p *pipe) say(arg, data string) {
	var conn net.Conn
	select {
	case conn = <-p.conn:
	case <-time.After(patience):
		p.t.Error("there is no process to say this")
		return
	}
	if arg == "end" {
		data = strings.TrimSuffix(data, "\n") // cut in the middle
	}
	if _, err := io.WriteString(conn, data); err != nil {
		p.t.Error(err)
	}
	if arg == "end" {
		_ = conn.(*net.TCPConn).CloseWrite() // what is not read yet is not lost
		return
	}
	p.conn <- conn
}

// pipeMain is the process.
func pipeMain() {
	addr := os.Getenv(pipeVariable)
	if addr == "" {
		return
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin) // until the client closes it
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(os.Stdout, conn) // until the server ends
	os.Exit(0)
}
