package clients

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Whether a value of a client's file is copied. What can be a secret becomes a
// variable; a mistake to that side costs a line in a file of variables, one to the
// other puts a credential into a file that people commit. So a value is copied only
// if nothing speaks for a secret: neither its name, nor its form, nor the detectors
// that the gateway has for calls.
//
//	LOG_LEVEL=debug, /srv/docs, --port 8080, @scope/server@1.2.3   copied
//	--dsn "host=db password=x", -k x, ghp_…, a URL with a password  a variable

// secretWords are words of names that announce a secret, as a name's own word or
// at the end of one ("APITOKEN", "PGPASSWORD").
var secretWords = []string{
	"token", "tokens", "secret", "secrets", "password", "passwd", "passphrase", "passcode", "pwd", "apikey", "key", "credential", "credentials", "creds",
}

// secretNames are such words only when they stand alone: others end in them.
var secretNames = []string{
	"auth", "authorization", "pat", "bearer", "jwt", "dsn", "pass", "pw", "pin", "otp", "cookie", "cookies", "cookiejar", "keys", "signature", "sig", "hmac", "salt",
	"connection-string", "connectionstring", "connstring", "conn-string", "connstr", "session", "sessionid", "webhook", "k",
}

// describing are last words of names that say something about a secret and are
// none: TOKEN_FILE, AUTH_MODE, MAX_TOKENS.
var describing = []string{
	"path", "file", "dir", "directory", "url", "uri", "host", "port", "type", "mode", "method", "scheme", "provider", "limit", "size", "ttl", "timeout", "name",
	"region", "enabled", "disabled", "expiry", "expires", "length", "count", "max", "min", "algorithm", "alg", "level", "audience", "issuer", "scope", "scopes", "header", "prefix", "store", "backend",
}

// wordsOf splits a name as people join them: --access-token, API_KEY, apiKey.
func wordsOf(name string) []string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// soundsSecret reports whether a name announces a secret, and whether it says that
// it is only about one.
func soundsSecret(name string) (secret, about bool) {
	words := wordsOf(name)
	for i, w := range words {
		w = strings.TrimRight(w, "0123456789")
		joined := w
		if i+1 < len(words) {
			joined += "-" + words[i+1]
		}
		secret = secret || slices.Contains(secretNames, w) || slices.Contains(secretNames, joined) ||
			slices.ContainsFunc(secretWords, func(end string) bool { return strings.HasSuffix(w, end) })
	}
	if n := len(words); n > 0 {
		about = slices.Contains(describing, words[n-1]) || words[0] == "max" || words[0] == "min" || words[0] == "no"
	}
	return secret, secret && about
}

// isSecret reports whether a value of that name is to be kept out; "" is no name.
func (b *builder) isSecret(value, name string) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "yes", "no", "on", "off":
		return false
	}
	if secret, about := soundsSecret(name); secret && !about {
		return true
	}
	return b.holdsSecret(value)
}

var (
	// credentialURL is a URL with a user, as databases and Sentry have.
	credentialURL = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^/@\s]+@`)
	// named is a name inside of a text and what stands between it and its value:
	// Password=x; "apiKey": "x"; token: x; in JSON in JSON as well.
	named = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_.-]*)\\*["']?\s*[=:]\s*\\*["']?`)
	// flagged is a flag and its value inside of a text: sh -c "serve --token x".
	flagged = regexp.MustCompile(`(?:^|\s)(-{1,2}[A-Za-z][A-Za-z0-9_-]*)[ =]["']?([^\s"';-][^\s"';]*)`)
	// schemed is a credential behind its scheme.
	schemed = regexp.MustCompile(`(?i)\b(?:bearer|basic|token|apikey|digest)\s+[^\s"']{4,}`)
	// fixed are long runs that are no secret: of images' and repositories' revisions.
	fixed = regexp.MustCompile(`(?:@sha(?:256|512):[0-9a-f]+)|(?:@[0-9a-f]{40}\b)`)
	// known are beginnings of keys. The detectors leave out what looks made up, which
	// may be somebody's key all the same.
	known = regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_|glpat-|sk[-_]|pk[-_]|rk_|xox[a-z]-|xapp-|ntn_|secret_|hf_|npm_|pypi-|lin_api_|figd_|tvly-|fc-|r8_|gsk_|dop_v1_|whsec_|shp[a-z]{2}_|pat[-_]|key[-_]|api[-_]|AKIA|ASIA|AIza|ya29\.|SG\.|eyJ)[A-Za-z0-9_.-]{8,}`)
	uuid  = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b`)
)

// holdsSecret reports whether a text has a secret in it whatever it is called.
func (b *builder) holdsSecret(text string) bool {
	text = fixed.ReplaceAllString(text, "")
	for _, m := range named.FindAllStringSubmatchIndex(text, -1) {
		value := text[m[1]:]
		value = value[:max(strings.IndexAny(value+" ", " ;&,\"'}\\\n"), 0)]
		if secret, about := soundsSecret(text[m[2]:m[3]]); secret && !about && value != "" && !isSwitch(value) {
			return true
		}
	}
	for _, m := range flagged.FindAllStringSubmatch(text, -1) {
		if secret, about := soundsSecret(m[1]); secret && !about && !isSwitch(m[2]) {
			return true
		}
	}
	return credentialURL.MatchString(text) || schemed.MatchString(text) || uuid.MatchString(text) ||
		strings.ContainsAny(text, "!^#") && !strings.ContainsAny(text, " /") || known.MatchString(text) || looksRandom(text) || b.opt.Secret(text)
}

func isSwitch(s string) bool {
	return s == "true" || s == "false" || strings.HasPrefix(s, "$") || strings.HasPrefix(s, "{")
}

// looksRandom reports a run of characters that no word, number, version, path or
// host is: "ODk0ZjIwYTAtODk0ZjIwYTA", "s3cr3t".
func looksRandom(text string) bool {
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		digits, cases := 0, 0 // changes between letters and digits, and from small letters to capitals
		same, longest := 1, 1
		for i := 1; i < len(w); i++ {
			a, z := rune(w[i-1]), rune(w[i])
			if same++; a != z {
				same = 1
			}
			longest = max(longest, same)
			switch {
			case unicode.IsDigit(a) != unicode.IsDigit(z):
				digits++
			case unicode.IsLower(a) && unicode.IsUpper(z):
				cases++
			}
		}
		switch {
		case len(w) >= 6 && digits >= 3, len(w) >= 10 && digits >= 2, len(w) >= 14 && digits+cases >= 4, len(w) >= 20 && digits >= 1, len(w) >= 24, longest >= 8:
			return true
		}
	}
	return false
}

// secretPath reports whether a segment of a URL's path can be a key.
func (b *builder) secretPath(path string) bool {
	for _, s := range strings.Split(path, "/") {
		if uuid.MatchString(s) || looksRandom(s) || b.opt.Secret(s) {
			return true
		}
	}
	return false
}

// header names that carry no secret.
var plainHeaders = []string{"accept", "accept-language", "accept-encoding", "cache-control", "content-type", "user-agent", "mcp-protocol-version"}

// argument copies one of a program's arguments, but for a secret in it. before is
// the argument in front of it.
//
//	--token x            → --token ${FILES_TOKEN}
//	-e API_KEY=x         → -e API_KEY=${FILES_API_KEY}
//	--header "X-Key: x"  → --header "X-Key:${FILES_X_KEY}"
//	ghp_…                → ${FILES_ARG_3}
func (b *builder) argument(a, before string, i int) string {
	fallback := b.s.name + "_arg_" + strconv.Itoa(i+1)
	if (before == "--header" || before == "-H") && strings.Contains(a, ":") {
		return b.headerArgument(a)
	}
	if strings.HasPrefix(before, "-") && !strings.Contains(before, "=") && !flagOnly.MatchString(a) && b.followsFlag(a, before) {
		return b.secret(a, b.s.name+"_"+strings.TrimLeft(before, "-"))
	}
	name, value, inline := strings.Cut(a, "=")
	switch {
	case inline && assignable.MatchString(name):
		if strings.HasPrefix(name, "--header") && strings.Contains(value, ":") {
			return name + "=" + b.headerArgument(value)
		}
		if inner, _, nested := strings.Cut(value, "="); nested && assignable.MatchString(inner) && !b.opt.Secret(value) {
			return name + "=" + b.argument(value, "", i) // --env=NAME=value
		}
		if b.isSecret(value, name) {
			return name + "=" + b.secret(value, b.s.name+"_"+strings.TrimLeft(name, "-"))
		}
	case len(a) > 4 && a[0] == '-' && strings.IndexByte("pkt", a[1]) >= 0 && b.holdsSecret(a[2:]): // -pPASSWORD
		return a[:2] + b.secret(a[2:], b.s.name+"_"+a[1:2])
	case b.isSecret(a, ""):
		return b.secret(a, fallback)
	}
	return b.reference(a)
}

var (
	assignable = regexp.MustCompile(`^-{0,2}[A-Za-z_][A-Za-z0-9_.-]*$`)
	flagOnly   = regexp.MustCompile(`^(?:--[a-z][A-Za-z-]+(=.*)?|-[A-Za-z])$`) // a secret can begin with a dash
)

// followsFlag reports whether the value after a flag is a secret because of that.
// Short flags say little: -k is a key, -u a user and a password, -p a password
// unless it is a port or a place.
func (b *builder) followsFlag(value, flag string) bool {
	plain := isNumber(value) || isPath(value) || strings.Contains(value, "://")
	switch flag {
	case "-u", "--user", "--userpwd", "--login":
		if user, password, ok := strings.Cut(value, ":"); ok && user != "" && password != "" && !isNumber(password) {
			return true
		}
	case "-k", "-K":
		return true
	case "-p", "-P", "-w", "-W":
		return !plain && value != ""
	case "-t", "-s", "-a", "-T":
		return !plain && strings.ContainsAny(value, "0123456789!@#$%^&*_")
	}
	return b.isSecret(value, flag)
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil || strings.Trim(s, "0123456789:.") == ""
}

func (b *builder) headerArgument(a string) string {
	name, value, _ := strings.Cut(a, ":")
	if slices.Contains(plainHeaders, strings.ToLower(strings.TrimSpace(name))) && !b.holdsSecret(value) {
		return b.reference(a)
	}
	return name + ":" + b.secret(value, b.s.name+"_"+name)
}
