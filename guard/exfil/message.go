package exfil

import (
	"slices"
	"strings"
)

// git judges pushes to places that were named just now, and messages and names that
// are pushed.
func (s *scan) git(c *command, args []string, lo, hi int) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") { // "git -C dir push"
		n := 1
		if args[0] == "-C" || args[0] == "-c" {
			n = 2
		}
		args = args[min(n, len(args)):]
	}
	if len(args) == 0 {
		return
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "push":
		s.push(rest, lo, hi)
	case "remote":
		if len(rest) >= 3 && (rest[0] == "add" || rest[0] == "set-url") {
			s.remotes = append(s.remotes, rest[1:len(rest)-1]...)
			s.note(RuleRemote, routine, "git remote", lo, hi)
		}
	case "config":
		for _, a := range rest {
			if strings.HasPrefix(a, "remote.") && (strings.HasSuffix(a, "url")) || strings.HasPrefix(a, "url.") && strings.HasSuffix(strings.ToLower(a), "insteadof") {
				s.remotes = append(s.remotes, strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(a, "remote."), ".pushurl"), ".url"))
				s.note(RuleRemote, routine, "git config", lo, hi)
			}
		}
	case "commit", "tag", "notes", "stash", "merge":
		s.message(c, rest, "git "+verb, lo, hi)
	case "branch", "checkout", "switch":
		for _, a := range rest {
			if holds(a) && !hexadecimal(a) {
				s.note(RuleMessage, output, "git "+verb, lo, hi)
			}
		}
		s.note(RuleMessage, outputOnly(c.substituted()), "git "+verb, lo, hi)
	case "send-email", "bundle":
		if verb == "send-email" {
			s.note(RuleRemote, routine, "git "+verb, lo, hi)
		}
	}
}

// push judges where to.
func (s *scan) push(args []string, lo, hi int) {
	all := has(args, "--mirror", "--all")
	for _, a := range args {
		if a == "" || a[0] == '-' {
			continue
		}
		w := nothing
		switch {
		case remote(a) && !strings.HasPrefix(a, "refs"):
			w = output
		case a != "origin" && slices.Contains(s.remotes, a):
			w = output
		case all:
			w = routine
		}
		s.note(RuleRemote, w, "git push", lo, hi)
		return // what follows are names of branches
	}
}

// outputOnly is what a substitution weighs where routine ones are: the name of a
// branch is often the date.
func outputOnly(w weight) weight {
	if w == routine {
		return nothing
	}
	return w
}

// hexadecimal reports whether a word is a hash.
func hexadecimal(w string) bool {
	return len(w) >= 7 && strings.Trim(w, "0123456789abcdef") == ""
}

// messages are options whose value others read.
var messages = set("-m", "--message", "-am", "-t", "--title", "-b", "--body", "-n", "--notes", "-a", "--name", "-d", "--description", "save", "push")

// message judges what is said in a commit, a tag or an issue.
func (s *scan) message(c *command, args []string, by string, lo, hi int) {
	for i, a := range args {
		option, value, joined := strings.Cut(a, "=")
		switch {
		case joined && messages[option]:
			s.said(c, value, by, lo, hi)
		case messages[a] && i+1 < len(args):
			s.said(c, args[i+1], by, lo, hi)
		case (a == "-F" || a == "--file" || a == "--body-file") && i+1 < len(args) && sensitivePath(args[i+1]):
			s.note(RuleMessage, taken, by, lo, hi)
		case i == 0 && by == "git tag" && holds(a):
			s.note(RuleMessage, output, by, lo, hi)
		}
	}
}

// said judges one message.
func (s *scan) said(c *command, text, by string, lo, hi int) {
	w := outputOnly(c.substituted())
	if w == nothing && holds(withoutTrailers(text)) {
		w = output
	}
	if w == taken || w == output && !strings.HasPrefix(strings.TrimSpace(text), "$(cat <<") {
		s.note(RuleMessage, w, by, lo, hi)
	}
}

// withoutTrailers is a message without the lines that name people and places by
// custom: "Signed-off-by: Ann <ann@example.org>".
func withoutTrailers(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		key, _, ok := strings.Cut(line, ": ")
		if !ok || strings.ContainsAny(key, " \t") || !strings.Contains(key, "-") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// customary are headers whose values are known, or credentials by design.
var customary = set("accept", "accept-encoding", "accept-language", "authorization", "proxy-authorization", "content-type", "content-length", "content-disposition", "content-encoding", "host", "origin", "referer", "connection", "cache-control",
	"if-none-match", "if-modified-since", "range", "x-api-key", "api-key", "apikey", "private-token", "x-auth-token", "x-request-id", "date", "dnt", "etag", "expect", "from", "idempotency-key", "link", "pragma", "te", "upgrade", "vary", "via",
	"strict-transport-security", "content-security-policy", "permissions-policy", "x-frame-options", "sec-fetch-mode", "forwarded", "x-forwarded-for", "x-forwarded-host", "traceparent", "tracestate")

// header judges a header that a command sends.
func (s *scan) header(c *command, option, value, by string, lo, hi int) {
	name := strings.ToLower(strings.TrimLeft(option, "-"))
	if head, rest, ok := strings.Cut(value, ":"); ok && (option == "-H" || option == "--header") {
		name, value = strings.ToLower(strings.TrimSpace(head)), strings.TrimSpace(rest)
	}
	w := nothing
	if strings.Contains(value, "$(") || strings.Contains(value, "`") || c.given > nothing && strings.Contains(value, "$") {
		if w = c.substituted(); w == output && customary[name] || w == routine && customary[name] {
			w = nothing // "Authorization: Bearer $(…)"
		} else if w == routine {
			w = output // a file in a header
		}
	}
	if w == nothing && tells(name, value) {
		w = output
	}
	s.note(RuleMessage, w, by+" header", lo, hi)
}

// tells reports whether the value of a header says what headers do not.
func tells(name, value string) bool {
	switch {
	case customary[name], len(value) < minPayload:
		return false
	case name == "a" || name == "user-agent" || name == "useragent" || name == "user_agent":
		return holds(value) && !strings.Contains(value, "/") || looks(value) == likely && !strings.ContainsAny(value, "/(+")
	case name == "b" || name == "cookie":
		return strings.Contains(value, " ") && looks(strings.ReplaceAll(unescape(value), "; ", ";")) == likely || record(unescape(value))
	case name == "e" || name == "headers" || name == "websession" || name == "u":
		return false
	}
	return looks(value) == likely && strings.Count(value, " ") >= 3 && !strings.ContainsAny(value, ";/") || record(value)
}

// lookup judges the names that commands ask for.
func (s *scan) lookup(c *command, name string, args []string, lo, hi int) {
	if w := c.substituted(); w >= routine && strings.Contains(strings.Join(args, " "), ".") {
		s.note(RuleHost, taken, name, lo, hi)
		return
	}
	for _, a := range args {
		if a = strings.Trim(a, `"'.;,`); strings.Contains(a, ".") && !strings.ContainsAny(a, "/ $`(:") && a[0] != '-' {
			s.name(lo, hi, a)
			return
		}
	}
}
