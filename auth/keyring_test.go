package auth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

// clock is a clock that a test moves.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Now().UnixNano())
	return c
}

func (c *clock) now() time.Time      { return time.Unix(0, c.nanos.Load()) }
func (c *clock) add(d time.Duration) { c.nanos.Add(int64(d)) }

// withClock is setup with a clock, and long-lived tokens to move it under.
func withClock(t *testing.T) (*authtest.Issuer, *auth.Verifier, *clock, func(changes map[string]any) string) {
	c := newClock()
	iss, v := setup(t, func(o *auth.Options) {
		o.Now = c.now
	})
	return iss, v, c, func(changes map[string]any) string {
		claims := iss.Claims("a", aud, changes)
		claims["exp"] = time.Now().Add(100 * time.Hour).Unix()
		return iss.Sign(claims)
	}
}

// Attack 11: a flood of unknown key IDs is one fetch per interval, and costs
// those with a good token nothing.
func TestUnknownKidsFetchOncePerInterval(t *testing.T) {
	iss, v, c, sign := withClock(t)
	for v.Ready() != nil { // until the first fetch, which no token causes
		runtime.Gosched()
	}
	mustAccept(t, v, sign(nil))
	start := iss.Hits()
	claims := iss.Claims("a", aud, nil)
	flood := func() {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range 250 {
					token := authtest.Forge(t, map[string]any{"alg": "ES256", "kid": fmt.Sprintf("%d-%d", w, i)}, claims, fixedSignature("x"))
					if _, err := v.Verify(t.Context(), gateway.Credentials{Token: token}); err == nil {
						t.Error("a token with an unknown kid was accepted")
					}
				}
			})
		}
		wg.Wait()
	}
	flood()
	if n := iss.Hits() - start; n != 1 {
		t.Errorf("%d fetches for a flood, want 1", n)
	}
	c.add(auth.DefaultRetry - 1)
	flood()
	if n := iss.Hits() - start; n != 1 {
		t.Errorf("%d fetches until the interval is over, want 1", n)
	}
	c.add(1)
	flood()
	if n := iss.Hits() - start; n != 2 {
		t.Errorf("%d fetches in two intervals, want 2", n)
	}
	mustAccept(t, v, sign(map[string]any{"n": 1}))
}

// Attack 13: keys rotate. A new one works at the first token that names it, an
// old one until the set without it is loaded, also for remembered tokens.
func TestRotationAcceptsNewAndDropsOldKey(t *testing.T) {
	iss, v, c, sign := withClock(t)
	old := sign(nil)
	mustAccept(t, v, old)
	iss.AddKey("ES256")
	c.add(auth.DefaultRetry)
	mustAccept(t, v, sign(nil))
	mustAccept(t, v, old)
	iss.RemoveKey("key-1")
	iss.AddKey("ES256")
	c.add(auth.DefaultRetry)
	mustAccept(t, v, sign(nil)) // brings the set without key-1
	mustRefuse(t, v, old)
}

// Attack 12: whatever the endpoint does, known keys go on, and only for so long.
func TestKnownKeysOutliveBrokenEndpoint(t *testing.T) {
	evil := authtest.New(t)
	big := bytes.Repeat([]byte(" "), 1<<20)
	for name, h := range map[string]http.HandlerFunc{
		"500":            func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"HTML":           func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
		"empty":          func(http.ResponseWriter, *http.Request) {},
		"empty set":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) },
		"no keys member": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{}`) },
		"keys not array": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":{}}`) },
		"keys twice":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[],"keys":[]}`) },
		"50 MiB": func(w http.ResponseWriter, _ *http.Request) {
			writeKeys(w, evil, "key-1")
			writeMany(w, big, 50)
		},
		"other host":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.JWKSURL(), http.StatusFound) },
		"redirect loop": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/jwks", http.StatusFound) },
		"duplicate kid": func(w http.ResponseWriter, _ *http.Request) { writeKeys(w, evil, "key-1", "key-1") },
		"too many keys": func(w http.ResponseWriter, _ *http.Request) { writeKeys(w, evil, make([]string, 100)...) },
		"cut in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"keys":[`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			iss, v, c, sign := withClock(t)
			mustAccept(t, v, sign(nil))
			hits := iss.Hits()
			iss.Misbehave(h)
			c.add(auth.DefaultRetry)
			mustRefuse(t, v, iss.SignWith(map[string]any{"kid": "other"}, iss.Claims("a", aud, nil)))
			if iss.Hits() == hits {
				t.Fatal("the endpoint was not asked; the test shows nothing")
			}
			mustAccept(t, v, sign(map[string]any{"n": 1}))
			c.add(auth.DefaultRefresh + auth.DefaultStale)
			wantNoKeys(t, v, sign(map[string]any{"n": 2}))
		})
	}
	if evil.Hits() != 0 {
		t.Error("a redirect to another host was followed")
	}
}

func writeMany(w http.ResponseWriter, chunk []byte, n int) {
	for range n {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func writeKeys(w http.ResponseWriter, iss *authtest.Issuer, kids ...string) {
	keys := []any{}
	for _, kid := range kids {
		j := authtest.JWK(iss.Public())
		j["kid"] = kid
		keys = append(keys, j)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

func wantNoKeys(t *testing.T, v *auth.Verifier, token string) {
	t.Helper()
	_, err := v.Verify(t.Context(), gateway.Credentials{Token: token})
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != gateway.Overloaded || r.RetryAfter <= 0 {
		t.Errorf("Verify without keys: %v, want %s with RetryAfter", err, gateway.Overloaded)
	}
	if v.Ready() == nil {
		t.Error("Ready without keys: nil")
	}
}

// Attack 12: an endpoint that hangs holds up who names an unknown key, as long
// as they care to wait, and nobody else.
func TestHangingEndpointHoldsUpNobodyElse(t *testing.T) {
	iss, v, c, sign := withClock(t)
	mustAccept(t, v, sign(nil))
	asked := make(chan struct{}, 1)
	iss.Misbehave(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	c.add(auth.DefaultRetry)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := v.Verify(ctx, gateway.Credentials{Token: iss.SignWith(map[string]any{"kid": "x"}, iss.Claims("a", aud, nil))})
		done <- err
	}()
	<-asked
	mustAccept(t, v, sign(map[string]any{"n": 1}))
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Verify after the caller left: %v, want context.Canceled", err)
	}
}

func TestUntrustedCertificateGivesNoKeys(t *testing.T) {
	iss, v := setup(t, func(o *auth.Options) {
		o.Transport = nil
	})
	wantNoKeys(t, v, iss.Sign(iss.Claims("a", aud, nil)))
}

// RFC 7517, RFC 7518 §3: keys that are weak, private, or not for signatures are
// left out, and the others of the set are used.
func TestUnfitKeysAreLeftOut(t *testing.T) {
	iss := authtest.New(t)
	good := authtest.JWK(iss.Public())
	with := func(members map[string]any) map[string]any {
		j := map[string]any{"kid": "bad"}
		maps.Copy(j, good)
		maps.Copy(j, members)
		return j
	}
	rsaOf := func(bits int, e string) map[string]any {
		n := bytes.Repeat([]byte{0xff}, bits/8)
		return map[string]any{"kty": "RSA", "n": base64.RawURLEncoding.EncodeToString(n), "e": e}
	}
	for _, c := range []struct {
		name, want string
		bad        any
	}{
		{"RSA of 1024 bits", "an RSA key of 1024 bits", rsaOf(1024, "AQAB")},
		{"RSA of 16384 bits", "not a number of the expected form", rsaOf(16384, "AQAB")},
		{"RSA with exponent 1", "an even or tiny exponent", rsaOf(2048, "AQ")},
		{"RSA with exponent 4", "an even or tiny exponent", rsaOf(2048, "BA")},
		{"for encryption", "no usable key", with(map[string]any{"use": "enc"})},
		{"key_ops sign only", "no usable key", with(map[string]any{"key_ops": []string{"sign"}})},
		{"alg of RSA", `says it is for the algorithm "RS256"`, with(map[string]any{"alg": "RS256"})},
		{"alg HS256", `says it is for the algorithm "HS256"`, with(map[string]any{"alg": "HS256"})},
		{"secret", "it is a secret", map[string]any{"kty": "oct", "k": "c3ludGhldGljc3ludGhldGljc3ludGhldGljc3ludGhldGlj"}},
		{"private", "it is a private key", with(map[string]any{"d": "AAAA"})},
		{"off the curve", "not on curve", with(map[string]any{"x": good["y"]})},
		{"other curve", "its curve is not", with(map[string]any{"crv": "secp256k1"})},
		{"short coordinate", "the length of its curve", with(map[string]any{"x": "AA"})},
		{"not an object", "not a JWK", "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := func(keys ...any) auth.Options {
				data, err := json.Marshal(map[string]any{"keys": keys})
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(t.TempDir(), "jwks.json")
				if err := os.WriteFile(path, data, 0o600); err != nil {
					t.Fatal(err)
				}
				return auth.Options{Issuers: []auth.Issuer{{Issuer: iss.Name(), Audience: []string{aud}, PublicKeyFile: path}}, Log: silent}
			}
			if _, err := auth.New(o(c.bad)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New with this key alone: %v, want %q", err, c.want)
			}
			v := newVerifier(t, o(c.bad, with(map[string]any{"kid": "key-1"})))
			mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
		})
	}
}

func TestKeyFileIsReadAgainWhenReplaced(t *testing.T) {
	first, second := []byte(strings.Repeat("synthetic-first!", 3)), []byte(strings.Repeat("synthetic-second", 3))
	path := filepath.Join(t.TempDir(), "secret")
	replace := func(secret []byte) {
		if err := os.WriteFile(path+".new", append(secret, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	replace(first)
	c := newClock()
	reloaded := make(chan struct{}, 1)
	v := newVerifier(t, auth.Options{
		Issuers: []auth.Issuer{{Issuer: "i", Audience: []string{aud}, SecretFile: path}},
		Now: func() time.Time {
			select {
			case reloaded <- struct{}{}:
			default:
			}
			return c.now()
		},
	})
	token := func(secret []byte) string {
		return authtest.Forge(t, map[string]any{"alg": "HS256"}, `{"iss":"i","sub":"a","aud":"`+aud+`","exp":4102444800}`, hs256(secret))
	}
	mustAccept(t, v, token(first))
	mustRefuse(t, v, token(second))
	replace(second)
	deadline := time.After(30 * time.Second)
	for {
		if _, err := v.Verify(t.Context(), gateway.Credentials{Token: token(second)}); err == nil {
			break
		}
		c.add(time.Minute)
		select {
		case <-reloaded: // the file is looked at every two seconds
		case <-deadline:
			t.Fatal("the new secret is not read")
		}
	}
	mustRefuse(t, v, token(first))
}

func TestPEMFileNeedsNoKid(t *testing.T) {
	iss := authtest.New(t, "EdDSA")
	v := newVerifier(t, auth.Options{Issuers: []auth.Issuer{{Issuer: iss.Name(), Audience: []string{aud}, PublicKeyFile: pemFile(t, iss)}}})
	mustAccept(t, v, iss.Sign(iss.Claims("a", aud, nil)))
	mustAccept(t, v, iss.SignWith(map[string]any{"kid": nil}, iss.Claims("a", aud, nil)))
}

// Goroutines end with the verifier, also in the middle of a fetch.
func TestCloseEndsFetching(t *testing.T) {
	asked := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	defer srv.Close()
	v, err := auth.New(auth.Options{Issuers: []auth.Issuer{{Issuer: "i", JWKSURL: srv.URL}}})
	if err != nil {
		t.Fatal(err)
	}
	<-asked
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// An issuer that was down is asked again by the next token, and a key that it
// adds right then works at once.
func TestKeyAddedRightAfterOutage(t *testing.T) {
	iss, v, c, sign := withClock(t)
	for v.Ready() != nil { // until the first fetch
		runtime.Gosched()
	}
	iss.Misbehave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	c.add(auth.DefaultRefresh + auth.DefaultStale)
	wantNoKeys(t, v, sign(nil))
	iss.Misbehave(nil)
	c.add(time.Second)
	mustAccept(t, v, sign(nil))
	iss.AddKey("ES256")
	mustAccept(t, v, sign(nil))
}
