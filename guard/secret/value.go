package secret

import "strings"

// maxPassword is the longest password that is read, in bytes.
const maxPassword = 128

// valueEnd returns where the value at s[from:] ends: at white space, a quote,
// an escape, what closes markup, or the next member of a connection string. The
// punctuation of the sentence around it is left out.
func valueEnd(s string, from int) int {
	i, most := from, min(len(s), from+maxPassword)
	for ; i < most; i++ {
		c := s[i]
		if !mayEndValue[c] {
			continue
		}
		if c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '|' || c == '\\' && i+1 < len(s) && strings.IndexByte("nrtu\"'\\", s[i+1]) >= 0 {
			break
		}
		if (c == ';' || c == '&' || c == ',') && i > from && (i+1 == len(s) || s[i+1] <= ' ' || isAssignment(s, i+1)) {
			break
		}
		if c >= 0x80 && closesSentence(s[i:]) {
			break
		}
	}
	for i > from && strings.IndexByte(".,;:)]}", s[i-1]) >= 0 {
		i--
	}
	return i
}

// mayEndValue has the bytes at which a value may end.
var mayEndValue = func() (set [256]bool) {
	for c := range set {
		set[c] = c <= ' ' || c >= 0x80 || strings.IndexByte("\"'`<|\\;&,", byte(c)) >= 0
	}
	return set
}()

func closesSentence(s string) bool {
	for _, mark := range [...]string{"—", "。", "，", "”", "»"} {
		if strings.HasPrefix(s, mark) {
			return true
		}
	}
	return false
}

// isAssignment reports whether s[i:] reads NAME= as the next member of a
// connection string or a query does.
func isAssignment(s string, i int) bool {
	n := i
	for n < len(s) && n-i < 24 && (isWordByte(s[n]) || s[n] == ' ' || s[n] == '_') {
		n++
	}
	return n > i && at(s, n) == '='
}

// ordinary are words that stand after "password:" in schemas and documentation.
var ordinary = []string{"password", "passwd", "passw0rd", "secret", "string", "null", "true", "false", "none", "undefined", "required", "optional", "http:", "https:"}

// isPassword tells a password from what else stands after the word: a type, a
// state, a reference to where it is kept, a placeholder. After a verb it must
// have digits and letters, since "the password is required" has not.
func (c *scan) isPassword(value string, firm bool) bool {
	if len(value) < 5 || len(value) >= maxPassword {
		return false
	}
	sh := shapeOf(value)
	letters := sh.lower + sh.upper
	switch {
	case sh.distinct < 4 || letters == 0:
		return false
	case sh.digit > 0:
		if len(value) < 6 {
			return false
		}
	case !firm:
		return false
	case symbols(value) > 0:
		if len(value) < 7 || strings.ContainsAny(value, "([{") {
			return false
		}
	default:
		if len(value) < 8 || rarity(value) < 6.2 {
			return false
		}
	}
	for _, word := range ordinary {
		if len(word) == len(value) && strings.EqualFold(value, word) {
			return false
		}
	}
	// Password123, secure_pass: documentation's, or as good as none.
	return !containsFold(value, "pass") && !containsFold(value, "p@ss") && !isWordSecret(value) && !isProse(value) && !c.isPlaceholder(value) && !c.isReference(value)
}

// isShortSecret reports a machine's secret that is too short to be told by its
// looks alone.
func (c *scan) isShortSecret(value string) bool {
	if len(value) < 8 || len(value) >= maxPassword || strings.ContainsAny(value, "/:[]()<>") {
		return false
	}
	sh := shapeOf(value)
	return sh.digit > 0 && sh.lower+sh.upper > 0 && !sh.hex && rarity(value) >= 5.2 && c.isPassword(value, true)
}

// symbols counts what is neither a letter, a digit, nor what joins names.
func symbols(value string) int {
	n := 0
	for _, c := range value {
		if c >= 0x80 || !alnum[byte(c)] && strings.IndexByte("-_./", byte(c)) < 0 {
			n++
		}
	}
	return n
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

// hump reports camel case: a small first letter, and later a capital with a
// small one after it.
func hump(name string) bool {
	for i := 1; i+1 < len(name); i++ {
		if isUpper(name[i]) && !isUpper(name[i-1]) && 'a' <= name[i+1] && name[i+1] <= 'z' && 'a' <= name[0] && name[0] <= 'z' {
			return true
		}
	}
	return false
}

// keepers are names of places that secrets are read from.
var keepers = []string{"process.env", "os.environ", "getenv", "env.", "env[", "config.", "secrets.", "vault:", "ref:", "self.", "this.", "req.", "request.", "getpass", "input(", "prompt(", "props.", "://", "()", "=>", "var.", "data.", "str,", "str=", "string;"}

// isReference reports a value that says where the secret is, not what it is.
func (d *Detector) isReference(value string) bool {
	if isExpression(value) || isVariable(value) {
		return true
	}
	return contains(d.keepers, value)
}

// isVariable reports an expansion: $NAME, ${…}, {{…}}, <name>, %NAME%, @name@.
// A dollar with other signs after it begins a password.
func isVariable(value string) bool {
	if len(value) < 2 || !isWordByte(value[1]) && strings.IndexByte("{(<%*[#", value[1]) < 0 {
		return false
	}
	switch value[0] {
	case '&': // in HTML: &lt;string>
		return strings.HasPrefix(value, "&lt;") || strings.HasPrefix(value, "&#x3C;") || strings.HasPrefix(value, "&#60;")
	case '$':
		return !strings.ContainsAny(value, "!@#^&")
	case '<', '{', '[', '(':
		return true
	case '%', '@', '*':
		return value[len(value)-1] == value[0]
	}
	return false
}
