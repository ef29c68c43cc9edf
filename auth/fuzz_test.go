package auth

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
)

// FuzzParseToken: no panic; what is accepted has exactly one spelling, so a
// remembered token cannot come back in another one; errors are of the closed
// list, hence hold nothing of the token.
func FuzzParseToken(f *testing.F) {
	enc := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{`{"alg":"ES256","kid":"k"}`, `{"alg":"none"}`, `{"alg":"HS256","alg":"none"}`, `{"crit":[]}`, `[]`, ``} {
		f.Add(enc([]byte(header)) + "." + enc([]byte(`{"iss":"i","sub":"a","exp":1}`)) + ".AAAA")
	}
	f.Add("...")
	f.Add("e30.e30.AA==")
	known := []error{errShape, errHeader, errClaims, errCrit, errKid, errNoAlg, errTooLong}
	f.Fuzz(func(t *testing.T, raw string) {
		tok, err := parseToken(raw)
		if err != nil {
			for _, k := range known {
				if err == k {
					return
				}
			}
			t.Fatalf("error %v is not in the list", err)
		}
		again := enc(tok.header) + "." + enc(tok.claims) + "." + enc(tok.signature)
		if again != raw {
			t.Fatalf("another spelling is accepted:\n got %q\nwant %q", raw, again)
		}
		if !strings.HasPrefix(raw, tok.signed+".") {
			t.Fatalf("signed part %q is not the token's beginning", tok.signed)
		}
	})
}

// FuzzParseKeys: no panic, and a set that is accepted has usable keys with
// distinct IDs.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`))
	f.Add([]byte(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, _, err := parseKeys(bytes.Clone(data))
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, k := range set.keys {
			if k.id != "" && ids[k.id] {
				t.Fatalf("kid %q twice", k.id)
			}
			ids[k.id] = true
			if k.kind == kindSecret {
				t.Fatal("a secret among public keys")
			}
		}
		if len(set.keys) == 0 {
			t.Fatal("an empty set")
		}
	})
}

// A kid is bounded before it is compared or kept anywhere.
func TestParseTokenBoundsKid(t *testing.T) {
	enc := base64.RawURLEncoding.EncodeToString
	for n, want := range map[int]error{maxKid: nil, maxKid + 1: errKid} {
		raw := enc([]byte(`{"alg":"ES256","kid":"`+strings.Repeat("k", n)+`"}`)) + "." + enc([]byte(`{"iss":"i"}`)) + ".AAAA"
		if _, err := parseToken(raw); err != want {
			t.Errorf("kid of %d bytes: %v, want %v", n, err, want)
		}
	}
}
