package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is what a gateway has more of than another, which should make no call dearer.
type crowd struct {
	tools, agents, calls, streams int // 0: as many as the other
	processors                    string
}

func (c crowd) String() string {
	switch {
	case c.tools > 0:
		return fmt.Sprintf("%d tools, a policy file each", c.tools)
	case c.agents > 0:
		return fmt.Sprintf("%d agents, in turn", c.agents)
	case c.calls > 0:
		return fmt.Sprintf("%d calls on record", c.calls)
	case c.streams > 0:
		return fmt.Sprintf("%d idle streams", c.streams)
	}
	return "one processor (GOMAXPROCS)"
}

// flat measures a call with each kind of crowd against one without, in turn, and prints a
// row for each. Both gateways are up all the time. Calls are stateless, so that an
// agent needs no session.
func (p plan) flat(ctx context.Context) error {
	if len(p.conns)*len(p.sizes)*len(p.kinds)*len(p.policies) != 1 {
		return fmt.Errorf("-flat is of one cell: give one of -conns, -sizes, -kinds and -policies each")
	}
	fmt.Printf("%s; %d rounds of %s; medians; %s\n\n", machine(), p.rounds, p.duration, cell{stateless, p.kinds[0], p.sizes[0], p.policies[0], p.conns[0]})
	fmt.Println("| with | CPU µs/call without | with | ratio | ready ms without | with | MiB without | with | idle CPU ms/s |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range []crowd{{tools: 1000}, {agents: 10_000}, {calls: max(p.before, 1)}, {streams: 1000}, {processors: "1"}} {
		if err := p.crowded(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
	}
	return nil
}

// crowded measures one crowd and prints its row.
func (p plan) crowded(ctx context.Context, c crowd) error {
	plain, err := p.newLab(ctx, "", p.policies[0])
	if err != nil {
		return err
	}
	defer plain.close()
	q := p
	q.tools, q.processors = max(p.tools, c.tools), c.processors
	with, err := q.newLab(ctx, "", p.policies[0])
	if err != nil {
		return err
	}
	defer with.close()
	texts, err := cell{kind: p.kinds[0], size: p.sizes[0]}.texts()
	if err != nil {
		return err
	}
	less, more := plain.gatewayTarget(stateless, texts), with.gatewayTarget(stateless, texts)
	if c.agents > 0 {
		more.tokens = tokens(c.agents)
	}
	if c.calls > 0 {
		if err := driven(more, 64, c.calls); err != nil {
			return err
		}
	}
	streams, err := open(ctx, more, c.streams)
	defer streams.close()
	if err != nil {
		return err
	}
	pause(ctx, time.Second) // what opening them left to do
	before := cpuTicks(more.pid)
	pause(ctx, 3*time.Second)
	idle := float64(cpuTicks(more.pid)-before) * 10 / 3
	var without, there, ratio []float64
	for range p.rounds {
		a, err := p.measure(ctx, less, p.conns[0])
		if err != nil {
			return err
		}
		b, err := p.measure(ctx, more, p.conns[0])
		if err != nil {
			return err
		}
		without, there, ratio = append(without, a.cpu), append(there, b.cpu), append(ratio, b.cpu/a.cpu)
	}
	rss, err := memory(less.pid)
	if err != nil {
		return err
	}
	rssWith, err := memory(more.pid)
	if err != nil {
		return err
	}
	fmt.Printf("| %s | %.0f | %.0f | %.2f | %.0f | %.0f | %.0f | %.0f | %.1f |\n", c, median(without), median(there), median(ratio),
		plain.ready.Seconds()*1e3, with.ready.Seconds()*1e3, rss, rssWith, idle)
	return nil
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// The issuer of many agents' tokens. Its secret guards nothing.
const (
	crowdIssuer   = "https://crowd.invalid"
	crowdAudience = "bench"
	crowdSecret   = "synthetic-secret-of-the-benchmark-0123456789"
)

// tokens are those of so many agents: JWTs with HS256 (RFC 7518, section 3.2), made here
// because auth alone has the library for them.
func tokens(n int) []string {
	now := time.Now().Unix()
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	all := make([]string, n)
	for i := range all {
		claims := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"agent-%d","roles":["analyst"],"iat":%d,"exp":%d}`, crowdIssuer, crowdAudience, i, now, now+7200)
		signed := head + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
		mac := hmac.New(sha256.New, []byte(crowdSecret))
		mac.Write([]byte(signed))
		all[i] = signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return all
}

// driven makes so many calls over n connections.
func driven(t target, n, calls int) error {
	conns, err := dialAll(t, n)
	defer hangUp(conns)
	if err != nil {
		return err
	}
	var made, none atomic.Bool
	var count atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i, c := range conns {
		wg.Go(func() {
			for errs[i] == nil && !made.Load() {
				errs[i] = c.call(&none)
				if count.Add(1) >= int64(calls) {
					made.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// waiting is streams that nothing comes on.
type waiting []io.Closer

func (w waiting) close() {
	for _, s := range w {
		s.Close()
	}
}

// open opens so many streams, each of a session of its own (2025-06-18, GET).
func open(ctx context.Context, t target, n int) (all waiting, err error) {
	t.mode = session
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 0}}
	for i := range n {
		c, err := dial(t, int64(i+1))
		if err != nil {
			return all, err
		}
		c.Close() // the session stays
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/mcp", nil)
		if err != nil {
			return all, err
		}
		for name, value := range map[string]string{"Authorization": "Bearer " + t.token, "Accept": "text/event-stream", "Mcp-Protocol-Version": revision, "Mcp-Session-Id": c.session} {
			r.Header.Set(name, value)
		}
		resp, err := client.Do(r)
		if err != nil {
			return all, err
		}
		all = append(all, resp.Body)
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
			return all, fmt.Errorf("a stream was answered with %s", resp.Status)
		}
	}
	return all, nil
}
