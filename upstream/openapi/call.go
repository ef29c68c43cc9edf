package openapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"

	"toolward/gateway"
)

// Do performs a call. It implements gateway.Upstream.
func (a *API) Do(ctx context.Context, call *gateway.Call) (*gateway.Result, error) {
	op := a.operations[call.Tool.Name]
	if op == nil || call.Kind != gateway.KindTool {
		return nil, a.refuse(gateway.UpstreamInvalid, "has no operation "+call.Tool.Name)
	}
	limited, cancel := context.WithTimeout(ctx, a.opts.Timeout)
	defer cancel()
	req, err := a.request(limited, op, call.Sent)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, a.failed(ctx, limited, err)
	}
	defer resp.Body.Close()
	if (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden) && a.opts.Credentials != nil {
		a.opts.Credentials.Denied(req.Header.Get("Authorization"), resp.StatusCode, resp.Header.Values("WWW-Authenticate")) // the next call may get another
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, int64(a.opts.MaxAnswer)+1))
	switch {
	case err != nil:
		return nil, a.failed(ctx, limited, err)
	case len(raw) > a.opts.MaxAnswer:
		return nil, a.refuse(gateway.UpstreamInvalid, fmt.Sprintf("answered more than %d bytes", a.opts.MaxAnswer))
	case resp.Header.Get("Content-Encoding") != "":
		return nil, a.refuse(gateway.UpstreamInvalid, "answered with a content encoding that was not asked for")
	}
	return a.result(resp, raw)
}

func (a *API) refuse(code gateway.Code, what string) *gateway.Refusal {
	return gateway.Refuse("upstream", code, "upstream "+a.opts.Name+" "+what)
}

func (a *API) failed(ctx, limited context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return a.refuse(gateway.Cancelled, "was not waited for: the call was cancelled").Because(err)
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return a.refuse(gateway.UpstreamTimeout, "did not answer in time; it may have done what was asked").Because(err)
	}
	return a.refuse(gateway.UpstreamDown, "cannot be reached").Because(err)
}

// request makes the HTTP request of a call.
func (a *API) request(ctx context.Context, op *operation, args gateway.Args) (*http.Request, error) {
	o, err := gateway.Split(args.Raw())
	if err != nil {
		return nil, err
	}
	path := op.path
	query := url.Values{}
	header := http.Header{}
	for _, p := range op.params {
		raw, ok := o.Get(p.argument)
		if !ok || string(raw) == "null" {
			if p.in == "path" {
				return nil, invalidArgument(p, "is missing")
			}
			continue
		}
		values, err := scalars(raw)
		if err != nil {
			return nil, invalidArgument(p, err.Error())
		}
		switch p.in {
		case "path":
			segment, err := segment(strings.Join(values, ","))
			if err != nil {
				return nil, invalidArgument(p, err.Error())
			}
			path = strings.ReplaceAll(path, "{"+p.name+"}", segment)
		case "query":
			if !p.exploded {
				values = []string{strings.Join(values, ",")}
			}
			query[p.name] = append(query[p.name], values...)
		case "header":
			value := strings.Join(values, ",")
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				return nil, invalidArgument(p, "has characters that a header field cannot hold")
			}
			header.Set(p.name, value)
		}
	}
	// The URL is made of parts and never of a joined text: nothing in a path can
	// become a host.
	u := *a.base
	u.RawPath = strings.TrimSuffix(a.base.EscapedPath(), "/") + path
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, err
	}
	u.RawQuery = query.Encode()
	var body io.Reader
	raw, hasBody := o.Get("body")
	if hasBody && op.body {
		body = bytes.NewReader(raw)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, op.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	req.Header = header
	return req, a.fill(ctx, header)
}

// fill sets what the gateway says, over whatever arguments said.
func (a *API) fill(ctx context.Context, h http.Header) error {
	h.Set("Accept", "application/json, text/*;q=0.9, */*;q=0.5")
	for name, value := range a.opts.Header {
		h.Set(name, value)
	}
	if a.opts.Credentials != nil {
		value, err := a.opts.Credentials.Authorization(ctx)
		if err != nil {
			return a.refuse(gateway.UpstreamDown, "cannot be called: the gateway has no credentials for it").Because(err)
		}
		if value != "" {
			h.Set("Authorization", value)
		}
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	return nil
}

func invalidArgument(p param, why string) error {
	return gateway.Refuse("upstream", gateway.InvalidArguments, "the argument "+p.argument+" "+why)
}

// scalars are the texts of a scalar, or of a list of them.
func scalars(raw json.RawMessage) ([]string, error) {
	var values []json.RawMessage
	if raw[0] == '[' {
		if err := json.Unmarshal(raw, &values); err != nil {
			return nil, err
		}
	} else {
		values = []json.RawMessage{raw}
	}
	texts := make([]string, 0, len(values))
	for _, v := range values {
		switch v[0] {
		case '{', '[':
			return nil, errors.New("must be a text, a number, true or false, or a list of these")
		case '"':
			var s string
			if err := json.Unmarshal(v, &s); err != nil {
				return nil, err
			}
			texts = append(texts, s)
		default:
			texts = append(texts, string(v)) // numbers as they are written
		}
	}
	return texts, nil
}

// segment escapes a value for one segment of a path. An empty one, and dots
// alone, would be another path to whoever reads it next.
func segment(s string) (string, error) {
	if strings.Trim(s, ".") == "" {
		return "", errors.New("must not be empty, or dots alone")
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == utf8.RuneError }) {
		return "", errors.New("has characters that a path cannot hold")
	}
	if strings.Contains(s, "/") {
		return "", errors.New("must be one segment of a path: it has a slash")
	}
	return url.PathEscape(s), nil
}

// result makes a tool's result of an answer.
func (a *API) result(resp *http.Response, raw []byte) (*gateway.Result, error) {
	if resp.StatusCode >= 500 {
		r := a.refuse(gateway.UpstreamDown, "answered with HTTP status "+strconv.Itoa(resp.StatusCode))
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			r.RetryAfter = min(time.Duration(n)*time.Second, time.Hour)
		}
		return nil, r
	}
	isError := resp.StatusCode >= 300
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" is judged by the bytes
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	if isJSON && len(raw) > 0 {
		if err := gateway.CheckJSON(raw); err != nil {
			return nil, a.refuse(gateway.UpstreamInvalid, "answered JSON that is not valid").Because(err)
		}
	}
	var items []json.RawMessage
	if isError || len(raw) == 0 {
		items = append(items, text("HTTP status "+strconv.Itoa(resp.StatusCode)))
	}
	switch {
	case len(raw) == 0:
	case utf8.Valid(raw) && (isJSON || kind == "" || strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "xml") || kind == "application/x-www-form-urlencoded"):
		items = append(items, text(string(raw)))
	default:
		items = append(items, blob(resp.Request.URL, kind, raw))
	}
	members := []gateway.Member{{Name: "content", Value: list(items)}, {Name: "isError", Value: json.RawMessage(strconv.FormatBool(isError))}}
	if trimmed := bytes.TrimSpace(raw); isJSON && len(trimmed) > 0 && trimmed[0] == '{' {
		members = append(members, gateway.Member{Name: "structuredContent", Value: trimmed})
	}
	return &gateway.Result{Raw: gateway.JoinMembers(members), IsError: isError}, nil
}

func text(s string) json.RawMessage {
	return gateway.JoinMembers([]gateway.Member{{Name: "type", Value: quote("text")}, {Name: "text", Value: quote(s)}})
}

// blob is an embedded resource. Its URI is the address without the query, which
// may hold what the caller would not want repeated.
func blob(u *url.URL, kind string, raw []byte) json.RawMessage {
	if kind == "" {
		kind = "application/octet-stream"
	}
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	resource := gateway.JoinMembers([]gateway.Member{
		{Name: "uri", Value: quote(bare.String())}, {Name: "mimeType", Value: quote(kind)},
		{Name: "blob", Value: quote(base64.StdEncoding.EncodeToString(raw))},
	})
	return gateway.JoinMembers([]gateway.Member{{Name: "type", Value: quote("resource")}, {Name: "resource", Value: resource}})
}

func list(items []json.RawMessage) json.RawMessage {
	parts := make([][]byte, len(items))
	for i, item := range items {
		parts[i] = item
	}
	return append(append([]byte{'['}, bytes.Join(parts, []byte{','})...), ']')
}
