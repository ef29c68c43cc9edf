package openapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"toolward/gateway"
)

// draft is a request while its arguments are written into it.
type draft struct {
	path           string // escaped
	query, cookies []string
	header         http.Header
}

// request makes the HTTP request of a call.
func (a *API) request(ctx context.Context, op *operation, args gateway.Args) (*http.Request, error) {
	o, err := gateway.Split(args.Raw())
	if err != nil {
		return nil, err
	}
	d := draft{path: op.path, header: http.Header{}}
	if op.query != "" {
		d.query = append(d.query, op.query)
	}
	values := map[string]string{} // of the path's variables
	for _, p := range op.params {
		raw, ok := o.Get(p.argument)
		if raw = bytes.TrimSpace(raw); !ok || string(raw) == "null" {
			if p.in == "path" {
				return nil, invalid(p.argument, "is missing")
			}
			continue
		}
		if err := d.add(op, p, raw, values); err != nil {
			return nil, invalid(p.argument, err.Error())
		}
	}
	d.path = filled(op.path, values)
	var body []byte
	if raw, ok := o.Get("body"); ok && op.body != nil && (string(raw) != "null" || op.body.required) {
		var media string
		if body, media, err = op.body.encode(bytes.TrimSpace(raw)); err != nil {
			return nil, invalid("body", err.Error())
		}
		d.header.Set("Content-Type", media)
	}
	d.query, d.cookies = put(op.credentials, d.header, d.query, d.cookies)
	// The URL is made of parts and never of a joined text: nothing in a path can
	// become a host.
	u := *op.base
	u.RawPath = strings.TrimSuffix(op.base.EscapedPath(), "/") + d.path
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return nil, err
	}
	u.RawQuery = strings.Join(d.query, "&")
	req, err := http.NewRequestWithContext(ctx, op.method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = d.header
	return req, a.fill(ctx, d)
}

// add writes one argument.
func (d *draft) add(op *operation, p param, raw json.RawMessage, values map[string]string) error {
	v, err := readValue(raw)
	if err != nil {
		return err
	}
	if p.content != "" && p.in != "querystring" {
		v = value{kind: '"', names: []string{""}, texts: []string{plainText(raw)}}
		if isJSON(p.content) {
			v.texts[0] = compacted(raw)
		}
	}
	switch p.in {
	case "path":
		values[p.name], err = p.inPath(p.name, v)
	case "header":
		var field string
		if field, err = p.inHeader(v); err == nil {
			d.header[http.CanonicalHeaderKey(p.name)] = []string{field}
		}
	case "querystring":
		err = d.wholeQuery(p, raw)
	default:
		var pairs []string
		if pairs, err = op.distinct(p, v); err != nil {
			return err
		}
		if p.in == "cookie" {
			d.cookies = append(d.cookies, pairs...)
		} else {
			d.query = append(d.query, pairs...)
		}
	}
	return err
}

// distinct are the pairs of an argument. The members of an exploded object
// become parameters of their own: none may be another that the operation, or
// the gateway, gives a meaning.
func (op *operation) distinct(p param, v value) ([]string, error) {
	if v.kind == '{' && p.explode && p.style == "form" {
		for _, name := range v.names {
			taken := slices.ContainsFunc(op.params, func(o param) bool { return o.in == p.in && o.name == name && o.argument != p.argument }) ||
				slices.ContainsFunc(op.credentials, func(c credential) bool { return c.in == p.in && c.name == name })
			if taken {
				return nil, errTaken
			}
		}
	}
	return p.pairs(p.name, v)
}

// wholeQuery is a parameter that is all of the query (OpenAPI 3.2.0, in: querystring).
func (d *draft) wholeQuery(p param, raw json.RawMessage) error {
	if formOf(p.content) != asPairs {
		text := plainText(raw)
		if isJSON(p.content) {
			text = compacted(raw)
		}
		d.query = append(d.query, escape(text, false))
		return nil
	}
	out, err := (&body{form: asPairs}).pairs(raw)
	if len(out) > 0 {
		d.query = append(d.query, string(out))
	}
	return err
}

func compacted(raw json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return string(raw)
	}
	return out.String()
}

// filled is a path with its variables' values, each already escaped. What is
// between them is as the document has it, but for what no URL can hold.
//
//	/pets/{id}:copy  {id: "a%20b"}  ->  /pets/a%20b:copy
func filled(template string, values map[string]string) string {
	var out strings.Builder
	for {
		before, after, ok := strings.Cut(template, "{")
		out.WriteString(literalPath(before))
		if !ok {
			return out.String()
		}
		name, tail, _ := strings.Cut(after, "}")
		out.WriteString(values[name])
		template = tail
	}
}

// literalPath escapes what a path cannot hold, and keeps what is escaped.
func literalPath(s string) string {
	u := url.URL{Path: s}
	if decoded, err := url.PathUnescape(s); err == nil {
		u.Path, u.RawPath = decoded, s
	}
	return u.EscapedPath()
}

// fill sets what the gateway says, over whatever arguments said.
func (a *API) fill(ctx context.Context, d draft) error {
	h := d.header
	h.Set("Accept", "application/json, text/*;q=0.9, */*;q=0.5")
	for name, value := range a.opts.Header {
		h.Set(name, value)
	}
	if len(d.cookies) > 0 {
		if own := h.Get("Cookie"); own != "" {
			d.cookies = append([]string{own}, d.cookies...)
		}
		h.Set("Cookie", strings.Join(d.cookies, "; "))
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

func invalid(argument, why string) error {
	return gateway.RefuseArgs("upstream", "the argument ", misfit{argument, why})
}

// misfit is what is wrong with one argument.
type misfit struct{ argument, why string }

func (m misfit) Error() string                            { return m.argument + " " + m.why }
func (m misfit) In(shown func(name string) string) string { return shown(m.argument) + " " + m.why }
