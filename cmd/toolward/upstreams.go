package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"toolward/config"
	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/mcp/client/oauth"
	"toolward/upstream"
)

// passedOn are the variables that a child process gets of the gateway's own
// environment: what programs need to run, and nothing that could be a secret.
var passedOn = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "TZ", "TMPDIR",
	"SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "TEMP", "TMP", "PATHEXT", "COMSPEC"}

// upstreamServer joins a configured upstream with the client that reaches it.
func upstreamServer(cfg *config.Config, u config.Upstream, log *slog.Logger) (upstream.Server, error) {
	log = log.With("upstream", u.Name)
	opt := client.Options{
		Name: u.Name, Command: u.Command, Args: u.Args, Dir: u.Dir,
		URL: u.URL, Kind: client.Kind(u.Transport),
		Isolate: u.Isolate == "session", Timeout: u.Timeout, MaxAnswer: int(u.Response),
		Version: version(), Logger: log,
	}
	if u.Command != "" {
		opt.Env = environment(u.Env)
	}
	if len(u.Headers) > 0 {
		opt.Header = map[string]string{}
		for name, value := range u.Headers {
			opt.Header[name] = value.Reveal()
		}
	}
	if u.OAuth != nil {
		o, err := oauthOptions(cfg, u)
		if err != nil {
			return upstream.Server{}, err
		}
		source, err := oauth.New(o)
		if err != nil {
			return upstream.Server{}, err
		}
		opt.Credentials = source
	}
	c, err := client.New(opt)
	if err != nil {
		return upstream.Server{}, fmt.Errorf("upstream %s: %w", u.Name, err)
	}
	return upstream.Server{
		Name: u.Name, Labels: u.Labels, Concurrency: u.Concurrency, Isolate: opt.Isolate,
		Dial: func(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (upstream.Conn, error) {
			conn, err := c.Dial(ctx, origin, events)
			if err != nil {
				return nil, err // a nil *client.Conn must not become a non-nil Conn
			}
			return conn, nil
		},
	}, nil
}

// oauthOptions is how the gateway gets its own token for an upstream. Logins of
// people are kept encrypted beside the record.
func oauthOptions(cfg *config.Config, u config.Upstream) (oauth.Options, error) {
	o := u.OAuth
	opt := oauth.Options{
		Server: u.Name, Grant: oauth.Grant(o.Grant), TokenURL: o.TokenURL,
		ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), Scopes: o.Scopes, Resource: o.Resource,
		Vault: oauth.NewVault(beside(cfg, "toolward.logins"), beside(cfg, "toolward.logins.key")),
	}
	if opt.Resource == "" {
		opt.Resource = u.URL
	}
	if o.ClientSecretFile != "" {
		secret, err := os.ReadFile(o.ClientSecretFile)
		if err != nil {
			return opt, fmt.Errorf("upstream %s: client secret: %w", u.Name, err)
		}
		opt.ClientSecret = strings.TrimRight(string(secret), "\r\n")
	}
	return opt, nil
}

// exchangesTokens reports whether an upstream gets a token in exchange for the
// agent's, which then has to be carried with calls.
func exchangesTokens(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool {
		return u.OAuth != nil && oauth.Grant(u.OAuth.Grant) == oauth.TokenExchange
	})
}

// environment is all that a child process gets.
func environment(extra map[string]config.Secret) []string {
	var env []string
	for _, name := range passedOn {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for name, v := range extra {
		env = append(env, name+"="+v.Reveal())
	}
	slices.Sort(env)
	return env
}
