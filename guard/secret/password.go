package secret

import (
	"strings"

	"toolward/gateway"
)

// passwordWords announce a password that a person chose, which has no format
// and may be short. Capitals beyond ASCII are written out.
var passwordWords = []string{
	"password", "passwd", "passphrase", "passcode", "pwd", "pass", "passwort", "kennwort", "mot de passe", "contraseña", "contrasena", "clave",
	"senha", "parola", "palavra-passe", "palavra-chave", "пароль", "Пароль", "ПАРОЛЬ", "hasło", "haslo", "wachtwoord", "lösenord", "losenord", "adgangskode", "passord", "salasana", "heslo",
	"jelszó", "şifre", "Şifre", "sifre", "mật khẩu", "kata sandi", "密码", "密碼", "口令", "パスワード", "비밀번호", "كلمة المرور", "كلمة السر", "סיסמה", "κωδικός", "Κωδικός", "पासवर्ड", "รหัสผ่าน",
}

// secretWords announce short secrets of machines: what follows must be assigned.
var secretWords = []string{"secret", "token", "api_key", "apikey", "api-key", "api key", "access_key", "auth_key", "private_key", "privatekey"}

// verbs join the word and the password in prose.
var verbs = []string{"is set to", "was set to", "is now", "is", "was", "ist", "lautet", "es la", "es", "est", "é", "è", "to", "jest", "ye", "är", "er", "on", "je", "là", "adalah", "это", "是", "为", "為", "は", "는", "은", "में"}

// denials before the word take the announcement back: "forgot password",
// "hashed_password".
var denials = []string{"forgot", "reset", "hashed", "encrypted", "max", "min", "no", "without", "prompt", "next", "page", "progress", "csrf", "sync", "public", "completion", "input", "output", "continuation"}

// suffixes of a name say that it names something about the password, not the
// password: passwordReset, password_hash; or that the word was the start of
// another: passive, passenger.
var suffixes = []string{"hash", "reset", "policy", "field", "file", "length", "id", "url", "expir", "less", "digest", "type", "hint", "strength", "manager", "changed", "updated", "count", "path", "name", "format", "rule",
	"min", "max", "label", "input", "encod", "confirm", "required", "port", "age", "ed", "ing", "ive", "ion", "enger", "through", "_at", "_on", "ize", "over", "list", "salt", "algo", "provider", "endpoint", "budget", "usage"}

// scanPassword finds what a word for a password announces.
func (c *scan) scanPassword(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	from, firm := c.announced(s, start, end)
	if from < 0 || !firm && passes(s, start, end, from) {
		return dst
	}
	to := valueEnd(s, from)
	if !c.isPassword(s[from:to], firm) || s[from] == '/' || isSelector(s, from, to) || isCode(s, start, from, to) {
		return dst
	}
	return append(dst, finding("secret.password", gateway.SeverityHigh, 0.8, from, to, ""))
}

// passes reports a verb: "the tests pass on glibc2.8". The value would begin at s[from:].
func passes(s string, start, end, from int) bool {
	if !strings.EqualFold(s[start:end], "pass") {
		return false
	}
	for _, word := range strings.Fields(s[end:from]) {
		if strings.EqualFold(word, "on") || strings.EqualFold(word, "to") {
			return true
		}
	}
	return false
}

// scanShortSecret finds assigned secrets of machines below minToken bytes, and
// such that have letters no token has.
func (c *scan) scanShortSecret(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	from, firm := c.announced(s, start, end)
	if from < 0 || !firm {
		return dst
	}
	to := valueEnd(s, from)
	if !c.isShortSecret(s[from:to]) || isSelector(s, from, to) || isCode(s, start, from, to) || isBadge(urlBefore(s, from)) {
		return dst
	}
	return append(dst, finding("secret.short-secret", gateway.SeverityMedium, 0.65, from, to, ""))
}

// scanField judges the whole value of a field whose name says that it is a secret.
func (c *scan) scanField(dst []gateway.Finding, s string) []gateway.Finding {
	if c.key == "" || len(s) < 5 || len(s) > maxPassword || strings.IndexByte(s, ' ') >= 0 || strings.IndexByte(s, '\t') >= 0 || strings.IndexByte(s, '\n') >= 0 || c.words.name(c.key, 0, len(c.key)) != strong {
		return dst
	}
	for _, word := range passwordWords {
		if containsFold(c.key, word) && c.isPassword(s, true) {
			return append(dst, finding("secret.password", gateway.SeverityHigh, 0.85, 0, len(s), ""))
		}
	}
	if len(s) < minToken && c.isShortSecret(s) {
		return append(dst, finding("secret.short-secret", gateway.SeverityMedium, 0.65, 0, len(s), ""))
	}
	return dst
}

// announced returns where the value begins that the word at s[start:end]
// announces, or -1. firm is true after a sign of assignment, false after a verb.
func (c *scan) announced(s string, start, end int) (from int, firm bool) {
	if !startsName(s, start, end) {
		return -1, false
	}
	rest := end // of the name: DB_PASSWORD_PROD, password1
	for rest < len(s) && rest-end < 24 && (alnum[s[rest]] || s[rest] == '_' || s[rest] == '-' || s[rest] == '.') {
		rest++
	}
	if contains(c.suffixes, s[end:rest]) {
		return -1, false
	}
	i := skipAny(s, rest, " \t\"'`\\])*", 6)
	if i >= len(s) {
		return -1, false
	}
	i, firm = connector(s, i, start, end)
	if i < 0 || isExpansion(s, start) {
		return -1, false
	}
	i = skipAny(s, i, " \t\"'`*", 6)
	for i+1 < len(s) && s[i] == '\\' && strings.IndexByte(`"'\`, s[i+1]) >= 0 {
		i += 2
	}
	return i, firm
}

// startsName reports whether the word at s[start:end] is one, or the end of a
// name like dbpassword, and is not taken back by the word before. Short words
// must stand for themselves: compass and bypass are others.
func startsName(s string, start, end int) bool {
	if start > 0 && alnum[s[start-1]] && !startsToken(s, start) && !isUpper(s[start]) && end-start < 6 {
		return false
	}
	i, j, ok := wordBefore(s, max(0, start-16), start)
	if !ok {
		return true
	}
	for _, denial := range denials {
		if len(denial) == j-i && strings.EqualFold(s[i:j], denial) {
			return false
		}
	}
	return true
}

// connector reads what joins the name and its value at s[i], and returns where it
// ends, or -1 if nothing does. The name is at s[start:end].
func connector(s string, i, start, end int) (next int, firm bool) {
	switch {
	case s[i] == '=' || s[i] == ':':
		code := strings.HasPrefix(s[i:], ":=")
		for i < len(s) && strings.IndexByte("=:>~", s[i]) >= 0 {
			i++
		}
		if code && strings.IndexByte("\"'`", at(s, skipAny(s, i, " ", 2))) < 0 {
			return -1, false // password := expression
		}
		return i, true
	case strings.HasPrefix(s[i:], "->"):
		return i + 2, true
	case strings.HasPrefix(s[i:], "："):
		return i + len("："), true
	case s[i] == '>':
		return i + 1, true
	case s[i] == '|':
		return i + 1, false
	}
	verb := 0
	for _, v := range verbs {
		if n := len(v); n > verb && len(s)-i > n && s[i]|' ' == v[0]|' ' && strings.EqualFold(s[i:i+n], v) && (v[0] >= 0x80 || s[i+n] == ' ' || s[i+n] == ':') {
			verb = n
		}
	}
	if verb == 0 && !takesNext(s, start, end) {
		return -1, false
	}
	i += verb
	if at(s, i) == ':' {
		i++
	}
	return i, false
}

// at returns s[i], 0 past the end.
func at(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return 0
}

// takesNext reports whether the word at s[start:end] takes the next one as its
// value without a sign between: --password X, and "login ann password X" of
// netrc files.
func takesNext(s string, start, end int) bool {
	return at(s, end) == ' ' && (strings.HasSuffix(s[:start], "--") || strings.Contains(s[max(0, start-40):start], "login "))
}

// isExpansion reports whether the name around s[start:] is a reference:
// $PASSWORD, ${DB_PASSWORD:?missing}, {{password}}, %PASSWORD%, $(PASSWORD).
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
