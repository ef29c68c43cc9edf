package secret

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// What stands behind "password:" and "token =" in programs is mostly more program:
// names, calls and, where the program was minified, what no person writes. It is asked
// only of values that would be reported, and that no quotes are around.

// program matches the beginning of a value that is program text.
//
//	password:!0,range:!0            a flag, minified
//	pass: !!info.isNot              a negated name
//	password:r,strength:i,ready:a   members of an object
//	password:Lr(e,t),signed:n       a call of a short name
//	password = utils$1.getSafeProp( a call of a member
//	secret: Uint8Array              a type
//	tokenStart=i+1}}return          a sum that ends a block
var program = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`!{1,2}[01](?:[,;)}\]].*)?$`,
	`!{1,2}[A-Za-z_$]{2,}(?:\.[A-Za-z_$]+)*$`,
	`(?:null|true|false|undefined|this)[,;)}\].]`,
	`!{0,2}[A-Za-z_$][\w$]{0,2},[\w$]+:`,
	`[A-Za-z_$][\w$]{0,2}\([\w$., ]*\)`,
	`[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+\(`,
	`(?:Uint|Int|Float|BigInt|BigUint)(?:8|16|32|64)(?:Clamped)?Array\b`,
	`[A-Za-z_$][\w$.]{0,30}[-+*/%]\d{1,6}[)}\];,]`,
}, "|") + `)`)

// renamed matches a name that a bundler made unique, CancelToken$1, as a whole statement's
// value.
var renamed = regexp.MustCompile(`^[A-Z][a-z]+[A-Z]\w*\$\d{1,2}$`)

// isCode reports whether the value at s[from:to] is program text.
func isCode(s string, start, from, to int) bool {
	value := s[from:to]
	if from > 0 && strings.IndexByte("\"'`", s[from-1]) >= 0 {
		return value[0] == '+' && len(value) > 1 && isWordByte(value[1]) // "PWD="+cmd.Dir
	}
	switch {
	case program.MatchString(value):
		return true
	case renamed.MatchString(value):
		return at(s, to) == ';' || at(s, to) == ',' || at(s, to) == ')'
	case isDeclared(s, start):
		return true
	}
	return isConstant(value)
}

// isDeclared reports whether the name at s[start:] is declared there: what is not quoted
// behind it is an expression.
//
//	const pass2 = index2 !== -1
func isDeclared(s string, start int) bool {
	i := start
	for i > 0 && start-i < 24 && (isWordByte(s[i-1]) || s[i-1] == '_' || s[i-1] == '$') {
		i--
	}
	for _, word := range [...]string{"const ", "let ", "var "} {
		if strings.HasSuffix(s[:i], word) {
			return true
		}
	}
	return false
}

// isConstant reports the name of a constant, K8S_VOLUME_TYPE_SECRET: three words in
// capitals at least.
func isConstant(value string) bool {
	words := 0
	for part := range strings.SplitSeq(value, "_") {
		switch {
		case len(part) >= 3 && strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
			words++
		case strings.Trim(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "":
			return false
		}
	}
	return words >= 3
}

// leet undoes what people put in place of letters.
var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "$", "s", "@", "a")

// isWordSecret reports a password that says "secret" and nothing else, which is what
// documentation and tests write: secret1, s3cr3t, secret-3-levels.
func isWordSecret(value string) bool {
	if !containsFold(value, "cr") { // in all of them; the rest makes copies
		return false
	}
	value = strings.ToLower(value)
	switch word := leet.Replace(strings.TrimRight(value, "0123456789!.")); word {
	case "secret", "mysecret", "topsecret", "supersecret", "soopersecret", "verysecret":
		return true
	}
	said := false
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == '-' || r == '_' }) {
		digits := strings.Trim(part, "0123456789") == ""
		if digits && len(part) > 2 || !digits && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") != "" {
			return false
		}
		said = said || part == "secret"
	}
	return said && strings.ContainsAny(value, "-_")
}

// algorithms are parts of their names, which no chance writes.
var algorithms = []string{"SHA256", "SHA384", "SHA512", "RSASHA", "ECDSA", "MLDSA", "ED25519", "_AES_", "PKCS1", "_HWPROBE_"}

// unnumbered takes words out of a name whose digits are not of chance.
var unnumbered = strings.NewReplacer("K8s", "", "Ipv4", "", "IPv4", "", "Ipv6", "", "IPv6", "", "Oauth2", "", "OAuth2", "", "Http2", "", "HTTP2", "")

// isTechnical reports names of algorithms, and names in programs that have no other digits
// than those of a technical word.
//
//	KeyAlgoRSASHA512, cipher_TLS_PSK_WITH_AES_128_CCM, EnableK8sTokensViaDns
func isTechnical(token string) bool {
	for _, name := range algorithms {
		if strings.Contains(token, name) {
			return true
		}
	}
	rest := unnumbered.Replace(token)
	return len(rest) < len(token) && !strings.ContainsAny(rest, "0123456789") || isCamel(token)
}

// isCamel reports a name of three words or more in camel case, which with two digits at
// most fill three quarters of it: P2sVpnGatewaysClient. Of random letters that is one in many
// thousands.
func isCamel(token string) bool {
	words, filled, digits := 0, 0, 0
	for i := 0; i < len(token); {
		if !alnum[token[i]] {
			return false
		}
		if !isUpper(token[i]) {
			if token[i] <= '9' {
				digits++
			}
			i++
			continue
		}
		n := 1
		for i+n < len(token) && lowers[token[i+n]] && token[i+n] >= 'a' {
			n++
		}
		if n >= 3 {
			words, filled = words+1, filled+n
		}
		i += n
	}
	return words >= 3 && digits <= 2 && filled*4 >= len(token)*3
}

// isProse reports base64 of a sentence. What is secret in it is found where it is
// decoded.
//
//	bm90IG15IHJlYWwgcGFzc3dvcmQ=   "not my real password"
func isProse(token string) bool {
	token = strings.TrimRight(token, "=")
	var plain [maxToken]byte
	n, err := base64.RawStdEncoding.Decode(plain[:], []byte(token[:len(token)-len(token)%4]))
	if err != nil || n < 12 {
		return false
	}
	blanks := 0
	for _, c := range plain[:n] {
		switch {
		case c == ' ':
			blanks++
		case c < ' ' || c > '~' || !isWordByte(c) && strings.IndexByte(".,:;'!?-", c) < 0:
			return false
		}
	}
	return blanks >= 2 && blanks*3 < n && blanks*12 >= n
}

// isBadge reports a picture's address, whose token everybody may read:
// https://codecov.io/gh/a/b/branch/main/graph/badge.svg?token=…
func isBadge(link string) bool {
	return strings.Contains(link, "badge") || strings.Contains(link, ".svg?")
}
