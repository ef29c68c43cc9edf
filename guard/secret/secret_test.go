package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard/secret"
)

func newDetector(t testing.TB, options secret.Options) *secret.Detector {
	t.Helper()
	d, err := secret.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// spans returns what was found as "rule over value".
func spans(found []gateway.Finding, s string) []string {
	var all []string
	for _, f := range found {
		all = append(all, strings.TrimPrefix(f.Rule, "secret.")+" "+s[f.Span[0]:f.Span[1]])
	}
	return all
}

// made are values for the tests below; none was ever issued.
const (
	madeToken  = "vX2qLr8" + "TzB5mKd0WyHs3" + "JfUe7Np4Rc9G"
	madeHex    = "9f3a7c1e" + "5b2d8046" + "af91c3e7" + "d05b6284"
	madeBase64 = "kJ8s/vQ2x+Lm" + "9TfRz0WbYc7NhE4uAoG5" + "iDpV3aXq="
)

func TestSecretsInTheirWords(t *testing.T) {
	d := newDetector(t, secret.Options{})
	basic := base64.StdEncoding.EncodeToString([]byte("svc-deploy:h8Rt" + "!mQz2"))
	for _, tt := range []struct{ text, want string }{
		// Passwords that people choose.
		{"password: hunter2", "password hunter2"},
		{`{"user": "ann", "password": "Tr0ub4dor&3"}`, "password Tr0ub4dor&3"},
		{"DB_PASSWORD=k3ks-im-haus", "password k3ks-im-haus"},
		{"PGPASSWORD=zu9eifaX psql", "password zu9eifaX"},
		{"mysql -u root --password=Gh7#kq2w prod", "password Gh7#kq2w"},
		{"The password is Sommer2024!, keep it", "password Sommer2024!"},
		{"the wifi password is now blau-7-wolke.", "password blau-7-wolke"},
		{"Das Passwort lautet Kuchen42!", "password Kuchen42!"},
		{"mot de passe : Fleur*2023", "password Fleur*2023"},
		{"la contraseña es gato-azul9", "password gato-azul9"},
		{"senha: pao2quente", "password pao2quente"},
		{"Пароль: zima2025", "password zima2025"},
		{"密码：dragon88x", "password dragon88x"},
		{"パスワードは sakura-77x です", "password sakura-77x"},
		{"hasło: Zamek_19", "password Zamek_19"},
		{"<password>qT7-rex-41</password>", "password qT7-rex-41"},
		{"Server=db;User Id=sa;Password=Rk7!tq2Lw;Encrypt=true", "password Rk7!tq2Lw"},
		{"jdbc:mysql://db/x?user=app&password=Rk7tq2Lw9&ssl=1", "password Rk7tq2Lw9"},
		{`password => 'n0rdlicht'`, "password n0rdlicht"},
		{`TOKEN=x\nPASSWORD=qw3rtz9\nPORT=1`, "password qw3rtz9"},

		// Programs' arguments.
		{"sshpass -p 'k9-Maus!7' ssh ann@host", "command-password k9-Maus!7"},
		{`sshpass -p "k9Maus77" scp a b:`, "command-password k9Maus77"},
		{"sshpass -pk9Maus77 ssh ann@host", "command-password k9Maus77"},
		{"cd /srv && mysql -uroot -pk9Maus77 prod < dump.sql", "command-password k9Maus77"},
		{"mysqldump -h db -u app -pk9Maus77 prod", "command-password k9Maus77"},
		{"redis-cli -h cache -a k9Maus77 ping", "command-password k9Maus77"},
		{"docker login -u ann -p k9Maus77 registry.example.com", "command-password k9Maus77"},
		{"curl -su ann:k9Maus77 https://api.example.com", "command-password k9Maus77"},
		{"curl https://api.example.com --user ann:k9Maus77", "command-password k9Maus77"},
		{"ldapsearch -x -D cn=admin -w k9Maus77 -b dc=x", "command-password k9Maus77"},
		{"smbclient //host/share -U ann%k9Maus77", "command-password k9Maus77"},
		{"plink -ssh ann@host -pw k9Maus77", "command-password k9Maus77"},
		{"7z x -pk9Maus77 archive.7z", "command-password k9Maus77"},
		{"sqlcmd -S db -U sa -P k9Maus77", "command-password k9Maus77"},

		// URLs and connection strings.
		{"postgres://app:Zk8rPq2v@db.internal:5432/prod", "url-password Zk8rPq2v"},
		{"mongodb+srv://svc:a/b+c9@cluster0.example.net/x", "url-password a/b+c9"},
		{"redis://:p4rtyTime@cache:6379", "url-password p4rtyTime"},
		{"amqps://u:Q9z!x7@mq/vhost", "url-password Q9z!x7"},
		{"git clone https://ann:Vb7kq2Lw@git.example.com/r.git", "url-password Vb7kq2Lw"},
		{"app:Zk8rPq2v@tcp(db:3306)/prod", "dsn-password Zk8rPq2v"},
		{"https://" + madeToken + "@github.example.com/r.git", "token-in-context " + madeToken},

		// Headers.
		{"Authorization: Bearer " + madeToken, "bearer-token " + madeToken},
		{`curl -H "authorization: bearer ` + madeToken + `" https://x`, "bearer-token " + madeToken},
		{"Authorization: Basic " + basic, "basic-auth " + basic},
		{"Authorization: Token " + madeToken, "token-in-context " + madeToken},
		{"X-Api-Key: " + madeHex, "token-in-context " + madeHex},

		// Tokens that nothing but their words tell.
		{"client_secret=" + madeToken, "token-in-context " + madeToken},
		{`{"apiKey": "` + madeToken + `"}`, "token-in-context " + madeToken},
		{`{"credentials": {"value": "` + madeHex + `"}}`, "token-in-context " + madeHex},
		{"API key: " + madeHex, "token-in-context " + madeHex},
		{"the access token is " + madeToken + ".", "token-in-context " + madeToken},
		{"aws_secret_access_key = " + madeBase64, "token-in-context " + madeBase64},
		{"CI_JOB_TOKEN=" + madeToken, "token-in-context " + madeToken},
		{"RELEASE_TOKEN: " + madeHex, "token-in-context " + madeHex},
		{"--token " + madeToken, "token-in-context " + madeToken},
		{"here is what you asked for: " + madeToken, "token-in-context " + madeToken},
		{"https://api.example.com/v1?api_key=" + madeHex + "&x=1", "token-in-context " + madeHex},
		{"acme_live_" + madeToken, "token-in-context acme_live_" + madeToken},
		{"secret: k9Tz2mQx", "short-secret k9Tz2mQx"},

		// Passwords that begin as program text does.
		{"password: !k9Maus77", "password !k9Maus77"},
		{"PASSWORD=Ab,k9Maus77", "password Ab,k9Maus77"},
		{"password=Lr(k9!Maus", "password Lr(k9!Maus"},
		{"password: i+1Maus;k9", "password i+1Maus;k9"},
		{"TOKEN=K9TZ_2MQX7", "short-secret K9TZ_2MQX7"},
		{`const password = "k9Maus77"`, "password k9Maus77"},
		{`var dbPassword = 'n0rdlicht'`, "password n0rdlicht"},
		{"password: secret-Maus-77x", "password secret-Maus-77x"},
		{"password: s3cr3tMaus", "password s3cr3tMaus"},
		{"PASSWORD=Sommer$1", "password Sommer$1"},
		{"the wifi pass is blau-7-wolke", "password blau-7-wolke"},
		{"tool --pass k9Maus77 x", "password k9Maus77"},
		{"https://ann:k9M7@host", "url-password k9M7"},
	} {
		if got := spans(d.Scan(nil, "", tt.text), tt.text); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestOrdinaryTextIsNotSecret(t *testing.T) {
	d := newDetector(t, secret.Options{})
	for _, text := range []string{
		"password: <your password>", "password: ********", "PASSWORD=${DB_PASSWORD:?missing}", "password = os.environ['DB_PASSWORD']", `password: "{{ vault_password }}"`, "password is required",
		"Your password must be 8-20 characters", "forgot password: click here", "password_hash: " + madeHex, "passwordResetUrl=https://example.com/reset", "password: string", "type Password = string",
		"pass: true", "bypass: enabled9", "compass=north42", "pwd: /home/ann/work", "token_type: Bearer", `"max_tokens": 4096`, "token: null", "tokens: 12345678", "secret_name: my-secret-2", "secretRef: prod/db-1",
		"credentialsId: \"deploy-key-2024\"", "Authorization: Bearer <token>", "Authorization: Bearer $TOKEN", "bearer of bad news", "basic authentication", "Basic Operations",
		"https://example.com:8080/a@b", "https://user:password@example.com", "postgres://postgres:postgres@localhost/db", "postgres://user:${PW}@host/db", "ssh://git@github.com/a/b", "time 10:20:30@home",
		"commit " + "395d78e3af39932a4b5ce5e1f95570bee62fb700", `"etag": "` + madeHex + `"`, "sha256:" + madeHex + madeHex, "cache_key=" + madeHex, "Idempotency-Key: 1619b69f-d248-8329-4f1e-abbcc02df169",
		"uses: actions/login@" + "dbcb813823bdd20940b903addbd779551569679f", `"integrity": "sha512-` + madeBase64 + madeBase64 + `"`, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5lQRAqPe2B1QrnR5e80RIPegVr4JTyTP8gqHXLlTfIyd ann@host",
		`"next_page_token": "` + madeToken + `"`, `{"progressToken":"7f6d7812-24fa-4149-b865-bd06f50cdba4"}`, "csrf_token: " + madeToken, "token_id=" + madeToken, "password_policy_id: " + madeHex, "object_key: " + madeToken, "public_key=" + madeToken, "pk_live_" + madeToken[:24], "price_" + madeToken[:24], "fingerprint SHA256:" + madeBase64,
		"-----BEGIN PUBLIC KEY-----\n" + madeBase64 + madeBase64 + "\n-----END PUBLIC KEY-----", "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----", "eyJub3QiOiJhIHRva2VuIn0.x.y",
		"TestHMACSHA256Base64EncodingOfKeys", "key := r.Header.Get(\"X-Request-Id\")", "privateKey, err := x509.ParsePKCS8PrivateKey(der)", "keyDecoder = decodeKeyByBitmapUint8", "token = tokens[index1]",
		"https://twitter.com/a/status/1619701277419794435?s=20&t=GtoMlmYCSt-UmvjqJVbBSA", "trace 00-6a7df3f90ee970dab089dc4a522aa40d-eed8c84c8fb27171-01", "01JTND5Z15P1AJ0WA0J7CCZBEK", "arn:aws:iam::119115404952:role/kitNTrJQRqGb",
		"0xd7f9cee4bd9193e31a8bfc24d1649cb41bbdbaf4", "api-846ff495b-jdzyl 1/1 Running", `"sort_key": "user#01JTND5Z15P1AJ0WA0J7CCZBEK"`, "keyboard shortcut: ctrl+shift+p9", "monkey = banana42",
		"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk", "Set the `API_KEY` header to your secret token; rotate passwords every 90 days.",
		"sshpass -p $PASSWORD ssh host", `sshpass -p "$SSH_PASS9" ssh host`, "sshpass -e ssh host", "mysql -u root -p", "mysql -p prod", "mysql -h db -P 3306 -u app prod", "docker run -p 8080:80 nginx1",
		"curl -u $USER:$TOKEN https://x", "curl -u ann: https://x", "curl -sS https://x.example/a:b1c2d3e4", "unzip -p archive1.zip file2.txt", "use curl -u user:password to log in", "redis-cli -a", "zip -r a1b2c3.zip dir",
		"a.b.c 1.2.3 v1.22.3-rc1 example.com", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "sk-ant-api03-your-key-here-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",

		// Programs, also minified.
		"a={isToken:!0,isTag:!1}", "email:!0,month:!0,number:!0,password:!0,range:!0,search:!0,tel:!0,week:!0};function tr(e){}", "const pass = !received;", "const pass = !!received;",
		"return { pass: !!info.isNot, message }", "if (result.pass === !!info.isNot) {", "const pass2 = index2 !== -1;", "let token3 = tokenizer2", "var password = utils$1.getSafeProp(auth, 'password') || '';",
		"{ready:new Promise(e=>this.r=e),password:Lr(e,t),signed:n,strength:r-1,pending:new Uint8Array}", "let n=this,{password:r,strength:i,resolveReady:a,ready:o}=n,s=new Uint8Array;",
		"setSecret(secret: Uint8Array, signal?: AbortSignal)", "setSecret(secret: Uint8Array): void", "axios.CancelToken = CancelToken$1;", "result.push(v.slice(tokenStartI,i+1)),tokenStartI=i+1}}return result",
		"n.baseTokens=null,n.baseTokenPos=1},c=0", "exports.K8S_VOLUME_TYPE_VALUE_SECRET = K8S_VOLUME_TYPE_VALUE_SECRET;", "hasLoadErrors:!1};return this", "keepSourceTokens:!1,logLevel:`warn`",

		"case KeyAlgoRSA, KeyAlgoRSASHA256, KeyAlgoRSASHA512:", "CertAlgoECDSA256v01:   KeyAlgoECDSA256,", "cipher_TLS_PSK_WITH_AES_128_CCM_8,", "auth is allowed\n\tEnableK8sTokensViaDns bool", "config: private\n\t// WebServerIpv4CidrBlock: Optional.",
		"func NewP2sVpnGatewaysClient(subscriptionID string)", "client P2sVpnGatewaysClient", "type oauth2 credential: GoogleOauth2ServiceAccount1Token",
		`cmd.Env = append(os.Environ(), "PWD="+pkgdir2)`, `append(slices.Clip(cfg.Env), "PWD="+cfg.Dir)`, `{"riscv_HWPROBE_KEY_IMA_EXT_0", riscv_HWPROBE_KEY_IMA_EXT_0}`,

		// Documentation and tests.
		"password: 'secret123'", "password: 'secret1'", "password: 's3cr3t'", "password: 's00pers3cret'", "{ password: 'secret-2-levels' }", "password: 'real-secret-6-levels'", "idToken: 'eyJhbGciOiJS...'",
		"auth: 'aXNhYWNzOm5vdCBteSByZWFsIHBhc3N3b3Jk'", "password: 'bm90IG15IHJlYWwgcGFzc3dvcmQ='", "proxy credentials can reach it (GHSA-6cv7-626c-qhqw)", "the key of the cluster.\n * @example MkU3OEVBNTcwNTJENDM2Qk",
		"new URL('http://abc:xyz@example.com')", "// Prints https://abc:123@example.com/", "cvs://:pserver:anoncvs@sources.example.org:/cvs", "ftp://anonymous:ann9k@ftp.example.org/pub", "`https://user:p%40ss@host`",
		"<code>{pem: &#x3C;string|buffer>[, passphrase: &#x3C;string>]}</code>", "password: &lt;string9>", "malloc_free_fill test doesn't pass on glibc2.8 x86", "these pass to handler2x", "the key algorithms supported: `'RSASSA-PKCS1-v1_5'`",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
		"[![codecov](https://codecov.io/gh/a/b/branch/main/graph/badge.svg?token=" + madeToken[:10] + ")](https://codecov.io/gh/a/b)", "![](https://codecov.io/gh/a/b/badge.svg?token=" + madeToken + ")",
	} {
		if got := spans(d.Scan(nil, "", text), text); len(got) > 0 {
			t.Errorf("%q: got %q, want nothing", text, got)
		}
	}
}

func TestPrivateKeysWholeAndCut(t *testing.T) {
	d := newDetector(t, secret.Options{})
	begin, end := "-----BEGIN "+"RSA PRIVATE KEY-----", "-----END "+"RSA PRIVATE KEY-----"
	body := madeBase64 + "\n" + madeBase64
	putty := "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 1\n" + madeBase64 + "\nPrivate-Lines: 1\n" + madeBase64 + "\nPrivate-MAC: " + madeHex
	for _, text := range []string{
		begin + "\n" + body + "\n" + end,
		begin + "\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + body + "\n" + end,
		begin + "\n" + body, // cut off
		strings.ReplaceAll(begin+"\n"+body+"\n"+end, "\n", `\n`),
		strings.ReplaceAll(begin+"\n"+body+"\n"+end, "\n", `\\n`),
		strings.ReplaceAll(begin+"\n"+body+"\n"+end, "\n", " "),
		"> " + strings.ReplaceAll(begin+"\n"+body+"\n"+end, "\n", "\n> "),
		strings.ReplaceAll(begin+"\n"+body+"\n"+end, "RSA", "OPENSSH"),
		strings.ReplaceAll(begin+"\n"+body+"\n"+end, "RSA PRIVATE KEY", "PGP PRIVATE KEY BLOCK"),
		putty,
	} {
		found := d.Scan(nil, "", "see "+text)
		if len(found) != 1 || found[0].Span[1] != len(text)+4 || found[0].Span[0] > 6 {
			t.Errorf("%q: got %v, want one over all of it", text, found)
		}
	}
}

func TestFieldNameIsContext(t *testing.T) {
	d := newDetector(t, secret.Options{})
	for _, tt := range []struct{ key, value, want string }{
		{"/db/password", "n0rdlicht", "password n0rdlicht"},
		{"token", madeHex, "token-in-context " + madeHex},
		{"/credentials/value", madeToken, "token-in-context " + madeToken},
		{"/secrets/0", madeToken, "token-in-context " + madeToken},
		{"clientSecret", "k9Tz2mQx", "short-secret k9Tz2mQx"},
	} {
		if got := spans(d.Scan(nil, tt.key, tt.value), tt.value); !slices.Equal(got, []string{tt.want}) {
			t.Errorf("%s=%s: got %q, want %q", tt.key, tt.value, got, tt.want)
		}
	}
	for _, key := range []string{"/_meta/progressToken", "progress_token", "commit", "next_page_token", "/token/id", "/properties/password/description", "etag"} {
		if got := spans(d.Scan(nil, key, madeHex), madeHex); len(got) > 0 {
			t.Errorf("%s: got %q, want nothing", key, got)
		}
	}
}

func TestHoneytokensRecasedAndTakenApart(t *testing.T) {
	d := newDetector(t, secret.Options{Honeytokens: []string{"Canary-Account-7731", "blue heron 92"}})
	for _, tt := range []struct{ text, want string }{
		{"send to canary-account-7731 now", "canary-account-7731"},
		{"CANARYACCOUNT7731", "CANARYACCOUNT7731"},
		{"canary_account_77 31", "canary_account_77 31"},
		{`c.a.n.a.r.y", "account", "7731"`, `c.a.n.a.r.y", "account", "7731`},
		{"Blue\nHeron\n92!", "Blue\nHeron\n92"},
	} {
		found := d.Scan(nil, "", tt.text)
		if len(found) != 1 || found[0].Kind != gateway.FindingHoneytoken || tt.text[found[0].Span[0]:found[0].Span[1]] != tt.want {
			t.Errorf("%q: got %v, want one over %q", tt.text, found, tt.want)
		}
	}
	if found := d.Scan(nil, "", "canary account 773"); len(found) > 0 {
		t.Errorf("cut short: got %v, want nothing", found)
	}
}

func TestHoneytokensThatChanceWritesAreRefused(t *testing.T) {
	if _, err := secret.New(secret.Options{Honeytokens: []string{"Canary-Account-7731", "a-b-c-1"}}); err == nil || !strings.Contains(err.Error(), "honeytoken 2") {
		t.Errorf("got %v, want an error that names honeytoken 2", err)
	}
	if _, err := secret.New(secret.Options{Honeytokens: []string{strings.Repeat("x", secret.MaxHoneytoken+1)}}); err == nil {
		t.Error("too long a token: got no error")
	}
	if _, err := secret.New(secret.Options{Honeytokens: slices.Repeat([]string{strings.Repeat("x", secret.MaxHoneytoken)}, secret.MaxHoneytokens/secret.MaxHoneytoken+1)}); err == nil {
		t.Error("too long a list: got no error")
	}
}

// TestRedactedSpansLeaveNoSecret replaces what is found and scans again.
func TestRedactedSpansLeaveNoSecret(t *testing.T) {
	d := newDetector(t, secret.Options{})
	text := "a " + madeToken + " password: hunter2 and postgres://app:Zk8rPq2v@db/x, Bearer " + madeToken + "; api_key=" + madeHex
	text = redact(text, d.Scan(nil, "", text))
	for _, part := range []string{"hunter2", "Zk8rPq2v", "Bearer " + madeToken, madeHex} {
		if strings.Contains(text, part) {
			t.Errorf("%q still holds %q", text, part)
		}
	}
}

// TestWhatStandsBesideAKeyIsLeft: of keys whose format has no fixed length the next
// line, member or list was taken for a part.
func TestWhatStandsBesideAKeyIsLeft(t *testing.T) {
	d := newDetector(t, secret.Options{})
	for _, text := range []string{
		"PORT=8080\nTOKEN=%s\nLOG_LEVEL=info\n", "environment:\n  - SECRET=%s\nports: [80]", `{"output": "%s", "exit_code": 0}`, `["%s", "other"]`, "%s\n\nBest,\nJo",
	} {
		for _, key := range []string{"sk_live" + "_izGrycN2jbE9jfqaFFAcpxQH", tokens[1], tokens[0]} {
			if got, want := redact(strings.ReplaceAll(text, "%s", key), d.Scan(nil, "", strings.ReplaceAll(text, "%s", key))), strings.ReplaceAll(text, "%s", "[redacted]"); got != want {
				t.Errorf("%q is left, want %q", got, want)
			}
		}
	}
	list := strings.Repeat("QACRC,KAAM,eACNC,EAAG8J,EACH7J,GAAI6J,EACJ5J,EAAG4J,EACH3J,GAAI2J,EACJ1J,EAAG0J,EACHzJ,GAAIyJ,EACJxJ,EAAGwJ,", 4)
	if got := d.Scan(nil, "", list); len(got) > 0 {
		t.Errorf("%v in %s", got, list)
	}
}

func redact(s string, found []gateway.Finding) string {
	for _, f := range slices.Backward(found) {
		s = s[:f.Span[0]] + "[redacted]" + s[f.Span[1]:]
	}
	return s
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{"password: hunter2", "Bearer " + madeToken, "postgres://a:b@c", "-----BEGIN " + "PRIVATE KEY-----\n" + madeBase64, "eyJhbGciOiJub25lIn0.e30.", "\\nAKIA", "a:AA" + madeToken,
		"canary-account-7731", "密码：dragon88x", "key=\x00\xff", "SharedAccessKey=" + madeBase64} {
		f.Add("", seed)
		f.Add("/a/secret", seed)
	}
	for _, tr := range transformations {
		f.Add("", "the value "+tr.hide(tokens[0])+", as it was")
	}
	d := newDetector(f, secret.Options{Honeytokens: []string{"Canary-Account-7731"}})
	f.Fuzz(func(t *testing.T, key, s string) {
		last := 0
		for _, m := range d.Scan(nil, key, s) {
			if m.Span[0] < 0 || m.Span[1] <= m.Span[0] || m.Span[1] > len(s) {
				t.Fatalf("span %v in %d bytes", m.Span, len(s))
			}
			if m.Kind == gateway.FindingSecret {
				if m.Span[0] < last {
					t.Fatalf("span %v begins before %d", m.Span, last)
				}
				last = m.Span[1]
			}
			if value := s[m.Span[0]:m.Span[1]]; len(value) >= 8 && strings.Contains(m.Sample, value) {
				t.Fatalf("sample %q shows %q", m.Sample, value)
			}
		}
	})
}

// FuzzEncoded puts a credential on a line of its own between any other lines, and
// encodes all of it: something is found at every alignment, whatever it touches. (The
// other lines may make it look like another format.)
func FuzzEncoded(f *testing.F) {
	encodings := []func([]byte) string{
		base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString, hex.EncodeToString,
		func(b []byte) string { return every(base64.StdEncoding.EncodeToString(b), 76, "\r\n") },
		func(b []byte) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(b)))
		},
	}
	for i := range encodings {
		f.Add([]byte("user: jo"), []byte("role: admin"), byte(i))
		f.Add([]byte{0xff, 0, 7}, []byte{}, byte(i))
	}
	d := newDetector(f, secret.Options{})
	f.Fuzz(func(t *testing.T, before, after []byte, n byte) {
		if len(before)+len(after) > 1<<10 {
			return
		}
		text := slices.Concat(before, []byte("\n"+tokens[0]+"\n"), after)
		encoded := "ref=" + encodings[int(n)%len(encodings)](text) + "."
		if len(d.Scan(nil, "", encoded)) == 0 {
			t.Errorf("not found in %s, which is %q", encoded, text)
		}
	})
}

// TestWhatIsEncodedInEncodedWordsEndsAtASpace: read on over the space, the key would have a
// letter more, and be none.
func TestWhatIsEncodedInEncodedWordsEndsAtASpace(t *testing.T) {
	d := newDetector(t, secret.Options{})
	key := "AI" + "zaSyD3kq8Lm2Np5Rt7Vw9Xz1Bc4Df6Gh0JjKx"
	std := base64.StdEncoding.EncodeToString
	for _, s := range []string{
		"z" + std([]byte("it is "+std([]byte(key))+" and ends here")),
		"z" + std([]byte("the budget of the group had "+hex.EncodeToString([]byte(key))+" The committee met on Tuesday")),
		"z" + std([]byte("it is "+std([]byte("so "+std([]byte(key))+" and ends here"))+" and ends here")),
	} {
		if found := d.Scan(nil, "", s); len(found) != 1 || found[0].Rule != "secret.google-api-key" {
			t.Errorf("%s: %+v", s, found)
		}
	}
}

// TestFillersUseUpNoWork puts much that can be decoded before an encoded key.
func TestFillersUseUpNoWork(t *testing.T) {
	d := newDetector(t, secret.Options{})
	std := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	key := "z" + std("it is "+"AI"+"zaSyD3kq8Lm2Np5Rt7Vw9Xz1Bc4Df6Gh0JjKx"+" and ends here")
	for name, filler := range map[string]string{
		"a long text": "z" + std(strings.Repeat("The committee met on Tuesday to discuss the plan for the new library, and most of its members were in favour. ", 3600)),
		"words":       strings.Repeat("z"+std("so "+std("so "+std("a remark on it")+" x")+" x")+" ", 4000),
	} {
		if found := d.Scan(nil, "", filler+" "+key); len(found) != 1 || found[0].Rule != "secret.google-api-key" {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
