package secret

import (
	"strconv"
	"strings"

	"toolward/guard/literal"
)

// mention is what the words beside a token say about it.
type mention int

const (
	unsaid    mention = iota
	qualified         // denies behind the word that it qualifies (token_type, secret_name), and before "key"
	pager             // denies anywhere in a name: page_token, sync_token, cache_key
	denied            // names something random and public: a commit, a cursor, an ETag
	container         // says nothing: "value", "content"; what encloses it may
	weak              // "key", which is more often a map's than a lock's
	strong            // "token", "secret", "credential"
)

// vocabulary maps words of identifiers and prose to what they say.
type vocabulary struct {
	said    map[string]mention
	lengths [1 << 10]uint32 // by the first two bytes of words, by five bits of each: how long they are, as bits
}

func newVocabulary() *vocabulary {
	v := &vocabulary{said: map[string]mention{}}
	for said, names := range map[mention][]string{
		strong: {"secret", "secrets", "token", "tokens", "password", "passwd", "pwd", "pass", "passphrase", "passcode", "apikey", "apikeys", "apitoken", "authtoken",
			"accesstoken", "refreshtoken", "bearertoken", "authkey", "secretkey", "accesskey", "privatekey", "signingkey", "encryptionkey", "masterkey", "sharedkey",
			"appkey", "servicekey", "licensekey", "clientsecret", "credential", "credentials", "cred", "creds", "auth", "authorization", "authentication", "authenticate",
			"bearer", "jwt", "pat", "login", "oauth", "apisecret", "webhooksecret", "psk", "sas", "kennwort", "passwort", "schlüssel", "senha", "clave", "jeton", "токен", "пароль",
			"ключ", "token：", "geheim", "secreto", "segredo", "contraseña", "密钥", "令牌"},
		weak:      {"key", "keys", "access", "session", "sessionid", "sid", "cookie", "license", "licence", "api", "private", "encryption", "signing", "salt", "seed", "account", "unauthorized", "client"},
		container: {"value", "values", "val", "data", "content", "contents", "text", "body", "message", "string", "header", "headers", "note", "notes", "env", "export", "config", "default", "input", "arg", "args"},
		denied: {"public", "pubkey", "publickey", "publishable", "cursor", "continuation", "pagination", "idempotency", "idempotent", "dedupe", "dedup", "deduplication", "etag", "etags",
			"hash", "hashes", "hashed", "sha", "sha1", "sha256", "sha384", "sha512", "md5", "blake2", "digest", "checksum", "crc", "integrity", "fingerprint", "commit", "commits", "revision", "rev",
			"ref", "refs", "traceparent", "traceid", "requestid", "correlation", "uuid", "guid", "ulid", "href", "nonce", "csrf", "xsrf", "kid", "thumbprint", "serial", "certificate", "cert", "arn",
			"tracking", "wallet", "contract", "sitekey", "manifest", "layer", "snapshot", "image", "commitment", "bytecode", "h1", "signature", "sig", "encrypted", "wrapped", "ciphertext", "mac", "hmac", "x5t", "x5c"},
		pager: {"page", "next", "prev", "previous", "progress", "sync", "cache", "cached", "partition", "primary", "foreign", "sort", "row", "search", "scroll", "watermark", "offset", "checkpoint", "resume", "delta", "state", "challenge", "captcha",
			"max", "min", "limit", "total", "usage", "prompt", "completion", "count", "counts", "span", "reset", "forgot"},
		qualified: {"pub", "id", "ids", "name", "names", "type", "types", "version", "versions", "ver", "object", "trace", "request", "images", "tag", "tags", "file", "files", "filename", "path", "url", "uri", "src", "link",
			"expires", "expiry", "expiration", "expire", "expired", "ttl", "length", "size", "format", "algorithm", "alg", "index", "translation", "i18n", "color", "class", "style", "bucket", "s3", "blob", "asset", "build", "release",
			"tree", "parent", "branch", "merge", "role", "order", "transaction", "tx", "address", "tokenizer", "lang", "locale", "device", "event", "job", "run", "charge", "hostname", "node", "pod", "instance", "shard", "bundle",
			"chunk", "module", "package", "peer", "policy", "field", "label", "hint", "placeholder", "required", "strength", "manager", "rotation", "reader", "provider", "method", "endpoint", "status", "scope", "at", "issuer"},
	} {
		for _, name := range names {
			v.said[name] = said
			v.lengths[begin(name, 0)] |= 1 << len(name)
		}
	}
	return v
}

// begin is where the lengths of the words are kept that begin as s[i:] does.
func begin(s string, i int) int { return int(s[i]&31)<<5 | int(s[i+1]&31) }

// maxWord is the longest word that is looked up, in bytes.
const maxWord = 24

// look says what s[i:j] means, in any ASCII case.
func (v *vocabulary) look(s string, i, j int) mention {
	if j-i > maxWord || j-i < 2 || v.lengths[begin(s, i)]>>(j-i)&1 == 0 {
		return unsaid
	}
	var word [maxWord]byte
	for n := i; n < j; n++ {
		word[n-i] = literal.Fold(s[n])
	}
	return v.said[string(word[:j-i])]
}

func isWordByte(c byte) bool { return alnum[c] || c >= 0x80 }

// wordBefore returns the bounds of the last word that ends at or before end and
// starts at or after floor: letters and digits, split where camel case humps,
// with the letter of an escape like \n left out. ok is false when none is left.
func wordBefore(s string, floor, end int) (i, j int, ok bool) {
	j = end
	for j > floor && !isWordByte(s[j-1]) {
		j--
	}
	if j == floor {
		return 0, 0, false
	}
	i = j
	for i > floor && isWordByte(s[i-1]) {
		i--
		if i > floor && isUpper(s[i]) && !isUpper(s[i-1]) && isWordByte(s[i-1]) {
			return i, j, true
		}
	}
	if i > floor && isEscapeTail(s, i) {
		if j == i+1 { // the escape alone
			return wordBefore(s, floor, i)
		}
		i++
	}
	return i, j, true
}

// field returns the part of a JSON pointer that names a value: the last member,
// and the one before it where the last says nothing (/credentials/value, /tokens/0).
func (v *vocabulary) field(pointer string) string {
	cut := strings.LastIndexByte(pointer, '/')
	if cut <= 0 {
		return pointer[cut+1:]
	}
	last := pointer[cut+1:]
	if !isIndex(last) && v.name(last, 0, len(last)) != container {
		return last
	}
	return pointer[strings.LastIndexByte(pointer[:cut], '/')+1:]
}

// isIndex reports a number, as the members of a list have.
func isIndex(name string) bool {
	if name == "" || alnum[name[0]] && name[0] > '9' { // what is no number is dear to ask about
		return false
	}
	_, err := strconv.Atoi(name)
	return err == nil
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

// name judges an identifier or a title ("X-Api-Key", "access token") in
// s[floor:end], from its last word to its first. A word that denies outweighs the
// rest: sync_token is not a token. One that qualifies does so behind a strong word:
// token_type is not a token, job_token is. "key" is strong after a word that
// says what it opens.
func (v *vocabulary) name(s string, floor, end int) mention {
	said := unsaid
	weaks, unknown := 0, 0
	for i, j, ok := wordBefore(s, floor, end); ok; i, j, ok = wordBefore(s, floor, i) {
		switch m := v.look(s, i, j); m {
		case denied, pager:
			return denied
		case qualified:
			if said < strong {
				return denied
			}
		case weak:
			weaks++
			said = max(said, m)
		case unsaid:
			unknown++
		default:
			said = max(said, m)
		}
	}
	switch {
	case weaks > 1:
		return strong
	case said == container && unknown > 0:
		return unsaid
	}
	return said
}

// window is how far back prose is read for context, in bytes.
const window = 56

// assigned finds the name that s[start:] is assigned to: NAME = x, "name": "x",
// name => x, <name>x. It returns the name's bounds; ok is false where a token
// does not follow an assignment.
func assigned(s string, start int) (from, to int, ok bool) {
	floor := max(0, start-window)
	j := skipBack(s, floor, start, " \t\"'`\\([{")
	if j == floor {
		return 0, 0, false
	}
	switch s[j-1] {
	case '=', ':':
		j--
	case '>':
		j--
		if j > floor && (s[j-1] == '=' || s[j-1] == '-') {
			j--
		}
	default:
		return 0, 0, false
	}
	if j > floor && s[j-1] == ':' { // :=
		j--
	}
	to = skipBack(s, floor, j, " \t\"'`\\])*")
	from = to
	spaces := 0
	for from > floor {
		c := s[from-1]
		if c == ' ' {
			spaces++
		}
		if !isWordByte(c) && c != '_' && c != '-' && c != '.' && (c != ' ' || spaces > 2) {
			break
		}
		from--
	}
	for from < to && s[from] == ' ' {
		from++
	}
	return from, to, from < to
}

func skipBack(s string, floor, j int, set string) int {
	for j > floor {
		for k := 0; ; k++ {
			if k == len(set) {
				return j
			}
			if s[j-1] == set[k] {
				break
			}
		}
		j--
	}
	return j
}

// idBefore returns where a number of five digits or more that ends at s[to] begins, or to.
func idBefore(s string, from, to int) int {
	i := to
	for i > from && '0' <= s[i-1] && s[i-1] <= '9' {
		i--
	}
	if to-i < 5 {
		return to
	}
	return i
}

// handOvers are what people write before a credential that they pass on.
var handOvers = []string{"asked for", "requested", "here you go", "here it is", "use this", "delete after", "keep it safe", "do not share", "don't share"}

func handsOver(text string) bool {
	for _, phrase := range handOvers {
		if containsFold(text, phrase) {
			return true
		}
	}
	return false
}

// context says what surrounds the token at s[start:]: the name it is assigned
// to, or else the nearest telling word of the text before it. near is true if
// that is the name itself or a word at most four away. key is the name of the
// field whose value s is.
func (v *vocabulary) context(key, s string, start int) (said mention, near bool) {
	from, to, ok := assigned(s, start)
	if ok && to == start-1 && s[to] == ':' {
		if id := idBefore(s, from, to); id < to { // 123456:TOKEN
			start = id
			from, to, ok = assigned(s, start)
		}
	}
	floor, end := max(0, start-window), start
	if ok {
		switch m := v.name(s, from, to); m {
		case strong, weak, denied:
			return m, true
		case unsaid:
			if !handsOver(s[floor:to]) {
				return unsaid, true
			}
			return strong, true
		}
		end = from
	}
	n := 0
	for i, j, ok := wordBefore(s, floor, end); ok; i, j, ok = wordBefore(s, floor, i) {
		n++
		m := v.look(s, i, j)
		if (m == qualified || m == pager) && n == 1 { // "token id X"
			return denied, true
		}
		if m < denied || m == container {
			continue
		}
		if from, to, ok := wordBefore(s, floor, i); ok && m != denied {
			switch v.look(s, from, to) {
			case denied, pager: // "public key", "page token"
				m = denied
			case qualified: // "object key"
				if m == weak {
					m = denied
				}
			case weak, strong: // "api key"
				m = strong
			}
		}
		return m, n <= 4
	}
	if floor == 0 && key != "" {
		return v.name(key, 0, len(key)), true
	}
	if handsOver(s[floor:end]) {
		return strong, true
	}
	return unsaid, false
}
