package problem

import (
	"net/http"
	"strings"

	"toolward/gateway"
)

// methods are those that a route may be for, in the order of RFC 9110 §9.1.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Elsewhere registers what answers where a mux has no route: 404, or 405 with
// Allow (RFC 9110 §15.5.6) where another method has one. A mux's own answers are
// text, `404 page not found`, which no client of an API reads.
func Elsewhere(mux *http.ServeMux) {
	const rest = "/"
	mux.HandleFunc(rest, func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, m := range methods {
			other := *r
			other.Method = m
			if _, pattern := mux.Handler(&other); pattern != rest {
				allow = append(allow, m)
			}
		}
		if allow == nil {
			Write(w, gateway.Refuse("surface", gateway.Unsupported, "there is nothing at this path"), "")
			return
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		status, reason := http.StatusMethodNotAllowed, "this path takes "+strings.Join(allow, ", ")
		Send(w, status, Details{
			Type: "about:blank", Title: title(status), Status: status, Detail: reason,
			Code: string(gateway.Unsupported), Effect: string(gateway.EffectDeny), Reasons: []string{reason},
		})
	})
}
