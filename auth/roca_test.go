package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	mathrand "math/rand/v2"
	"strings"
	"testing"
)

// rocaPrime makes a prime as RSALib did: k·M + (65537^a mod M), of so many bits.
func rocaPrime(t *testing.T, r *mathrand.ChaCha8, bits int) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for n, p := 0, int64(2); n < 126; p++ { // the primes of a key of 2048 bits: M is their product
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			n++
		}
	}
	low := new(big.Int).Exp(big.NewInt(65537), big.NewInt(int64(r.Uint64()>>2)), m)
	first := new(big.Int).Lsh(big.NewInt(3), uint(bits-2)) // both upper bits are set
	k := new(big.Int).Add(new(big.Int).Div(first, m), new(big.Int).Rsh(new(big.Int).SetUint64(r.Uint64()), 20))
	for {
		p := new(big.Int).Add(new(big.Int).Mul(k, m), low)
		if p.ProbablyPrime(20) {
			return p
		}
		k.Add(k, big.NewInt(1))
	}
}

// Keys of the faulty chips are refused, and no other key is taken for one.
func TestFaultyChipsKeysAreRefused(t *testing.T) {
	r := mathrand.NewChaCha8([32]byte{7})
	for range 3 {
		n := new(big.Int).Mul(rocaPrime(t, r, 1024), rocaPrime(t, r, 1024))
		_, err := newKey("", "", &rsa.PublicKey{N: n, E: 65537})
		if err == nil || !strings.Contains(err.Error(), "ROCA") {
			t.Errorf("%d bits: %v", n.BitLen(), err)
		}
	}
	for range 3 {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newKey("", "", &k.PublicKey); err != nil {
			t.Error(err)
		}
	}
}
