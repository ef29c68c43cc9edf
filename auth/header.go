package auth

import (
	"net/http"
	"strings"

	"toolward/gateway"
)

// Token takes the bearer token out of a request, "" if there is none. The
// Authorization header is the only place for it (RFC 6750 §2.1): a token in the
// query ends up in logs and in Referer, and is refused so that whoever sends it
// there learns of it. Two Authorization headers are refused too, since a proxy
// before us may have judged the other one; so are several blanks before the
// token, which RFC 6750 lets stand and nobody sends, since who splits at the
// first sees no token.
func Token(r *http.Request) (string, error) {
	if strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token") {
		return "", gateway.Refuse("auth", gateway.Malformed, "a token in the query is refused: send it as `Authorization: Bearer TOKEN`")
	}
	values := r.Header["Authorization"]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
	default:
		return "", gateway.Refuse("auth", gateway.Malformed, "more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1: schemes have no case
		return "", nil
	}
	if strings.HasPrefix(token, " ") {
		return "", gateway.Refuse("auth", gateway.Malformed, "more than one blank before the token: send `Authorization: Bearer TOKEN`")
	}
	return token, nil
}
