package openapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"

	"toolward/gateway"
	"toolward/upstream"
)

// Do performs a call. It implements gateway.Upstream.
func (a *API) Do(ctx context.Context, call *gateway.Call) (*gateway.Result, error) {
	op := a.operations[call.Tool.Name]
	if op == nil || call.Kind != gateway.KindTool {
		return nil, a.refuse(gateway.UpstreamInvalid, "has no operation "+call.Tool.Name)
	}
	limited, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	reached := false
	req, err := a.request(httptrace.WithClientTrace(limited, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { reached = true }}), op, call.Sent)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, a.failed(ctx, limited, reached, err)
	}
	defer resp.Body.Close()
	if (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden) && a.opts.Credentials != nil {
		a.opts.Credentials.Denied(req.Header.Get("Authorization"), resp.StatusCode, resp.Header.Values("WWW-Authenticate")) // the next call may get another
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, int64(a.opts.MaxAnswer)+1))
	switch {
	case err != nil:
		return nil, a.failed(ctx, limited, reached, err)
	case len(raw) > a.opts.MaxAnswer:
		return nil, a.refuse(gateway.UpstreamInvalid, fmt.Sprintf("answered more than %d bytes", a.opts.MaxAnswer))
	case resp.Header.Get("Content-Encoding") != "" && resp.Header.Get("Content-Encoding") != "identity":
		return nil, a.refuse(gateway.UpstreamInvalid, "answered with a content encoding that was not asked for")
	}
	return a.result(op, resp, raw)
}

func (a *API) refuse(code gateway.Code, what string) *gateway.Refusal {
	return gateway.Refuse("upstream", code, "upstream "+a.opts.Name+" "+what)
}

// failed is why there is no answer. An API that took the request and is slow
// about it is there: that is the operation's trouble and not the breaker's.
func (a *API) failed(ctx, limited context.Context, reached bool, err error) error {
	if in := (*url.Error)(nil); errors.As(err, &in) {
		err = in.Err // without the URL, in which a key may be
	}
	switch {
	case ctx.Err() != nil:
		return a.refuse(gateway.Cancelled, "was not waited for: the call was cancelled").Because(err)
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		if reached {
			err = fmt.Errorf("%w: %w", upstream.ErrSlow, err)
		}
		return a.refuse(gateway.UpstreamTimeout, "did not answer in time; it may have done what was asked").Because(err)
	}
	return a.refuse(gateway.UpstreamDown, "cannot be reached").Because(err)
}

// followed lets a redirect be followed within the origin of the API, where the
// method and the body stay what they were judged as (RFC 9110 §15.4): 307 and
// 308 say so, 303 asks for a GET, and 301 and 302 leave it open for anything
// that is not a GET already.
func followed(req *http.Request, via []*http.Request) error {
	const most = 5
	first, last := via[0], via[len(via)-1]
	ambiguous := req.Response.StatusCode == http.StatusMovedPermanently || req.Response.StatusCode == http.StatusFound
	switch {
	case len(via) > most, origin(req.URL) != origin(first.URL), req.URL.User != nil:
		return http.ErrUseLastResponse
	case ambiguous && last.Method != http.MethodGet && last.Method != http.MethodHead:
		return http.ErrUseLastResponse
	}
	req.Header.Del("Referer")
	return nil
}

// origin is scheme, host and port.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// bare is an address without what may be secret in it.
func bare(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
