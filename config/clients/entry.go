package clients

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// builder turns clients' entries into upstreams.
type builder struct {
	out   *Imported
	names map[string]bool   // in use, in lower case
	bound map[string]string // variables and the values they stand for
	s     server
	u     *Upstream
}

func (b *builder) warn(format string, args ...any) {
	b.out.Warnings = append(b.out.Warnings, b.s.name+": "+fmt.Sprintf(format, args...))
}

// handled are the fields that say something to us. What is not among them and
// not in silent is warned about.
var (
	handled = []string{
		"command", "args", "env", "environment", "cwd", "dir", "url", "httpUrl", "serverUrl", "type", "transport",
		"headers", "http_headers", "env_http_headers", "bearer_token_env_var", "timeout", "tool_timeout_sec", "disabled", "enabled",
	}
	silent = []string{"gallery", "version", "description", "startup_timeout_sec", "trust"}
)

func (b *builder) server(s server) {
	b.s, b.u = s, &Upstream{}
	off, isOff := s.fields["disabled"].(bool)
	on, isOn := s.fields["enabled"].(bool)
	if off && isOff || isOn && !on {
		b.warn("is disabled there; left out")
		return
	}
	if s.name == "toolward" {
		b.warn("is the gateway itself; left out")
		return
	}
	switch {
	case b.text("command") != "" || b.strings("command") != nil:
		b.program()
	case b.text("httpUrl") != "":
		b.remote(b.text("httpUrl"), "http")
	case b.text("serverUrl") != "":
		b.remote(b.text("serverUrl"), b.transport())
	case b.text("url") != "":
		b.remote(b.text("url"), b.transport())
	default:
		b.warn("has neither a command nor a URL; left out")
		return
	}
	b.timeout()
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !slices.Contains(handled, name) && !slices.Contains(silent, name) {
			b.warn("%s is not carried over", name)
		}
	}
	b.u.Name = b.name(s.name)
	b.out.Upstreams = append(b.out.Upstreams, *b.u)
}

func (b *builder) program() {
	if list := b.strings("command"); list != nil { // opencode
		b.u.Command, b.u.Args = b.reference(list[0]), list[1:]
	} else {
		b.u.Command, b.u.Args = b.reference(b.text("command")), b.strings("args")
	}
	for i, a := range b.u.Args {
		b.u.Args[i] = b.argument(a, i)
	}
	for _, field := range []string{"env", "environment"} {
		for name, value := range b.texts(field) {
			put(&b.u.Env, name, b.value(value, name))
		}
	}
	b.u.Dir = b.text("cwd") + b.text("dir")
	if slices.ContainsFunc(b.u.Args, func(a string) bool { return a == "mcp-remote" || strings.HasPrefix(a, "mcp-remote@") }) {
		b.warn("starts mcp-remote; an upstream with url: reaches the server without it")
	}
}

func (b *builder) remote(raw, transport string) {
	b.u.URL = b.url(raw)
	if transport == "sse" {
		b.u.Transport = transport
	}
	for _, field := range []string{"headers", "http_headers"} {
		for name, value := range b.texts(field) {
			b.header(name, value)
		}
	}
	for name, variable := range b.texts("env_http_headers") {
		put(&b.u.Headers, name, b.refer(variable))
	}
	if v := b.text("bearer_token_env_var"); v != "" {
		put(&b.u.Headers, "Authorization", "Bearer "+b.refer(v))
	}
}

// header keeps the scheme, which is no secret, before the variable.
func (b *builder) header(name, value string) {
	scheme, secret, ok := strings.Cut(value, " ")
	if ok && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "Basic")) {
		put(&b.u.Headers, name, scheme+" "+b.secret(secret, b.s.name+"_token"))
		return
	}
	put(&b.u.Headers, name, b.secret(value, b.s.name+"_"+name))
}

func put(m *map[string]string, name, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[name] = value
}

// transport is what type or transport says. Without either it is told by the
// path that servers of the old transport have by custom.
func (b *builder) transport() string {
	switch kind := b.text("type") + b.text("transport"); kind {
	case "sse", "http":
		return kind
	case "", "remote", "streamable-http", "streamableHttp", "streamable_http":
	default:
		b.warn("type %q is taken for http", kind)
		return "http"
	}
	if u, err := url.Parse(b.text("url")); err == nil && strings.HasSuffix(u.Path, "/sse") && b.text("type") != "http" {
		return "sse"
	}
	return "http"
}

// Parts of a URL that can be a secret: a user before the host, and a long
// segment of the path (hosted servers put keys there).
var (
	userPart   = regexp.MustCompile(`^(https?://)[^/?#@]*@`)
	keySegment = regexp.MustCompile(`/[A-Za-z0-9_-]{24,}`)
)

// url moves what can be a secret in a URL into variables.
func (b *builder) url(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	if userPart.MatchString(raw) {
		raw = userPart.ReplaceAllString(raw, "$1")
		b.warn("the user and password in its URL are left out; put them into headers, as Authorization: Basic ${VAR}")
	}
	if keySegment.MatchString(raw) {
		return b.stand(raw, b.s.name+"_url")
	}
	base, query, ok := strings.Cut(raw, "?")
	if !ok {
		return b.reference(base)
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		if value != "" && !reference.MatchString(value) && (soundsSecret(name) || len(value) >= 24) {
			parts[i] = name + "=" + b.stand(value, b.s.name+"_"+name)
		} else {
			parts[i] = b.reference(p)
		}
	}
	return b.reference(base) + "?" + strings.Join(parts, "&")
}

// timeout reads Gemini's and Cline's milliseconds and Codex's seconds.
func (b *builder) timeout() {
	if n, ok := number(b.s.fields["timeout"]); ok {
		b.u.Timeout = milliseconds(n)
	}
	if n, ok := number(b.s.fields["tool_timeout_sec"]); ok {
		b.u.Timeout = milliseconds(min(n, 1<<32) * 1000)
	}
}

func number(v any) (int64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return int64(min(f, 1<<52)), err == nil
	case int64:
		return v, true
	case float64:
		return int64(min(v, 1<<52)), true
	}
	return 0, false
}

func (b *builder) text(field string) string {
	s, _ := b.s.fields[field].(string)
	return s
}

func (b *builder) strings(field string) []string {
	list, _ := b.s.fields[field].([]any)
	var all []string
	for _, v := range list {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case json.Number, int64, float64, bool:
			all = append(all, fmt.Sprint(v))
		default:
			b.warn("an element of %s is not text; left out", field)
		}
	}
	return all
}

func (b *builder) texts(field string) map[string]string {
	m, _ := b.s.fields[field].(map[string]any)
	all := map[string]string{}
	for name, v := range m {
		switch v.(type) {
		case string, json.Number, int64, float64, bool:
			all[name] = fmt.Sprint(v)
		default:
			b.warn("%s.%s is not text; left out", field, name)
		}
	}
	return all
}

// name makes a name that toolward.yaml takes, and that nobody has.
func (b *builder) name(s string) string {
	clean := strings.Map(func(r rune) rune {
		if isWord(r) {
			return r
		}
		return '-'
	}, s)
	for strings.Contains(clean, "__") {
		clean = strings.ReplaceAll(clean, "__", "_")
	}
	clean = strings.Trim(clean, "_-")
	clean = clean[:min(len(clean), 28)] // leaves room for a number
	clean = strings.Trim(clean, "_-")
	if clean == "" {
		clean = "server"
	}
	unique := clean
	for n := 2; b.names[strings.ToLower(unique)]; n++ {
		unique = clean + "-" + strconv.Itoa(n)
	}
	b.names[strings.ToLower(unique)] = true
	if unique != s {
		b.warn("is called %s here", unique)
	}
	return unique
}
