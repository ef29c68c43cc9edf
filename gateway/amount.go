package gateway

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
)

// Amount is what meters add up: a number from 0 to 10^18 with nine decimal places,
// and sums of such. It is exact, so that 0.1 and 0.2 are 0.3 however they are
// added. It is comparable; the zero value is 0.
type Amount struct{ hi, lo uint64 } // billionths

// One is the amount 1.
var One = Amount{lo: billion}

const billion = 1_000_000_000

// ParseAmount reads a JSON number. What has more decimal places is rounded up:
//
//	12.5 → 12.5    0.0000000001 → 0.000000001    -1, 1e19, "12" → an error
func ParseAmount(s string) (Amount, error) {
	f, err := strconv.ParseFloat(s, 64)
	if _, held := shapeOf([]byte(s)); err != nil || !held || f > 1e18 {
		return Amount{}, fmt.Errorf("%s is not a number up to 10^18", clip(s))
	}
	if f < 0 {
		return Amount{}, fmt.Errorf("%s is negative", clip(s))
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return Amount{}, fmt.Errorf("%s is not a number", clip(s))
	}
	r.Mul(r, new(big.Rat).SetInt64(billion))
	n, rest := new(big.Int).QuoRem(r.Num(), r.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	return amountOf(n)
}

func amountOf(n *big.Int) (Amount, error) {
	if n.Sign() < 0 || n.BitLen() > 128 {
		return Amount{}, errors.New("the number is out of range")
	}
	return Amount{new(big.Int).Rsh(n, 64).Uint64(), new(big.Int).And(n, new(big.Int).SetUint64(1<<64-1)).Uint64()}, nil
}

// Add returns the sum. It holds that of more entries than a process can keep.
func (a Amount) Add(b Amount) Amount {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	hi, _ := bits.Add64(a.hi, b.hi, carry)
	return Amount{hi, lo}
}

// Sub returns the difference; b is at most a.
func (a Amount) Sub(b Amount) Amount {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	hi, _ := bits.Sub64(a.hi, b.hi, borrow)
	return Amount{hi, lo}
}

// Compare is -1, 0 or 1, as a is less than, equal to or more than b.
func (a Amount) Compare(b Amount) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

// String is the number in decimal, as short as it can be: 12.5.
func (a Amount) String() string {
	n := new(big.Int).SetUint64(a.hi)
	n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(a.lo))
	whole, part := n.QuoRem(n, big.NewInt(billion), new(big.Int))
	s := whole.String()
	if part.Sign() == 0 {
		return s
	}
	digits := fmt.Sprintf("%09d", part.Int64())
	for digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
	}
	return s + "." + digits
}

// MarshalJSON writes the number with all of its digits.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalJSON reads what [Amount.MarshalJSON] wrote, sums included.
func (a *Amount) UnmarshalJSON(b []byte) error {
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	if len(n) > 64 {
		return errors.New("the number is too long")
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok || !r.Mul(r, new(big.Rat).SetInt64(billion)).IsInt() {
		return fmt.Errorf("%s is no amount", n)
	}
	sum, err := amountOf(r.Num())
	*a = sum
	return err
}
