package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/gateway"
)

// newBareStub is [newStub] without a listener, for tests with time of their own.
func newBareStub(t testing.TB, change func(*Options), do func(context.Context, *gateway.Call) (*gateway.Result, error)) *stub {
	s := &stub{t: t, abouts: map[string]gateway.About{}, members: map[string][]gateway.Member{}}
	s.addServer("files", do)
	s.start(change)
	return s
}

// lines is an agent on standard input and output.
type lines struct {
	*stub
	in     *io.PipeWriter
	out    *bufio.Reader
	result chan error
}

func newLines(t *testing.T, change func(*Options), do func(context.Context, *gateway.Call) (*gateway.Result, error)) *lines {
	return newBareStub(t, change, do).openLines(t)
}

// openLines is an agent on standard input and output of its own.
func (s *stub) openLines(t *testing.T) *lines {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &lines{stub: s, in: inW, out: bufio.NewReader(outR), result: make(chan error, 1)}
	go func() {
		c.result <- s.srv.ServeStdio(context.Background(), inR, outW, gateway.Credentials{Token: "ann"}, "")
		outW.Close()
	}()
	return c
}

func (c *lines) write(msg string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, msg+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *lines) read() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.TrimSuffix(line, "\n")
}

// close ends the input and waits for the end of everything.
func (c *lines) close() {
	c.t.Helper()
	c.in.Close()
	if err := <-c.result; err != nil {
		c.t.Errorf("ServeStdio: %v", err)
	}
	c.srv.Close()
}

// request is a modern tools/call.
func (s *stub) request(ctx context.Context, path, name string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", s.http.URL+path, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+modernMeta+`,"name":"`+name+`"}}`))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer ann"}, "Content-Type": {"application/json"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {"tools/call"}, "Mcp-Name": {name}}
	return req
}

// follow reads a stream to its end, answers each question with an echo of the
// marker that it must hold, and returns the last message.
func (s *stub) follow(r io.Reader, token, session, marker string) string {
	stream := events(r)
	last := ""
	for {
		e, err := stream.Next()
		if err != nil {
			return last
		}
		if len(e.Data) == 0 {
			continue
		}
		last = string(e.Data)
		if !strings.Contains(last, strings.Trim(marker, "{}")) {
			s.t.Errorf("a message without the marker %s: %s", marker, last)
		}
		if id, ok := member(s.t, last, "id").(string); ok {
			s.legacy("/mcp", token, session, `{"jsonrpc":"2.0","id":"`+id+`","result":`+sampled(marker)+`}`)
		}
	}
}

// sampled is the answer to a question with a marker.
func sampled(marker string) string {
	return `{"model":"m","role":"assistant","content":{"type":"text","text":"a"},"echo":` + marker + `}`
}

func TestStdioServesBothEras(t *testing.T) {
	c := newLines(t, func(o *Options) { o.MaxBody = 2000 }, nil)
	c.write(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{}}}`)
	if got := member(t, c.read(), "result", "protocolVersion"); got != "2024-11-05" {
		t.Errorf("negotiated %v", got)
	}
	for _, m := range []struct{ send, want string }{
		{`{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`},
		{`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"files__read"}}`, `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"done"}]}}`},
		{`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{` + modernMeta + `,"name":"files__read"}}`, `{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}`},
	} {
		c.write(m.send)
		if got := c.read(); got != m.want {
			t.Errorf("got %s\nwant %s", got, m.want)
		}
	}
	for _, m := range []struct {
		send string
		code float64
	}{
		{`not JSON`, -32700}, {`{"jsonrpc":"2.0","id":4,"method":"ping","METHOD":"x"}`, -32600}, {strings.Repeat("x", 5000), -32600},
		{`{"jsonrpc":"2.0","id":5,"method":"later"}`, -32601}, {`[{"jsonrpc":"2.0","id":5,"method":"ping"}]`, -32600},
	} {
		c.write(m.send)
		if got := c.read(); member(t, got, "error", "code") != m.code {
			t.Errorf("%.40s: got %s, want %v", m.send, got, m.code)
		}
	}
	c.close()
}

func TestStdioAnswersWhatRunsWhenTheInputEnds(t *testing.T) {
	b := newBlocking()
	c := newLines(t, nil, b.do)
	c.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`)
	<-b.begun
	c.in.Close()
	close(b.free)
	if got := c.read(); got != `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}` {
		t.Errorf("got %s", got)
	}
	c.close()
}

func TestStdioIsRefusedWithoutAToken(t *testing.T) {
	s := newBareStub(t, nil, nil)
	err := s.srv.ServeStdio(t.Context(), strings.NewReader(""), io.Discard, gateway.Credentials{Token: "bad"}, "")
	if gateway.AsRefusal("", err).Code != gateway.Unauthenticated {
		t.Errorf("got %v", err)
	}
	s.srv.Close()
}
