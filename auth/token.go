package auth

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"toolward/gateway"
)

// maxKid is the longest key ID; RFC 7638 thumbprints have 43 characters.
const maxKid = 256

// token is a JWT taken apart, not verified.
type token struct {
	alg, kid, typ string
	hasKid        bool
	signed        string // what the signature is over (RFC 7515 §5.1)
	signature     []byte
	header        json.RawMessage
	claims        json.RawMessage
	issuer        string
}

var (
	strict = base64.RawURLEncoding.Strict()

	errShape   = errors.New("not a JWT in compact form")
	errHeader  = errors.New("the header is not strict JSON of the expected form")
	errClaims  = errors.New("the claims are not strict JSON of the expected form")
	errCrit    = errors.New("the header has crit, which demands an extension that is not offered")
	errKid     = errors.New("the header's kid is too long")
	errNoAlg   = errors.New("the header names no algorithm")
	errTooLong = errors.New("longer than the limit")
)

// parseToken takes a token apart. It looks at nothing in the header that could
// bring in keys (jku, jwk, x5u, x5c: RFC 8725 §3.10), and its errors hold
// nothing of the token.
func parseToken(raw string) (*token, error) {
	if len(raw) > MaxToken {
		return nil, errTooLong
	}
	// A further dot is no base64url, so that decoding refuses it.
	head, rest, ok1 := strings.Cut(raw, ".")
	body, sig, ok2 := strings.Cut(rest, ".")
	if !ok1 || !ok2 || head == "" || body == "" || sig == "" {
		return nil, errShape
	}
	t := &token{signed: raw[:len(head)+1+len(body)]}
	var err error
	if t.signature, err = decodeSegment(sig); err != nil {
		return nil, err
	}
	if t.header, err = decodeSegment(head); err != nil {
		return nil, err
	}
	if t.claims, err = decodeSegment(body); err != nil {
		return nil, err
	}
	if err := t.readHeader(); err != nil {
		return nil, err
	}
	return t, t.readIssuer()
}

// decodeSegment decodes base64url. The strict decoder refuses trailing bits,
// but skips line ends, which would let one token be written in many ways.
func decodeSegment(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errShape
	}
	b, err := strict.DecodeString(s)
	if err != nil {
		return nil, errShape
	}
	return b, nil
}

func (t *token) readHeader() error {
	h, err := gateway.ParseObject(t.header)
	if err != nil {
		return errHeader
	}
	if h.RefuseFolded("alg", "kid", "typ", "crit") != nil {
		return errHeader
	}
	if _, ok := h.Get("crit"); ok {
		return errCrit
	}
	if _, ok := h.Get("b64"); ok {
		return errCrit // RFC 7797 demands crit beside it; alone it is an attempt to be misread
	}
	if t.alg, _, err = h.String("alg"); err != nil {
		return errHeader
	}
	if t.alg == "" {
		return errNoAlg
	}
	if t.typ, _, err = h.String("typ"); err != nil {
		return errHeader
	}
	if t.kid, t.hasKid, err = h.String("kid"); err != nil {
		return errHeader
	}
	if len(t.kid) > maxKid {
		return errKid
	}
	return nil
}

// readIssuer checks the claims' form and reads iss, which selects the keys.
// Numbers of any precision are let through: claims that are read have their
// own checks, and the others are kept as written.
func (t *token) readIssuer() error {
	if gateway.CheckJSON(t.claims) != nil {
		return errClaims
	}
	c, err := gateway.Split(t.claims)
	if err != nil {
		return errClaims
	}
	if c.RefuseFolded("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid") != nil {
		return errClaims
	}
	if t.issuer, _, err = c.String("iss"); err != nil {
		return errClaims
	}
	return nil
}
