package auth

import "math/big"

// rocaPrimes are the small primes by which the primes of Infineon's RSALib
// (CVE-2017-15361) are told from others.
var rocaPrimes = []int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
	113, 127, 131, 137, 139, 149, 151, 157, 163, 167}

// roca reports whether a modulus is a product of primes of the form
// k·M + (65537^a mod M), where M is the product of the first primes: their
// remainder by each of those is a power of 65537, and so is that of their
// product (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §3.1).
// Of other moduli one in 2^150 or fewer is like that.
func roca(n *big.Int) bool {
	var r big.Int
	for _, p := range rocaPrimes {
		rest := r.Mod(n, big.NewInt(p)).Int64()
		power := int64(1)
		for power != rest {
			if power = power * 65537 % p; power == 1 {
				return false // all powers are seen
			}
		}
	}
	return true
}
