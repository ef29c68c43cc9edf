package auth

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxID    = 256 // bytes of an agent's or a session's name
	maxWords = 256 // roles or scopes of a token
)

// claims are a token's claims, decoded, numbers as written.
type claims struct{ m map[string]any }

// claimPath names a claim: by its exact name, else by a dotted path into
// objects (Keycloak's realm_access.roles).
type claimPath struct {
	name string
	path []string // nil if the name has no dot
}

func newClaimPath(name string) claimPath {
	p := claimPath{name: name}
	if strings.Contains(name, ".") {
		p.path = strings.Split(name, ".")
	}
	return p
}

func (c claims) get(p claimPath) (any, bool) {
	if v, ok := c.m[p.name]; ok || p.path == nil {
		return v, ok
	}
	var v any = c.m
	for _, step := range p.path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step]; !ok {
			return nil, false
		}
	}
	return v, true
}

// identifier reads a claim that names somebody. It ends up in logs, records
// and comparisons, so it is bounded and has no characters that forge a line or
// that nobody sees.
func (c claims) identifier(p claimPath) (string, error) {
	v, ok := c.get(p)
	s, isString := v.(string)
	switch {
	case !ok:
		return "", errors.New("missing")
	case !isString || s == "":
		return "", errors.New("not a string, or empty")
	case len(s) > maxID:
		return "", errors.New("too long")
	case strings.IndexFunc(s, Unseen) >= 0:
		return "", errors.New("has control or invisible characters")
	case strings.TrimSpace(s) != s:
		return "", errors.New("begins or ends with a blank")
	}
	return s, nil
}

// Unseen reports whether nobody sees a character, or takes it for a blank:
// controls, blanks that are not the space, the letters and marks that Unicode
// says may be ignored (U+3164 is a letter, U+FE0F a mark), and signs whose
// picture is empty.
func Unseen(r rune) bool {
	return r != ' ' && (!unicode.IsGraphic(r) || unicode.IsSpace(r)) ||
		unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == 0x2800 || r == 0x1d159 || r == 0x16fe4
}

// words reads an array of strings or one string split at blanks; nil if the
// claim is missing.
func (c claims) words(p claimPath) ([]string, error) {
	v, ok := c.get(p)
	if !ok {
		return nil, nil
	}
	var words []string
	switch v := v.(type) {
	case string:
		words = strings.Fields(v)
	case []any:
		for _, w := range v {
			s, ok := w.(string)
			if !ok {
				return nil, errors.New("an element is not a string")
			}
			words = append(words, s)
		}
	default:
		return nil, errors.New("not a string or an array of strings")
	}
	if len(words) > maxWords {
		return nil, errors.New("too many")
	}
	return words, nil
}

// strings reads a string or a non-empty array of strings (RFC 7519 §4.1.3).
func (c claims) strings(name string) ([]string, error) {
	switch v := c.m[name].(type) {
	case string:
		return []string{v}, nil
	case []any:
		all := make([]string, 0, len(v))
		for _, w := range v {
			s, ok := w.(string)
			if !ok {
				return nil, errors.New("an element is not a string")
			}
			all = append(all, s)
		}
		return all, nil
	case nil:
		return nil, errors.New("missing")
	}
	return nil, errors.New("not a string or an array of strings")
}

// times judges exp, nbf and iat (RFC 7519 §4.1.4 to 4.1.6), sets how long the
// entry holds, and returns exp.
func (c claims) times(is *issuer, now time.Time, e *entry) (exp int64, err error) {
	exp, ok, err := c.date("exp", math.Floor)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, errors.New("exp is missing")
	}
	leeway := int64(is.Leeway)
	e.expire = exp*1e9 + leeway
	if now.UnixNano() >= e.expire {
		return 0, because("expired", errors.New("expired"))
	}
	nbf, _, err := c.date("nbf", math.Ceil)
	if err != nil {
		return 0, err
	}
	e.notBefore = nbf*1e9 - leeway
	if now.UnixNano() < e.notBefore {
		return 0, errors.New("not valid yet")
	}
	iat, _, err := c.date("iat", math.Ceil)
	switch {
	case err != nil:
		return 0, err
	case now.UnixNano() < iat*1e9-leeway:
		return 0, errors.New("issued in the future")
	case is.MaxLifetime > 0 && time.Duration(exp-iat)*time.Second > is.MaxLifetime:
		return 0, errors.New("lives longer than the issuer's tokens may, or has no iat")
	}
	return exp, nil
}

// date reads a NumericDate from 0 to the year 2255, which keeps nanoseconds in an
// int64. It is a number, with a fraction where the issuer's clock has one (RFC
// 7519 §2); round takes that to the whole second that lets the token live less.
func (c claims) date(name string, round func(float64) float64) (sec int64, ok bool, err error) {
	v, ok := c.m[name]
	if !ok {
		return 0, false, nil
	}
	n, isNumber := v.(json.Number)
	if !isNumber {
		return 0, true, errors.New(name + " is not a number")
	}
	f, err := strconv.ParseFloat(n.String(), 64) // exact up to 2^53, and a date is below 9e9
	if err != nil || f < 0 || f > 9e9 {
		return 0, true, errors.New(name + " is not a date in seconds")
	}
	return int64(round(f)), true, nil
}
