package secret_test

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"toolward/guard/secret"
)

// plant is a text that is repeated.
type plant struct{ name, unit string }

// plants are what an attacker repeats to keep the detector busy.
var plants = []plant{
	{"prefixes", "ghp_ghp_AKIAsk-sk-proj-xoxb-glpat-"},
	{"dashes", "-sk-"},
	{"jwts", "-eyJ.eyJ"},
	{"schemes", "a://b:c"},
	{"passwords", "password: password is token=secret: "},
	{"armour", "-----BEGIN PRIVATE KEY-----AAAA"},
	{"runs", strings.Repeat("aB3dE5gH", 49) + " "},
	{"colons", "12345:"},
	{"bearers", "bearer=bearer="},
	{"putty", "PuTTY-User-Key-File-Private-Lines:"},
	{"escapes", `\n\t`},
	{"slashes", "aB3/xY9+"},
	{"seeds", "mnemonic: abandon abandon "},
	{"names", "token_token_"},
	{"at signs", "user:pw@tcp("},
	{"text in base64", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("the password is here, user: jo ", 12)))},
	{"base64 in base64", base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat(base64.StdEncoding.EncodeToString([]byte("a line of text in it")), 20)))))},
	{"text at each alignment", "VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV1 "},
	{"text in hex", hex.EncodeToString([]byte("the password is here, user: jo ")) + " "},
	{"gzip", "H4sIAAAAAAAA/8pIzcnJVyjPL8pJAQAAAP//AwCFEUoNCwAAAA== "},
	{"base58", "3mJr7AoUXx2Wqd3mJr7AoUXx2Wqd3mJr7AoUXx2Wqd "},
	{"base32", "jbswy3dpeblw64tmmqqho2lunaqgs3ramnugk43fojuwgzjb2 "},
	{"letters apart", "g h p _ 7 Q "},
	{"numbers", "103, 104, 112, 95, "},
	{"hex pairs", "67:68:70:5f:"},
	{"joined strings", `AKIA" + "aB3" + "`},
	{"joined prefixes", `ghp_"+"ghp_"+"`},
	{"broken lines", "ghp_\nAKIA\n"},
	{"reversed", "_phg-ks-AIKA"},
	{"rot47", "89A0D\\\\"},
	{"base85", "Xk~0{ZEnHT=a#1kV{dJ3ba^j&Ze%7w"},
	{"signs", "A1!#$%&()*;<>?@^`{|}~"},
	{"uuencode", "M5&AE('%U:6-K(&)R;W=N(&9O>\"!J=6UP<R!O=F5R('1H92!L87IY(&1O9RX@\n"},
	{"tags", "ghp_<b></b>"},
	{"lines", "aB3dE5gHaB3dE5gHaB3dE5gH\n"},
}

// TestPlantedTextsAreReadOnce scans a mebibyte of each plant. There is no clock in
// it: work that grows with the square of the text runs into the test's timeout.
func TestPlantedTextsAreReadOnce(t *testing.T) {
	d := newDetector(t, secret.Options{Honeytokens: []string{"token token 1"}})
	for _, p := range plants {
		text := strings.Repeat(p.unit, 1<<20/len(p.unit))
		for _, f := range d.Scan(nil, "token", text) {
			if f.Span[1] > len(text) || f.Span[0] >= f.Span[1] {
				t.Errorf("%s: span %v", p.name, f.Span)
			}
		}
	}
}

// BenchmarkScan measures clean traffic and texts that are written to keep the
// detector busy.
func BenchmarkScan(b *testing.B) {
	d, err := secret.New(secret.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range append([]plant{
		{"json", `{"id": 5091, "name": "web", "status": "ok", "updated_at": "2026-09-01T10:00:00Z", "sha": "395d78e3af39932a4b5ce5e1f95570bee62fb700", "url": "https://example.com/a/b"} `},
		{"prose", "The deployment finished without errors and the team can look at the results on the dashboard, where each of the services has its own page. "},
		{"code", "func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {\n\tkey := r.Header.Get(\"X-Request-Id\")\n\treturn s.store.Put(r.Context(), key)\n}\n"},
	}, plants...) {
		b.Run(bm.name, func(b *testing.B) {
			text := strings.Repeat(bm.unit, 64<<10/len(bm.unit))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				d.Scan(nil, "", text)
			}
		})
	}
}
