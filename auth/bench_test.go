package auth_test

import (
	"testing"

	"toolward/auth"
	"toolward/gateway"
)

// BenchmarkKnown is the hot path: a token of a usual size (about 600 bytes)
// that was verified before.
func BenchmarkKnown(b *testing.B) {
	iss, v := setup(b, nil)
	c := gateway.Credentials{Token: iss.Sign(usual(iss.Claims("agent-7", aud, nil))), Resource: "https://gw.example.com/mcp/files"}
	if _, err := v.Verify(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v.Known(c) == nil {
			b.Fatal("not known")
		}
	}
}

// BenchmarkUnknown is what a stranger's token costs before its peer is limited.
func BenchmarkUnknown(b *testing.B) {
	_, v := setup(b, nil)
	c := gateway.Credentials{Token: "x.y.z"}
	b.ReportAllocs()
	for b.Loop() {
		if v.Known(c) != nil {
			b.Fatal("known")
		}
	}
}

// BenchmarkVerify is the first use of a token.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
		b.Run(alg, func(b *testing.B) {
			iss, v := setup(b, func(o *auth.Options) { o.Issuers[0].Algorithms = []string{alg} }, alg)
			token := iss.Sign(usual(iss.Claims("agent-7", aud, nil)))
			b.ReportAllocs()
			for b.Loop() {
				mustAccept(b, v, token)
			}
		})
	}
}

// usual adds what identity providers put in.
func usual(claims map[string]any) map[string]any {
	claims["jti"] = "3f1c9a0e-8a43-4f0e-9d0d-3d3c1f2b6a55"
	claims["client_id"] = "0oa8f3k2x9QwErTy5d7"
	claims["scope"] = "openid profile tools:read tools:call"
	claims["realm_access"] = map[string]any{"roles": []string{"developer", "uma_authorization", "default-roles-example"}}
	return claims
}
