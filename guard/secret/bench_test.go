package secret_test

import (
	"strings"
	"testing"

	"toolward/guard/secret"
)

// BenchmarkScan measures clean traffic and texts that are written to keep the
// detector busy.
func BenchmarkScan(b *testing.B) {
	d, err := secret.New(secret.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct{ name, unit string }{
		{"json", `{"id": 5091, "name": "web", "status": "ok", "updated_at": "2026-09-01T10:00:00Z", "sha": "395d78e3af39932a4b5ce5e1f95570bee62fb700", "url": "https://example.com/a/b"} `},
		{"prose", "The deployment finished without errors and the team can look at the results on the dashboard, where each of the services has its own page. "},
		{"code", "func (s *Server) handle(w http.ResponseWriter, r *http.Request) error {\n\tkey := r.Header.Get(\"X-Request-Id\")\n\treturn s.store.Put(r.Context(), key)\n}\n"},
		{"prefixes", "ghp_ghp_AKIAsk-sk-proj-xoxb-glpat-"},
		{"dashes", "-sk-"},
		{"jwts", "-eyJ.eyJ"},
		{"schemes", "a://b:c"},
		{"passwords", "password: password is token=secret: "},
		{"armour", "-----BEGIN PRIVATE KEY-----AAAA"},
		{"runs", strings.Repeat("aB3dE5gH", 49) + " "},
	} {
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
