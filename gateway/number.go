package gateway

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// What is taken for a number, from anybody. RFC 8259 §6 sets no bounds and lets
// readers set theirs; past these, readers stop (a double ends at 1e308, CPython
// at 4,300 digits, OPA at 2^100000) or work for seconds on a few bytes, because
// the decimal value of 1e50000000 has fifty million digits.
const (
	maxNumber   = 4096 // bytes of one, its digits above all
	maxExponent = 400  // as written, and as the place of the first digit where there is a point or an exponent
)

// judgeNumber says what is wrong with a number, nil if nothing is.
//
// Integers are carried digit by digit, whatever their length: policy compares
// them exactly, and guard, record and upstream get the text. That ends where a
// number is no plain run of digits: 0.1000000000000000055 and 1e400 are other
// numbers to a reader that uses doubles, and which of the two an upstream acts
// on cannot be known, so agents may not send them.
func (s *scanner) judgeNumber(lit []byte) error {
	whole, held := shapeOf(lit)
	if !held {
		r := Refuse("surface", Malformed, fmt.Sprintf("the number %s is longer, larger or smaller than any reader can hold", clip(string(lit))))
		return s.part(entryDepth, r)
	}
	if s.agent && !whole && !keepsDigits(string(lit)) {
		return Refuse("surface", Malformed, fmt.Sprintf("the number %s loses digits in a 64-bit float; send it as a string", clip(string(lit))))
	}
	return nil
}

// shapeOf looks at a JSON number without working out its value: whole means
// that it is written as an integer, held that it is within the bounds.
//
//	-12 → whole, held    1e401 → not held    0.00…1 (500 zeros) → not held
func shapeOf(lit []byte) (whole, held bool) {
	if len(lit) > maxNumber {
		return false, false
	}
	lit = bytes.TrimPrefix(lit, []byte("-"))
	at := bytes.IndexAny(lit, ".eE")
	if at < 0 {
		return true, true
	}
	place, exp := at-1, 0 // of the first digit: 0 in 5.1, 2 in 512.0
	mantissa := lit
	if e := bytes.IndexAny(lit, "eE"); e >= 0 {
		var err error
		if exp, err = strconv.Atoi(string(lit[e+1:])); err != nil || exp < -maxExponent || exp > maxExponent {
			return false, false
		}
		mantissa = lit[:e]
	}
	if lit[0] == '0' && len(mantissa) > at {
		fraction := mantissa[at+1:]
		zeros := len(fraction) - len(bytes.TrimLeft(fraction, "0"))
		if zeros == len(fraction) {
			return false, true // zero, however it is written
		}
		place = -1 - zeros
	}
	place += exp
	return false, place >= -maxExponent && place <= maxExponent
}

// keepsDigits reports whether a reader that uses doubles sees the number as
// written: its significant digits are those of the nearest double's shortest
// form.
func keepsDigits(s string) bool {
	if len(s) <= 15 && strings.IndexByte(s, 'e') < 0 && strings.IndexByte(s, 'E') < 0 {
		return true // at most 15 significant digits always survive
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) {
		return false
	}
	if f == 0 {
		digits, _ := significant(s)
		return digits == "" // a nonzero number that underflows is lost
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		// Whole numbers compare exactly: 2^53+2 is a double though its
		// shortest form may be padded with zeros.
		if exact, exp := significant(strconv.FormatFloat(f, 'f', 0, 64)); true {
			digits, e := significant(s)
			return digits == exact && e == exp
		}
	}
	short, exp := significant(strconv.FormatFloat(f, 'e', -1, 64))
	digits, e := significant(s)
	return digits == short && e == exp
}

// significant returns the digits of a JSON number without leading and trailing
// zeros, and the decimal exponent of the last of them.
func significant(s string) (digits string, exp int) {
	s = strings.TrimPrefix(s, "-")
	mant := s
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mant = s[:i]
		exp, _ = strconv.Atoi(strings.TrimPrefix(s[i+1:], "+"))
	}
	if i := strings.IndexByte(mant, '.'); i >= 0 {
		exp -= len(mant) - i - 1
		mant = mant[:i] + mant[i+1:]
	}
	mant = strings.TrimLeft(mant, "0")
	trimmed := strings.TrimRight(mant, "0")
	return trimmed, exp + len(mant) - len(trimmed)
}
