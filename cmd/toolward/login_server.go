package main

import (
	"net"
	"net/url"

	"toolward/auth"
	authserver "toolward/auth/server"
	"toolward/config"
	"toolward/mcp/client/oauth"
	"toolward/web"
)

// offersLogin reports whether clients can log in here: the gateway has its own issuer,
// and only this machine reaches it. Behind a proxy everybody seems to be on it.
func (r *rooms) offersLogin(site *web.Server) bool {
	return offersLogin(r.cfg, site.URL())
}

func offersLogin(cfg *config.Config, base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return cfg.Auth.Local != nil && cfg.PublicURL == "" && ip != nil && ip.IsLoopback()
}

// issuerNames are the authorization servers that clients may be sent to.
func (r *rooms) issuerNames(base string) []string {
	var names []string
	for _, i := range r.cfg.Auth.Issuers {
		names = append(names, i.Issuer)
	}
	if r.login {
		names = append(names, base)
	}
	return names
}

// mountLogin serves what clients log in with, or says at the same places that there
// is nothing of the kind.
func (r *rooms) mountLogin(site *web.Server, base string, endpoints *auth.Endpoints, demo bool) error {
	routes := authserver.Absent()
	if r.login {
		s, err := r.loginServer(base, endpoints, demo)
		if err != nil {
			return err
		}
		routes = s.Routes()
	}
	for pattern, h := range routes {
		site.Handle(pattern, h)
	}
	return nil
}

func (r *rooms) loginServer(base string, endpoints *auth.Endpoints, demo bool) (*authserver.Server, error) {
	key, err := installationKey(r.cfg, "clients that log in")
	if err != nil {
		return nil, err
	}
	who, err := whoRuns()
	if err != nil {
		return nil, err
	}
	roles := r.cfg.Auth.Local.Roles
	if demo && len(roles) == 0 {
		roles = []string{"demo"}
	}
	return authserver.New(authserver.Options{
		Local: r.local, Grants: r.state, Base: base, Key: key, Owner: who, Roles: roles, Scopes: r.cfg.Auth.Scopes, Log: r.log,
		Endpoint: func(uri string) (string, bool) {
			path, ok := endpoints.Path(uri)
			return path, ok && r.isResource(path)
		},
		Nearby:    nearby,
		Documents: oauth.Outward(),
	})
}
