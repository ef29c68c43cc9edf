package gateway

import "context"

type tokenKey struct{}

// WithToken carries the agent's bearer token with its call, for an upstream
// whose authorization server exchanges it for another (RFC 8693). A surface
// sets it after [Road.Admit]. It is never sent to an upstream, recorded or
// logged.
func WithToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// Token is what [WithToken] carries, "" if nothing.
func Token(ctx context.Context) string {
	token, _ := ctx.Value(tokenKey{}).(string)
	return token
}
