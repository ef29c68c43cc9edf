package oauth

import (
	"strings"
)

// challenge is what a server says with 401 or 403 about the token that it wants
// (RFC 6750 §3, RFC 9728 §5.1).
type challenge struct {
	metadata string // resource_metadata
	code     string // error
	scopes   []string
}

// readChallenges takes the first Bearer challenge of WWW-Authenticate fields.
// What it cannot read it leaves out: a challenge is a hint.
func readChallenges(fields []string) challenge {
	for _, field := range fields {
		for field != "" {
			scheme, params, rest := cutChallenge(field)
			if strings.EqualFold(scheme, "bearer") {
				return challenge{metadata: params["resource_metadata"], code: params["error"], scopes: scopesOf(params["scope"])}
			}
			field = rest
		}
	}
	return challenge{}
}

// cutChallenge takes one challenge off a field (RFC 9110 §11.6.1): a scheme,
// then parameters, of which the last is followed by the next scheme.
func cutChallenge(field string) (scheme string, params map[string]string, rest string) {
	params = map[string]string{}
	field = strings.TrimLeft(field, ", \t")
	scheme, field = cutToken(field)
	if scheme == "" {
		return "", params, ""
	}
	for {
		before := strings.TrimLeft(field, ", \t")
		name, after := cutToken(before)
		after = strings.TrimLeft(after, " \t")
		if name == "" || !strings.HasPrefix(after, "=") {
			return scheme, params, before
		}
		var value string
		value, field = cutValue(strings.TrimLeft(after[1:], " \t"))
		if name = strings.ToLower(name); params[name] == "" {
			params[name] = value
		}
	}
}

func cutToken(s string) (token, rest string) {
	end := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) })
	if end < 0 {
		end = len(s)
	}
	return s[:end], s[end:]
}

// cutValue takes a token, a token68 or a quoted string.
func cutValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "" // not closed
}

// maxScopes bounds the scopes that are taken from a server.
const maxScopes = 100

// scopesOf splits a scope parameter (RFC 6749 §3.3) and leaves out what is none.
func scopesOf(s string) []string { return cleanScopes(strings.Split(s, " ")) }

func cleanScopes(given []string) []string {
	var scopes []string
	for _, s := range given {
		odd := strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
		if s != "" && !odd && len(s) <= 256 && len(scopes) < maxScopes {
			scopes = append(scopes, s)
		}
	}
	return scopes
}

// union is a, then what b has beyond it, in order.
func union(a, b []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range append(append([]string{}, a...), b...) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// pasteable reports whether scopes can be shown as part of a command: a server
// chose them, and a person will copy the line into a shell.
func pasteable(scopes []string) bool {
	for _, s := range scopes {
		if len(s) > 100 || strings.HasPrefix(s, "-") || strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-") != "" {
			return false
		}
	}
	return len(scopes) > 0 && len(scopes) <= 20
}
