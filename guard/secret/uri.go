package secret

import (
	"strings"

	"toolward/gateway"
)

// maxUserinfo bounds the user and password of a URL, in bytes.
const maxUserinfo = 256

// defaultPasswords are what documentation and local set-ups put into URLs.
var defaultPasswords = []string{"password", "passwd", "pass", "pw", "pwd", "secret", "changeme", "postgres", "mysql", "root", "admin", "example", "test", "user", "username", "guest", "mypassword",
	"mysecretpassword", "token", "redis", "mongo", "dev", "local", "demo", "foo", "bar", "p", "x", "xxx", "xxxx", "yourpassword", "your_password", "db_password", "api_key", "apikey", "pass123", "password123"}

// scanURL finds the password of a URL's userinfo (RFC 3986 §3.2.1) after "://".
// Passwords that hold a raw slash or at sign are common in connection strings
// though the RFC forbids them, so the last at sign of the word counts there.
func (c *scan) scanURL(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	if start == 0 || !alnum[s[start-1]] || strings.IndexByte(s[end:min(len(s), end+maxUserinfo)], '@') < 0 {
		return dst
	}
	at, colon := -1, -1
	slash := false
	i := end
	for ; i < len(s) && i-end < maxUserinfo; i++ {
		b := s[i]
		if b <= ' ' || b == '"' || b == '\'' || b == '`' || b == '<' || b == '>' || b == '\\' || b == ',' && at >= 0 {
			break
		}
		if b == ':' && colon < 0 && !slash {
			colon = i
		}
		if b == ':' && strings.HasPrefix(s[i:], "://") {
			break // the next URL
		}
		if b == '/' || b == '?' || b == '#' {
			if at >= 0 || colon < 0 {
				break
			}
			slash = true
		}
		if b == '@' && (!slash || isDatabase(s, start)) {
			at = i
		}
	}
	if colon < 0 || at < colon+1 {
		return dst
	}
	password := s[colon+1 : at]
	if len(password) < 2 || c.isPlaceholder(password) || c.isReference(password) || password == s[end:colon] || isPublicLogin(s[end:colon], password) {
		return dst
	}
	for _, word := range defaultPasswords {
		if strings.EqualFold(password, word) {
			return dst
		}
	}
	return append(dst, finding("secret.url-password", gateway.SeverityHigh, 0.95, colon+1, at, ""))
}

// isPublicLogin reports a login that everybody has, and what manuals write: three letters,
// and the word that is left when p%40ss is read.
//
//	anonymous:me@ftp.example.org, anoncvs:anoncvs@, abc:xyz@, user:p%40ss@
func isPublicLogin(user, password string) bool {
	return len(password) < 4 || strings.EqualFold(password, "p@ss") || len(user) >= 4 && strings.EqualFold(user[:4], "anon") || containsFold(password, "anoncvs") || containsFold(password, "p%40ss")
}

// isDatabase reports whether the scheme that ends at s[end:] is of a database or a broker.
func isDatabase(s string, end int) bool {
	scheme := s[max(0, end-12):end]
	for _, name := range []string{"postgres", "postgresql", "mysql", "mariadb", "mongodb", "srv", "redis", "rediss", "amqp", "amqps", "sqlserver", "mssql", "oracle", "clickhouse", "nats", "kafka", "cassandra", "neo4j", "couchbase", "cockroachdb", "ldap", "ldaps", "pymysql", "psycopg2", "asyncpg"} {
		if len(scheme) >= len(name) && strings.EqualFold(scheme[len(scheme)-len(name):], name) {
			return true
		}
	}
	return false
}

// scanGoDSN finds the password of user:password@tcp(host:port)/name, the form of
// go-sql-driver/mysql.
func (c *scan) scanGoDSN(dst []gateway.Finding, s string, start int) []gateway.Finding {
	i := start
	for i > 0 && start-i < maxPassword && s[i-1] > ' ' && s[i-1] != '"' && s[i-1] != '\'' && s[i-1] != '`' && s[i-1] != '=' && s[i-1] != '(' {
		i--
	}
	user, password, ok := strings.Cut(s[i:start], ":")
	if !ok || password == "" || password == user || c.isPlaceholder(password) || c.isReference(password) {
		return dst
	}
	for _, word := range defaultPasswords {
		if strings.EqualFold(password, word) {
			return dst
		}
	}
	return append(dst, finding("secret.dsn-password", gateway.SeverityHigh, 0.95, start-len(password), start, ""))
}
