package clients

import (
	"regexp"
	"slices"
	"strings"
)

// bridge turns a program that only carries messages to a server's URL into an
// upstream with that URL, which needs no program: npx mcp-remote URL. It reports
// whether it was one.
func (b *builder) bridge(args []string) bool {
	at := slices.IndexFunc(args, func(a string) bool { return a == "mcp-remote" || strings.HasPrefix(a, "mcp-remote@") })
	if at < 0 {
		return false
	}
	env := b.texts("env")
	var address, transport string
	var headers [][2]string
	for rest := args[at+1:]; len(rest) > 0; rest = rest[1:] {
		flag := rest[0]
		value, inline := "", false
		if strings.HasPrefix(flag, "--") {
			flag, value, inline = strings.Cut(flag, "=")
		}
		takes := slices.Contains([]string{"--header", "--transport", "--host", "--resource", "--auth-timeout", "--ignore-tool", "--static-oauth-client-metadata", "--static-oauth-client-info"}, flag)
		if takes && !inline && len(rest) > 1 {
			value, rest = rest[1], rest[1:]
		}
		switch {
		case strings.HasPrefix(flag, "http://"), strings.HasPrefix(flag, "https://"), address == "" && reference.MatchString(flag):
			address = flag
		case flag == "--header":
			name, content, _ := strings.Cut(substitute(value, env), ":")
			headers = append(headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(content)})
		case flag == "--transport":
			if strings.HasPrefix(value, "sse") {
				transport = "sse"
			}
		case flag == "--allow-http", flag == "--debug", flag == "--host", flag == "--auth-timeout", isNumber(flag):
		default:
			b.warn("%s of mcp-remote is not carried over", flag)
		}
	}
	if address == "" {
		return false
	}
	b.u.URL, b.u.Transport = b.url(substitute(address, env)), transport
	for _, h := range headers {
		b.header(h[0], h[1])
	}
	b.warn("mcp-remote is not needed: url: reaches the server without it")
	return true
}

// substitute puts the entry's own variables into a text that refers to them, as
// the program does at its start.
//
//	"Authorization:${AUTH}", AUTH=Bearer x → "Authorization:Bearer x"
func substitute(s string, env map[string]string) string {
	return braced.ReplaceAllStringFunc(s, func(m string) string {
		if value, ok := env[m[2:len(m)-1]]; ok {
			return value
		}
		return m
	})
}

var braced = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)

// login writes oauth: where the client's file has it, or the server asks for it. A
// server that has a credential already is not asked, and neither is one whose
// address is not known here.
func (b *builder) login() {
	if b.u.URL == "" || len(b.u.Headers) > 0 {
		return
	}
	switch wants := b.s.fields["oauth"].(type) {
	case bool:
		if !wants {
			return
		}
	case map[string]any:
	default:
		if b.opt.WantsLogin == nil || strings.Contains(b.u.URL, "${") || !b.opt.WantsLogin(b.u.URL) {
			return
		}
	}
	b.u.OAuth = map[string]string{"grant": "authorization_code"}
}
