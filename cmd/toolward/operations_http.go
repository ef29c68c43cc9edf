package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"toolward/web/admin"
	"toolward/web/problem"
)

// ask performs an operation and decodes its answer.
func (o *operations) ask(ctx context.Context, method, path string, body, into any) error {
	answer, err := o.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Close()
	return json.NewDecoder(answer).Decode(into)
}

// send performs an operation and returns its answer, which goes on if it tails.
func (o *operations) send(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	resp, err := o.request(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// request is send for who wants what comes behind the answer as well.
func (o *operations) request(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(o.base, "/")+admin.Prefix+path, sent)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+o.token)
	resp, err := o.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("is the gateway running? %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, refusedBy(resp)
	}
	return resp, nil
}

// lines hands over the lines of an answer as they come, with their ends. An answer
// that the gateway broke off is an error that says why.
func (o *operations) lines(ctx context.Context, path string, do func([]byte) error) error {
	resp, err := o.request(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if why := resp.Trailer.Get(admin.Ended); why != "" {
				return foundError{"the gateway ended the answer: " + printable(why)}
			}
			if len(line) > 0 {
				return errors.New("the answer broke off within a line")
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("the answer broke off: %w", err)
		}
		if err := do(line); err != nil {
			return err
		}
	}
}

// refusedBy is what an answer that is not 200 says.
func refusedBy(resp *http.Response) error {
	var p problem.Details
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&p); err != nil || p.Detail == "" {
		return fmt.Errorf("the gateway answers %s: is this its operators' API?", resp.Status)
	}
	said := p.Detail
	if p.Remedy != "" {
		said += "\n  " + p.Remedy
	}
	return &problemError{p.Code, said}
}

// problemError is a refusal of the operators' API.
type problemError struct{ code, said string }

func (e *problemError) Error() string { return e.said }

// segment is a name as one segment of a path, without the CR of a line of CSV that a
// shell cut it out of.
func segment(name string) string { return url.PathEscape(strings.TrimSuffix(name, "\r")) }

// inProcess is an [http.RoundTripper] that asks a handler of this process.
type inProcess struct{ handler http.Handler }

func (t inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	req = req.Clone(req.Context())
	req.RemoteAddr = "127.0.0.1:0"
	w := &buffered{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(w, req)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Header: w.header,
		Body: io.NopCloser(&w.body), Request: req, ProtoMajor: 1, ProtoMinor: 1,
	}, nil
}

// buffered is an answer that is complete before it is read. Nothing changes while
// no gateway runs, so nothing is watched here.
type buffered struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffered) Header() http.Header         { return b.header }
func (b *buffered) WriteHeader(status int)      { b.status = status }
func (b *buffered) Write(p []byte) (int, error) { return b.body.Write(p) }
