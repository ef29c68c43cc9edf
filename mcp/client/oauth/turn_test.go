package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"toolward/gateway"
)

// While the authorization server does not answer for one agent, the others that
// need the same token can leave, and what concerns another token waits for
// nothing.
func TestNobodyIsHeldUpByAnAuthorizationServerThatHangs(t *testing.T) {
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.FormValue("subject_token")
		if subject == "slow" {
			arrived <- struct{}{}
			select {
			case <-release:
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // a client that left reads nothing
			"access_token": "for-" + subject, "token_type": "Bearer", "expires_in": 3600, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
		})
	}))
	defer s.Close()
	src := source(t, Options{Server: "s", Grant: TokenExchange, URL: s.URL + "/mcp", TokenURL: s.URL + "/token", ClientID: "gw"})
	slow, quick := gateway.WithToken(t.Context(), "slow"), gateway.WithToken(t.Context(), "quick")

	ask := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := src.Authorization(ctx)
			done <- err
		}()
		return done
	}
	firstCtx, leaveFirst := context.WithCancel(slow)
	first := ask(firstCtx)
	<-arrived

	if v := authorization(t, src, quick); v != "Bearer for-quick" {
		t.Errorf("another agent got %q", v)
	}
	if again, _ := src.Denied("Bearer for-quick", http.StatusUnauthorized, nil); !again { // it would wait for the first
		t.Error("no other token is tried")
	}
	secondCtx, leaveSecond := context.WithCancel(slow)
	second, third := ask(secondCtx), ask(slow)
	leaveSecond()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("who left got %v", err)
	}
	leaveFirst()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who asked and left got %v", err)
	}
	<-arrived // the third asks now
	close(release)
	if err := <-third; err != nil {
		t.Errorf("who waited got %v", err)
	}
}
