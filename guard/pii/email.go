package pii

import (
	"strings"

	"toolward/gateway"
)

// notDomains end names that have an at sign but are files or machines.
var notDomains = []string{"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "mjs", "ts", "tsx", "jsx", "json", "md", "html", "xml", "yaml", "yml", "go", "java", "internal", "local", "localhost", "localdomain", "service", "target", "socket", "timer", "lan", "invalid", "arpa", "sha"}

// email judges the at sign s[i] as that of an address (RFC 5322 §3.4.1, dot-atoms
// only, letters of any script).
func (t *text) email(i int) (match, int) {
	s := t.s
	a := i
	for a > 0 && i-a < 64 && isLocal(s[a-1]) {
		a--
	}
	for a < i && (s[a] == '.' || s[a] == '-' || s[a] == '\'' || isEscaped(s, a)) {
		a++
	}
	b := i + 1
	for b < len(s) && b-i < 254 && (isAlnum(s[b]) || s[b] == '-' || s[b] == '.' || s[b] >= 0x80) {
		b++
	}
	for b > i+1 && (s[b-1] == '.' || s[b-1] == '-') {
		b--
	}
	domain := s[i+1 : b]
	dot := strings.LastIndexByte(domain, '.')
	if a == i || dot < 1 || len(domain)-dot < 3 || strings.Contains(domain, "..") || inUserinfo(s, a) {
		return match{}, i + 1
	}
	top := domain[dot+1:]
	for j := range len(top) {
		if isDigit(top[j]) && !strings.HasPrefix(top, "xn--") {
			return match{}, i + 1
		}
	}
	for _, not := range notDomains {
		if strings.EqualFold(top, not) {
			return match{}, i + 1
		}
	}
	if s[a:i] == "git" || s[a:i] == "noreply" || s[a:i] == "no-reply" {
		return match{}, b
	}
	return match{rule: "email", start: a, end: b, severity: gateway.SeverityLow, score: 0.95}, b
}

func isLocal(c byte) bool {
	return isAlnum(c) || strings.IndexByte("._%+-'&=~", c) >= 0 && c != '=' || c >= 0x80
}

// inUserinfo reports whether s[a:] is part of a URL's userinfo: its password is
// no mailbox.
func inUserinfo(s string, a int) bool {
	i := a
	for i > 0 && a-i < 64 && s[i-1] > ' ' && s[i-1] != '"' && s[i-1] != '\'' && s[i-1] != '<' && s[i-1] != ',' {
		i--
	}
	return strings.Contains(s[i:a], "://")
}
