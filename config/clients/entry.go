package clients

import (
	"encoding/base64"
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
	opt   ImportOptions
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
		"headers", "http_headers", "env_http_headers", "bearer_token_env_var", "timeout", "tool_timeout_sec", "disabled", "enabled", "oauth",
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
	b.login()
	for _, name := range slices.Sorted(maps.Keys(s.fields)) {
		if !slices.Contains(handled, name) && !slices.Contains(silent, name) {
			b.warn("%s is not carried over", name)
		}
	}
	b.u.Name = b.name(s.name)
	if b.u.OAuth != nil {
		b.warn("wants a login: toolward login %s", b.u.Name)
	}
	b.out.Upstreams = append(b.out.Upstreams, *b.u)
}

func (b *builder) program() {
	command, args := b.text("command"), b.strings("args")
	if list := b.strings("command"); list != nil { // opencode
		command, args = list[0], list[1:]
	}
	if b.bridge(args) {
		return
	}
	b.pin(command, args)
	b.u.Command = b.argument(command, "", -1)
	b.u.Args = slices.Clone(args)
	fetches, fetched, _ := launched(command, args)
	for i, a := range args {
		before := ""
		if i > 0 && (fetches == nil || i != fetched) { // npx -p is no password
			before = args[i-1]
		}
		b.u.Args[i] = b.argument(a, before, i)
	}
	for _, field := range []string{"env", "environment"} {
		values := b.texts(field)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			put(&b.u.Env, name, b.value(values[name], name))
		}
	}
	b.u.Dir = b.folder(b.text("cwd") + b.text("dir"))
}

// folder is where a program starts. What only the client's program knows is left
// out: the configuration's own folder is as good a guess as another.
func (b *builder) folder(dir string) string {
	if strings.Contains(dir, "${workspaceFolder}") {
		b.warn("%s means nothing here; without dir: it starts in the folder of toolward.yaml", dir)
		return ""
	}
	return b.reference(dir)
}

func (b *builder) remote(raw, transport string) {
	b.u.URL = b.url(raw)
	if transport == "sse" {
		b.u.Transport = transport
	}
	for _, field := range []string{"headers", "http_headers"} {
		values := b.texts(field)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			b.header(name, values[name])
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
	if slices.Contains(plainHeaders, strings.ToLower(name)) && !b.holdsSecret(value) {
		put(&b.u.Headers, name, b.reference(value))
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

// userPart is a user before the host of a URL.
var userPart = regexp.MustCompile(`^(https?://)([^/?#@]*)@`)

// url moves what can be a secret in a URL into variables: the user, a key in the
// path (hosted servers put it there), and values of the query.
func (b *builder) url(raw string) string {
	raw, _, _ = strings.Cut(raw, "#")
	if m := userPart.FindStringSubmatch(raw); m != nil {
		raw = m[1] + raw[len(m[0]):]
		b.user(m[2])
	}
	base, query, ok := strings.Cut(raw, "?")
	host, path, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(base, "https://"), "http://"), "/")
	if b.secretPath(path) || b.opt.Secret(host) {
		return b.stand(raw, b.s.name+"_url")
	}
	if !ok {
		return b.reference(base)
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		if !reference.MatchString(value) && b.isSecret(plain, name) {
			parts[i] = name + "=" + b.stand(value, b.s.name+"_"+name)
		} else {
			parts[i] = b.reference(p)
		}
	}
	return b.reference(base) + "?" + strings.Join(parts, "&")
}

// user turns the user and password of a URL into the header that they are sent in
// (RFC 7617).
func (b *builder) user(pair string) {
	if user, password, ok := strings.Cut(pair, ":"); ok && !reference.MatchString(pair) {
		u, err1 := url.PathUnescape(user)
		p, err2 := url.PathUnescape(password)
		if err1 == nil && err2 == nil {
			put(&b.u.Headers, "Authorization", "Basic "+b.stand(base64.StdEncoding.EncodeToString([]byte(u+":"+p)), b.s.name+"_basic"))
			return
		}
	}
	b.warn("the user and password in its URL are left out; put them into headers, as Authorization: Basic ${VAR}")
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
	for strings.Contains(clean, "--") {
		clean = strings.ReplaceAll(clean, "--", "-")
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
