package secret

import (
	"strings"

	"toolward/gateway"
)

// passwordWords announce a password that a person chose, which has no format
// and may be short. The last byte of each is where reading goes on.
var passwordWords = []string{
	"password", "passwd", "passphrase", "passcode", "pwd", "pass", "passwort", "kennwort", "mot de passe", "contraseña", "contrasena", "clave",
	"senha", "parola", "palavra-passe", "palavra-chave", "пароль", "Пароль", "ПАРОЛЬ", "hasło", "haslo", "wachtwoord", "lösenord", "losenord", "adgangskode", "passord", "salasana", "heslo",
	"jelszó", "şifre", "Şifre", "sifre", "mật khẩu", "kata sandi", "密码", "密碼", "口令", "パスワード", "비밀번호", "كلمة المرور", "كلمة السر", "סיסמה", "κωδικός", "Κωδικός", "पासवर्ड", "รหัสผ่าน",
}

// secretWords announce short secrets of machines: what follows must be assigned.
var secretWords = []string{"secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "auth_key", "private_key", "privatekey"}

// verbs join the word and the password in prose, after any spaces.
var verbs = []string{"is set to", "was set to", "is now", "is", "was", "ist", "lautet", "es", "est", "é", "è", "to", "jest", "ye", "är", "er", "on", "je", "là", "adalah", "es la", "это", "是", "为", "為", "は", "는", "은", "में", "="}

// maxPassword is the longest password that is read, in bytes.
const maxPassword = 128

func (c *scan) scanPassword(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	from, firm := passwordValue(s, start, end)
	if from < 0 {
		return dst
	}
	to := valueEnd(s, from)
	if !c.isPassword(s[from:to], firm) || s[from] == '/' || isSelector(s, from, to) {
		return dst
	}
	return append(dst, finding("secret.password", gateway.SeverityHigh, 0.8, from, to, ""))
}

// scanShortSecret finds assigned machine secrets below minToken bytes.
func (c *scan) scanShortSecret(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	from, firm := passwordValue(s, start, end)
	if from < 0 || !firm {
		return dst
	}
	to := valueEnd(s, from)
	value := s[from:to]
	sh := shapeOf(value)
	if len(value) < 8 || strings.ContainsAny(value, "/:[]()<>") || sh.digit == 0 || sh.lower+sh.upper == 0 || rarity(value) < 5.2 || sh.hex || !c.isPassword(value, true) || isSelector(s, from, to) {
		return dst
	}
	return append(dst, finding("secret.short-secret", gateway.SeverityMedium, 0.65, from, to, ""))
}

// passwordValue returns where the value begins that the word at s[start:end]
// announces, or -1. firm is true after = or :, false after a verb.
func passwordValue(s string, start, end int) (from int, firm bool) {
	code := false
	if start > 0 && alnum[s[start-1]] && !startsToken(s, start) && !isUpper(s[start]) {
		// dbpassword and PGPASSWORD are names too; compass and bypass are not.
		if end-start < 6 || !isWordByte(s[start-1]) {
			return -1, false
		}
	}
	i := end
	// The rest of the name, which may take it all back: password_hash, passwordReset.
	rest := i
	for i < len(s) && i-end < 24 && (isWordByte(s[i]) || s[i] == '_' || s[i] == '-' || s[i] == '.') {
		if s[i] >= 0x80 {
			break
		}
		i++
	}
	if i > rest && !harmlessSuffix(s[rest:i]) {
		return -1, false
	}
	if precededByDenial(s, start) || isExpansion(s, start) {
		return -1, false
	}
	i = skipAny(s, i, " \t\"'`\\])*", 6)
	switch {
	case i >= len(s):
		return -1, false
	case s[i] == '=' || s[i] == ':':
		code = strings.HasPrefix(s[i:], ":=")
		for i < len(s) && (s[i] == '=' || s[i] == ':' || s[i] == '>' || s[i] == '~') {
			i++
		}
		firm = true
	case strings.HasPrefix(s[i:], "->"):
		i, firm = i+2, true
	case s[i] == '>' || s[i] == '|':
		i, firm = i+1, s[i] == '>'
	case strings.HasPrefix(s[i:], "："):
		i, firm = i+len("："), true
	default:
		verb := 0
		for _, v := range verbs {
			if len(v) > verb && len(s)-i > len(v) && strings.EqualFold(s[i:i+len(v)], v) && (v[0] >= 0x80 || s[i+len(v)] == ' ' || s[i+len(v)] == ':') {
				verb = len(v)
			}
		}
		if verb == 0 && !takesNext(s, start, end) {
			return -1, false
		}
		i += verb
		if i < len(s) && s[i] == ':' {
			i++
		}
	}
	bare := i
	i = skipAny(s, i, " \t\"'`*", 6)
	if code && strings.TrimLeft(s[bare:i], " ") == "" {
		return -1, false // password := expression
	}
	for i+1 < len(s) && s[i] == '\\' && (s[i+1] == '"' || s[i+1] == '\'' || s[i+1] == '\\') {
		i += 2
	}
	return i, firm
}

// harmlessSuffix reports whether a name that goes on after the word still names
// a password: PASSWORD_PROD, password1, passwords.
func harmlessSuffix(rest string) bool {
	for _, deny := range []string{"hash", "reset", "policy", "field", "file", "length", "id", "url", "expire", "expiry", "less", "digest", "type", "hint", "strength", "manager", "changed", "updated",
		"count", "path", "name", "format", "rule", "min", "max", "label", "input", "encod", "confirm", "required", "age", "port", "age", "ed", "ing", "ive", "ion", "enger", "through", "word_", "_at", "_on", "ize", "over", "list", "salt", "algo", "provider", "endpoint", "budget", "usage"} {
		if containsFold(rest, deny) {
			return false
		}
	}
	return true
}

// precededByDenial reports whether the word before takes the announcement back:
// "forgot password", "hashed_password", "reset your password".
func precededByDenial(s string, start int) bool {
	i, j, ok := wordBefore(s, max(0, start-16), start)
	if !ok {
		return false
	}
	for _, deny := range []string{"forgot", "reset", "hashed", "encrypted", "max", "min", "no", "without", "prompt", "next", "page", "csrf", "sync", "public", "completion", "input", "output", "continuation"} {
		if strings.EqualFold(s[i:j], deny) {
			return true
		}
	}
	return false
}

// takesNext reports whether the word at s[start:end] takes the next one as its
// value without a sign between: --password X, and "login ann password X" of
// netrc files.
func takesNext(s string, start, end int) bool {
	if end >= len(s) || s[end] != ' ' {
		return false
	}
	return strings.HasSuffix(s[:start], "--") || strings.Contains(s[max(0, start-40):start], "login ")
}

// isExpansion reports whether the name around s[start:] is a reference:
// $PASSWORD, ${DB_PASSWORD:?missing}, {{password}}, %PASSWORD%.
func isExpansion(s string, start int) bool {
	i := start
	for i > 0 && start-i < 40 && (isWordByte(s[i-1]) || s[i-1] == '_' || s[i-1] == '.' || s[i-1] == ' ') {
		i--
	}
	return i > 0 && (s[i-1] == '$' || s[i-1] == '%' || i > 1 && (s[i-1] == '{' || s[i-1] == '(') && (s[i-2] == '$' || s[i-2] == '{'))
}

func skipAny(s string, i int, set string, most int) int {
	for n := 0; n < most && i < len(s) && strings.IndexByte(set, s[i]) >= 0; n++ {
		i++
	}
	return i
}

// valueEnd returns where the value at s[from:] ends: at the quote that opened it,
// else at white space, a quote, an escape, or what closes markup. The
// punctuation of the sentence around it is left out.
func valueEnd(s string, from int) int {
	i := from
	for i < len(s) && i-from < maxPassword {
		c := s[i]
		if c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '|' || c == '\\' && i+1 < len(s) && strings.IndexByte("nrtu\"'\\", s[i+1]) >= 0 {
			break
		}
		if (c == ';' || c == '&' || c == ',') && i > from && (i+1 == len(s) || s[i+1] <= ' ' || isAssignment(s, i+1)) {
			break
		}
		if strings.HasPrefix(s[i:], "—") || strings.HasPrefix(s[i:], "。") || strings.HasPrefix(s[i:], "，") || strings.HasPrefix(s[i:], "”") || strings.HasPrefix(s[i:], "»") {
			break
		}
		i++
	}
	for i > from && strings.IndexByte(".,;:)]}", s[i-1]) >= 0 {
		i--
	}
	return i
}

// isAssignment reports whether s[i:] reads NAME= as the next member of a
// connection string or a query does.
func isAssignment(s string, i int) bool {
	n := i
	for n < len(s) && n-i < 24 && (isWordByte(s[n]) || s[n] == ' ' || s[n] == '_') {
		n++
	}
	return n > i && n < len(s) && s[n] == '='
}

// isPassword tells a password from what else stands after the word: a type, a
// state, a reference to where it is kept, a placeholder.
func (c *scan) isPassword(value string, firm bool) bool {
	if len(value) < 5 || len(value) >= maxPassword || c.isPlaceholder(value) || isReference(value) {
		return false
	}
	for _, word := range []string{"password", "passwd", "passw0rd", "secret", "string", "null", "true", "false", "none", "undefined", "required", "optional", "http:", "https:"} {
		if strings.EqualFold(value, word) {
			return false
		}
	}
	if containsFold(value, "pass") || containsFold(value, "p@ss") { // Password123, secure_pass: documentation's, or as good as none
		return false
	}
	sh := shapeOf(value)
	letters := sh.lower + sh.upper
	symbols := strings.Count(value, "") - 1 - letters - sh.digit - strings.Count(value, "-") - strings.Count(value, "_") - strings.Count(value, ".") - strings.Count(value, "/")
	switch {
	case sh.distinct < 4 || letters == 0:
		return false
	case sh.digit > 0 && letters > 0:
		return len(value) >= 6
	case symbols > 0 && letters > 0 && !strings.ContainsAny(value, "([{"):
		return firm && len(value) >= 7
	}
	return firm && len(value) >= 8 && rarity(value) >= 6.2
}

// isExpression reports a piece of program text: a call, an index, a selector.
func isExpression(value string) bool {
	for i := 1; i < len(value); i++ {
		switch c := value[i]; {
		case (c == '(' || c == '[' || c == '{') && (isWordByte(value[i-1]) || value[i-1] == ']'):
			return i+1 == len(value) || strings.IndexByte(value[i:], ' ') < 0 && rarity(value[:i]) < 6
		case c == '.' && i+1 < len(value) && alnum[value[i-1]] && isUpper(value[i+1]) && rarity(value) < 6.5:
			return true
		}
	}
	return false
}

// isSelector reports an unquoted name of a program's variable: cmd.Dir, user1Nickname.
func isSelector(s string, from, to int) bool {
	if from > 0 && strings.IndexByte("\"'`", s[from-1]) >= 0 {
		return false
	}
	for i := from; i < to; i++ {
		if !isWordByte(s[i]) && s[i] != '.' && s[i] != '_' && (i > from || s[i] != '+') {
			return false
		}
	}
	return rarity(s[from:to]) < 5.5 && (strings.IndexByte(s[from:to], '.') >= 0 || hump(s[from:to]))
}

// hump reports camel case: a capital after a small letter or a digit, and a small one after it.
func hump(name string) bool {
	for i := 1; i+1 < len(name); i++ {
		if isUpper(name[i]) && !isUpper(name[i-1]) && 'a' <= name[i+1] && name[i+1] <= 'z' && 'a' <= name[0] && name[0] <= 'z' {
			return true
		}
	}
	return false
}

// isReference reports a value that says where the secret is, not what it is.
func isReference(value string) bool {
	if isExpression(value) {
		return true
	}
	if strings.IndexByte("$<{%@*[(", value[0]) >= 0 && len(value) > 1 && (isWordByte(value[1]) || strings.IndexByte("{(<%*[", value[1]) >= 0) && (value[0] != '@' && value[0] != '*' && value[0] != '%' || value[len(value)-1] == value[0]) {
		return value[0] != '$' || !strings.ContainsAny(value, "!@#^&")
	}
	for _, part := range []string{"process.env", "os.environ", "getenv", "env.", "env[", "config.", "secrets.", "vault:", "ref:", "self.", "this.", "req.", "request.", "getpass", "input(", "prompt(", "props.", "://", "()", "=>", "var.", "data.", "str,", "str=", "string;"} {
		if containsFold(value, part) {
			return true
		}
	}
	return false
}

// scanField judges the whole value of a field whose name says that it is a secret.
func (c *scan) scanField(dst []gateway.Finding, s string) []gateway.Finding {
	key := c.key
	if key == "" || len(s) < 5 || len(s) > maxPassword || strings.ContainsAny(s, " \t\n") || c.words.name(key, 0, len(key)) != strong {
		return dst
	}
	for _, word := range passwordWords {
		if containsFold(key, word) && c.isPassword(s, true) {
			return append(dst, finding("secret.password", gateway.SeverityHigh, 0.85, 0, len(s), ""))
		}
	}
	if sh := shapeOf(s); len(s) >= 8 && len(s) < minToken && sh.digit > 0 && sh.lower+sh.upper > 0 && rarity(s) >= 5.2 && c.isPassword(s, true) {
		return append(dst, finding("secret.short-secret", gateway.SeverityMedium, 0.65, 0, len(s), ""))
	}
	return dst
}
