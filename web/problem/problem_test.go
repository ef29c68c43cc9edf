package problem

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"toolward/gateway"
)

func TestEveryCodeHasAStatus(t *testing.T) {
	for _, c := range gateway.Codes {
		if _, ok := statuses[c]; !ok {
			t.Errorf("%s has no HTTP status", c)
		}
	}
	if len(statuses) != len(gateway.Codes) {
		t.Errorf("%d statuses for %d codes", len(statuses), len(gateway.Codes))
	}
}

func TestWrite(t *testing.T) {
	w := httptest.NewRecorder()
	Write(w, &gateway.Refusal{Code: gateway.RateLimited, Reasons: []string{"too fast", "slow down"}, RetryAfter: 1500 * time.Millisecond}, "c1")
	if w.Code != 429 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	var d Details
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Status != 429 || d.Code != "rate_limited" || d.Call != "c1" || d.Effect != "deny" || len(d.Reasons) != 2 {
		t.Errorf("%+v", d)
	}
}
