package server

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"toolward/auth"
	"toolward/gateway"
)

// answered is what a client gets (RFC 6749 §5.1).
type answered struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"` // seconds
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope,omitempty"`
}

// token answers the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	v, f := form(w, r)
	var got *answered
	if f == nil {
		switch v.Get("grant_type") {
		case "authorization_code":
			got, f = s.exchange(r, v)
		case "refresh_token":
			got, f = s.refresh(r, v)
		default:
			f = &fault{unsupported, "grant_type is authorization_code or refresh_token"}
		}
	}
	if f != nil {
		s.refuse(w, r, f)
		return
	}
	s.json(w, http.StatusOK, got)
}

var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636 §4.1

var errCode = &fault{invalidGrant, "the code is not good: it was used, its minute is over, the gateway was restarted, or it is another client's; log in again"}

// exchange gives a token for a code (RFC 6749 §4.1.3). Whoever shows a code has used
// it up, also if the rest is wrong: a second try is somebody else's.
func (s *Server) exchange(r *http.Request, v url.Values) (*answered, *fault) {
	c, first := s.codes.take(s.opt.Now(), v.Get("code"))
	if c == nil {
		return nil, errCode
	}
	if !first {
		return nil, s.twice(r.Context(), c)
	}
	sum := sha256.Sum256([]byte(v.Get("code_verifier")))
	switch {
	case v.Get("client_id") != c.client.id, v.Get("redirect_uri") != c.redirect.raw:
		return nil, errCode
	case !verifierForm.MatchString(v.Get("code_verifier")) || subtle.ConstantTimeCompare([]byte(b64.EncodeToString(sum[:])), []byte(c.challenge)) != 1:
		return nil, errCode
	}
	if f := s.sameResource(v, c.endpoint); f != nil {
		return nil, f
	}
	g := gateway.Grant{
		ID: rand.Text()[:grantID], Agent: c.agent, Roles: c.roles, Scopes: c.scopes, Endpoint: c.endpoint,
		Client: c.client.key(), Name: c.client.name, Redirect: c.redirect.place(), Key: s.opt.Local.KeyID(), By: s.opt.Owner,
		Ends: s.opt.Now().Add(grantLife).UTC(),
	}
	made, err := s.mint(&g, g.Scopes)
	if err != nil {
		return nil, s.failed("a token could not be made", err)
	}
	g.Token = made.ID
	if g, err = s.opt.Grants.Give(r.Context(), g); err != nil {
		return nil, s.failed("a grant could not be recorded", err)
	}
	if s.codes.became(c, g.ID) {
		return nil, s.twice(r.Context(), c)
	}
	s.opt.Log.Info("a client was let in", "client", c.client.name, "grant", g.ID, "agent", g.Agent, "roles", g.Roles)
	return s.answered(&g, &made), nil
}

// twice ends what came of a code that is in two hands (RFC 6749 §4.1.2).
func (s *Server) twice(ctx context.Context, c *code) *fault {
	id := s.codes.grantOf(c)
	if id == "" {
		return errCode // whoever was first finds out when it is given
	}
	err := s.opt.Grants.RevokeGrant(ctx, id, gateway.Operator{}, "its code was used twice")
	if err != nil && !errors.Is(err, gateway.ErrNoGrant) {
		return s.failed("a grant could not be revoked", err)
	}
	s.opt.Log.Warn("a code was used twice: what it gave is revoked", "grant", id, "client", c.client.name)
	return errCode
}

// sameResource checks the resource of a token request, which may narrow nothing here
// (RFC 8707 §2.2).
func (s *Server) sameResource(v url.Values, endpoint string) *fault {
	if !v.Has("resource") {
		return nil
	}
	if path, ok := s.opt.Endpoint(v.Get("resource")); !ok || path != endpoint {
		return &fault{invalidTarget, "the resource is not the one that the person was asked about"}
	}
	return nil
}

func (s *Server) failed(what string, err error) *fault {
	s.opt.Log.Error(what, "error", err)
	return &fault{serverError, what + "; the gateway's log has more"}
}

// mint makes an access token of a grant.
func (s *Server) mint(g *gateway.Grant, scopes []string) (auth.Minted, error) {
	o := auth.MintOptions{Subject: g.Agent, Roles: g.Roles, Scopes: scopes, TTL: tokenLife, Client: g.Client, Grant: g.ID}
	if g.Endpoint != "" {
		o.Audience = s.opt.Base + g.Endpoint
	}
	return s.opt.Local.Mint(o)
}

func (s *Server) answered(g *gateway.Grant, made *auth.Minted) *answered {
	return &answered{made.Token, "Bearer", int(tokenLife.Seconds()), s.refreshToken(g.ID, g.Turn), strings.Join(made.Scopes, " ")}
}

var errRefresh = &fault{invalidGrant, "the refresh token is not good any more: it was revoked, it ended, or it is another client's; log in again"}

// refresh gives a token for a refresh token, and the one that replaces that
// (RFC 6749 §6, RFC 9700 §4.14.2).
func (s *Server) refresh(r *http.Request, v url.Values) (*answered, *fault) {
	id, turn, ok := s.readRefresh(v.Get("refresh_token"))
	if !ok {
		return nil, errRefresh
	}
	g, err := s.opt.Grants.FindGrant(id)
	if err != nil || g.Client != clientKey(v.Get("client_id")) || g.Key != s.opt.Local.KeyID() {
		return nil, errRefresh
	}
	if f := s.sameResource(v, g.Endpoint); f != nil {
		return nil, f
	}
	scopes := g.Scopes
	if v.Has("scope") {
		scopes = strings.Fields(v.Get("scope"))
		if slices.ContainsFunc(scopes, func(one string) bool { return !slices.Contains(g.Scopes, one) && one != "offline_access" }) {
			return nil, &fault{invalidScope, "a scope that the person was not asked about"}
		}
		scopes = slices.DeleteFunc(scopes, func(one string) bool { return !slices.Contains(g.Scopes, one) })
	}
	if !s.renewed.take(s.opt.Now(), id) {
		return nil, &fault{tooMany, "the token was renewed too often within a minute; use the one that there is"}
	}
	made, err := s.mint(&g, scopes)
	if err != nil {
		return nil, s.failed("a token could not be made", err)
	}
	g, err = s.opt.Grants.Refresh(r.Context(), id, turn, made.ID)
	switch {
	case errors.Is(err, gateway.ErrReplayed):
		s.opt.Log.Warn("a refresh token was used twice: the client has to log in again", "grant", id, "client", g.Name, "agent", g.Agent)
		return nil, errRefresh
	case errors.Is(err, gateway.ErrNoGrant):
		return nil, errRefresh
	case err != nil:
		return nil, s.failed("a refresh could not be recorded", err)
	}
	return s.answered(&g, &made), nil
}

const (
	refreshPrefix = "twr_"
	grantID       = 12 // bytes
	refreshSize   = grantID + 4 + sha256.Size
)

// refreshToken is the token of a grant's turn. It is the same whenever it is made, so
// that an answer that was lost can be given again.
func (s *Server) refreshToken(id string, turn int) string {
	text := binary.BigEndian.AppendUint32([]byte(id), uint32(turn))
	return refreshPrefix + b64.EncodeToString(append(text, s.mac("refresh token", text)...))
}

func (s *Server) readRefresh(token string) (id string, turn int, ok bool) {
	rest, ok := strings.CutPrefix(token, refreshPrefix)
	if !ok || len(rest) != b64.EncodedLen(refreshSize) {
		return "", 0, false
	}
	raw, err := b64.DecodeString(rest)
	if err != nil || len(raw) != refreshSize {
		return "", 0, false
	}
	text := raw[:grantID+4]
	if !hmac.Equal(raw[grantID+4:], s.mac("refresh token", text)) {
		return "", 0, false
	}
	return string(raw[:grantID]), int(binary.BigEndian.Uint32(raw[grantID:])), true
}
