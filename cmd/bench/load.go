package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// mode is how calls are made.
type mode string

const (
	session   mode = "session"   // 2025-06-18: initialized once per connection
	stateless mode = "stateless" // 2026-07-28: every request says all that it needs
	stream    mode = "stream"    // a session whose calls ask for progress and get an event stream
	rest      mode = "rest"      // POST /v1/tools/{name}/call, which the bare hop does not know
)

// target is one hop with one payload.
type target struct {
	mode   mode
	addr   string
	token  string
	tokens []string // of many agents who call in turn, without a session; nil: token's alone
	tool   string
	texts  []string // of payload.args
	pid    int      // the hop's process
}

// figures are what one round measured. Times are in milliseconds, cpu in
// microseconds of the hop per call.
type figures struct{ rps, p50, p99, cpu float64 }

// measure drives a hop over n connections, each with one call under way
// (closed loop), for the planned time.
func (p plan) measure(ctx context.Context, t target, n int) (figures, error) {
	conns, err := dialAll(t, n)
	defer hangUp(conns)
	if err != nil {
		return figures{}, err
	}
	var counting, over atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i, c := range conns {
		wg.Go(func() {
			for !over.Load() && errs[i] == nil {
				errs[i] = c.call(&counting)
			}
		})
	}
	pause(ctx, p.warmup)
	before, start := cpuTicks(t.pid), time.Now()
	counting.Store(true)
	pause(ctx, p.duration)
	counting.Store(false)
	after, took := cpuTicks(t.pid), time.Since(start)
	over.Store(true)
	wg.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return figures{}, err
	}
	var lat []time.Duration
	for _, c := range conns {
		lat = append(lat, c.took...)
	}
	if len(lat) == 0 {
		return figures{}, errors.New("no call was answered")
	}
	slices.Sort(lat)
	q := func(f float64) float64 {
		return float64(lat[int(math.Ceil(f*float64(len(lat))))-1].Microseconds()) / 1e3
	}
	return figures{
		rps: float64(len(lat)) / took.Seconds(), p50: q(.5), p99: q(.99),
		cpu: float64(after-before) * 1e4 / float64(len(lat)), // a tick is 10 ms
	}, nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// conn speaks HTTP/1.1 by hand, so that the generator costs less than what it
// measures.
type conn struct {
	net.Conn
	r       *bufio.Reader
	heads   [][]byte // of the agents who call in turn
	session string
	body    [][][]byte // of each call in turn, cut where its number goes
	want    []byte     // in its answer
	out     []byte
	in      []byte
	id      int64
	took    []time.Duration
}

func dialAll(t target, n int) (conns []*conn, err error) {
	for i := range n {
		c, err := dial(t, int64(i+1)*1_000_000_000_000)
		if err != nil {
			return conns, err
		}
		conns = append(conns, c)
	}
	return conns, nil
}

func hangUp(conns []*conn) {
	for _, c := range conns {
		c.Close()
	}
}

func dial(t target, id int64) (*conn, error) {
	c, err := net.Dial("tcp", t.addr)
	if err != nil {
		return nil, err
	}
	k := &conn{Conn: c, r: bufio.NewReaderSize(c, 64<<10), id: id}
	path := "/mcp"
	if t.mode == rest {
		path = "/v1/tools/" + t.tool + "/call"
	}
	head := "POST " + path + " HTTP/1.1\r\nHost: " + t.addr + "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
	anyone := head
	if t.token != "" {
		head += bearer(t.token)
	}
	meta := ""
	switch t.mode {
	case rest:
		k.heads, k.want = [][]byte{[]byte(head + "Content-Length: ")}, []byte(`"content"`)
		k.load(t.texts, "{", "}")
		return k, nil
	case stateless:
		rest := "Mcp-Protocol-Version: " + modern + "\r\nMcp-Method: tools/call\r\nMcp-Name: " + t.tool + "\r\n"
		for _, token := range t.tokens {
			k.heads = append(k.heads, []byte(anyone+bearer(token)+rest+"Content-Length: "))
		}
		head += rest
		meta = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"` + modern + `","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}`
	default:
		if k.session, err = k.handshake(head); err != nil {
			c.Close()
			return nil, err
		}
		head += "Mcp-Protocol-Version: " + revision + "\r\n"
		if k.session != "" {
			head += "Mcp-Session-Id: " + k.session + "\r\n"
		}
		if t.mode == stream {
			meta = `,"_meta":{"progressToken":1}`
		}
	}
	k.want = []byte(`"result"`)
	if k.heads == nil {
		k.heads = [][]byte{[]byte(head + "Content-Length: ")}
	}
	k.load(t.texts, `{"jsonrpc":"2.0","id":`+numberHere+`,"method":"tools/call","params":{"name":"`+t.tool+`","arguments":{`, `}`+meta+`}}`)
	return k, nil
}

func bearer(token string) string { return "Authorization: Bearer " + token + "\r\n" }

// load makes the bodies of calls. The number in each makes every call's arguments
// differ, so that no cache of answers or decisions could help.
func (c *conn) load(texts []string, before, after string) {
	for _, t := range texts {
		c.body = append(c.body, bytes.Split([]byte(before+t+after), []byte(numberHere)))
	}
}

// The revisions that are spoken.
const (
	revision = "2025-06-18"
	modern   = "2026-07-28"
)

func (c *conn) handshake(head string) (session string, err error) {
	hello := `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"` + revision + `","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
	if _, err := fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(hello), hello); err != nil {
		return "", err
	}
	if session, err = c.receive(); err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	if session != "" {
		head += "Mcp-Session-Id: " + session + "\r\n"
	}
	ready := `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	if _, err := fmt.Fprintf(c, "%sMcp-Protocol-Version: %s\r\nContent-Length: %d\r\n\r\n%s", head, revision, len(ready), ready); err != nil {
		return "", err
	}
	_, err = c.receive()
	return session, err
}

// answerWait is how long a call may take: 64 KiB under valgrind, on a machine that does
// other work, take half a minute.
const answerWait = 5 * time.Minute

func (c *conn) call(counting *atomic.Bool) error {
	c.id++
	number := strconv.AppendInt(nil, c.id, 10)
	body := c.body[c.id%int64(len(c.body))]
	start, counted := time.Now(), counting.Load()
	c.out = append(c.out[:0], c.heads[c.id%int64(len(c.heads))]...)
	length := (len(body) - 1) * len(number)
	for _, part := range body {
		length += len(part)
	}
	c.out = strconv.AppendInt(c.out, int64(length), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	for i, part := range body {
		if i > 0 {
			c.out = append(c.out, number...)
		}
		c.out = append(c.out, part...)
	}
	_ = c.SetDeadline(start.Add(answerWait))
	if _, err := c.Write(c.out); err != nil {
		return err
	}
	if _, err := c.receive(); err != nil {
		return err
	}
	if !bytes.Contains(c.in, c.want) || bytes.Contains(c.in, []byte(`"isError":true`)) || !bytes.Contains(c.in, number) {
		return fmt.Errorf("call %d was answered with %.300s", c.id, c.in)
	}
	if counted && counting.Load() {
		c.took = append(c.took, time.Since(start))
	}
	return nil
}

// receive reads one response into c.in.
func (c *conn) receive() (session string, err error) {
	status, err := c.r.ReadString('\n')
	if err != nil {
		return "", err
	}
	length, chunked := 0, false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			length, _ = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("mcp-session-id")):
			session = string(value)
		}
	}
	c.in = c.in[:0]
	for {
		if chunked {
			line, err := c.r.ReadString('\n')
			if err != nil {
				return "", err
			}
			n, err := strconv.ParseInt(string(bytes.TrimSpace([]byte(line))), 16, 32)
			if err != nil {
				return "", err
			}
			length = int(n)
		}
		at := len(c.in)
		c.in = slices.Grow(c.in, length)[:at+length]
		if _, err := io.ReadFull(c.r, c.in[at:]); err != nil {
			return "", err
		}
		if !chunked {
			break
		}
		if _, err := c.r.Discard(2); err != nil {
			return "", err
		}
		if length == 0 {
			break
		}
	}
	if len(status) < 12 || status[9] != '2' {
		return "", fmt.Errorf("%s: %.300s", bytes.TrimSpace([]byte(status)), c.in)
	}
	return session, nil
}
