package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

	"toolward/gateway"
)

// talk is what an agent hears on one connection.
type talk struct {
	name string
	conn io.Closer

	mu      sync.Mutex
	got     strings.Builder // since the last look
	begun   bool            // something was looked at
	ended   bool
	over    bool // its end was looked at
	dropped bool // by the agent
}

// Write takes what came.
func (k *talk) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.got.Write(b)
}

func (k *talk) finish() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
}

// drop breaks the connection; what comes on it from now on is not heard.
func (k *talk) drop() {
	k.mu.Lock()
	k.dropped = true
	k.mu.Unlock()
	k.conn.Close()
}

// since is what came since the last look, and what that is: "answer", "stream"
// or "end" (see TestTranscripts), "" if nothing did.
func (k *talk) since() (verb, data string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	data = k.got.String()
	k.got.Reset()
	switch {
	case k.dropped || k.over || data == "" && !k.ended:
		return "", ""
	case k.ended && k.begun:
		verb = "end"
	case k.ended:
		verb = "answer"
	default:
		verb = "stream"
	}
	k.begun, k.over = true, k.ended
	if data != "" && !strings.HasSuffix(data, "\n") {
		data += "\n"
	}
	return verb, data
}

// pipes is the gateway's HTTP server on connections without a network, so that
// their time is that of synctest.
type pipes struct {
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
	work   sync.WaitGroup
}

func serveOnPipes(h http.Handler) *pipes {
	p := &pipes{server: &http.Server{Handler: h}, conns: make(chan net.Conn), closed: make(chan struct{})}
	p.work.Go(func() { _ = p.server.Serve(p) }) // ends with close
	return p
}

// Accept, Close and Addr make it a net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) close() {
	p.server.Close()
	p.work.Wait()
}

// request sends a request in the form of HTTP/1.1 without its version. The same
// is in all of them unless it stands there; a field without a value is left out.
func (p *pipes) request(name, text, same string) *talk {
	head, body, _ := strings.Cut(text, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	first, fields, _ := strings.Cut(strings.TrimSuffix(head, "\n"), "\n")
	var wire strings.Builder
	fmt.Fprintf(&wire, "%s HTTP/1.1\r\nHost: gw\r\nContent-Length: %d\r\n", first, len(body))
	own := "\n" + fields
	for line := range strings.Lines("Content-Type: application/json\nAccept: application/json, text/event-stream\n" + same) {
		if field, _, _ := strings.Cut(line, ":"); !strings.Contains(own, "\n"+field+":") {
			fields += "\n" + strings.TrimSuffix(line, "\n")
		}
	}
	for line := range strings.SplitSeq(fields, "\n") {
		if line != "" && !strings.HasSuffix(line, ":") {
			wire.WriteString(line + "\r\n")
		}
	}
	wire.WriteString("\r\n" + body)

	agent, gw := net.Pipe()
	k := &talk{name: name, conn: agent}
	p.conns <- gw
	p.work.Go(func() { _, _ = io.WriteString(agent, wire.String()) }) // one that is refused early is not read
	p.work.Go(func() {
		defer agent.Close()
		method, _, _ := strings.Cut(first, " ")
		resp, err := http.ReadResponse(bufio.NewReader(agent), &http.Request{Method: method})
		if err != nil {
			return // the agent left
		}
		_, _ = io.WriteString(k, headOf(resp))
		_, _ = io.Copy(k, resp.Body)
		k.finish()
	})
	return k
}

// headOf is a status line and the header fields that matter.
func headOf(resp *http.Response) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d %s\n", resp.StatusCode, http.StatusText(resp.StatusCode))
	var names []string
	for name := range resp.Header {
		if name != "Date" && name != "Content-Length" && name != "Connection" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(&out, "%s: %s\n", name, strings.Join(resp.Header[name], ", "))
	}
	out.WriteString("\n")
	return out.String()
}

// standardInput is an agent that started the gateway, at the endpoint of all
// upstreams.
type standardInput struct {
	*io.PipeWriter
	output *talk
	work   *sync.WaitGroup
}

func (c *conversation) openInput() *standardInput {
	inR, inW := io.Pipe()
	in := &standardInput{PipeWriter: inW, output: &talk{name: "output", conn: inW, begun: true}, work: &c.net.work}
	in.work.Go(func() {
		err := c.srv.ServeStdio(context.Background(), inR, in.output, gateway.Credentials{Token: "ann"}, "")
		if err != nil {
			fmt.Fprintf(in.output, "error: %v\n", err)
		}
		inR.Close()
		in.output.finish()
	})
	return in
}

func (in *standardInput) write(line string) {
	in.work.Go(func() { _, _ = io.WriteString(in, line) }) // one after the end is not read
}
