package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"toolward/config"
	"toolward/gateway"
	"toolward/gateway/dialect"
	"toolward/mcp/client"
	"toolward/mcp/client/oauth"
	"toolward/upstream"
	"toolward/upstream/openapi"
)

// passedOn are the variables that a child process gets of the gateway's own
// environment: what programs need to run, and nothing that could be a secret.
var passedOn = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "TZ", "TMPDIR",
	"SYSTEMROOT", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "TEMP", "TMP", "PATHEXT", "COMSPEC"}

// questions are the other rooms' part in what upstreams ask, and in what becomes
// of logins to them.
type questions struct {
	allowed func(server string) bool // whether a rule could let it ask anything
	record  func(context.Context, gateway.Phase, *gateway.Call) error
	lost    func(ctx context.Context, server, why string) // a person's login does not work any more
}

// noQuestions is for commands that call nothing.
var noQuestions = questions{
	allowed: func(string) bool { return false },
	record:  func(context.Context, gateway.Phase, *gateway.Call) error { return nil },
	lost:    func(context.Context, string, string) {},
}

// upstreamServer joins a configured upstream with the client that reaches it.
func upstreamServer(cfg *config.Config, u config.Upstream, q questions, log *slog.Logger) (upstream.Server, error) {
	log = log.With("upstream", u.Name)
	credentials, err := credentialsOf(cfg, u, q.lost)
	if err != nil {
		return upstream.Server{}, err
	}
	s := upstream.Server{
		Name: u.Name, Labels: u.Labels, Scopes: u.Scopes, Concurrency: u.Concurrency,
		Isolate: u.Isolate == "session" || u.Isolate == "call", Apart: u.Isolate == "call",
	}
	if len(u.Schemas) > 0 {
		if s.Form, err = forms(u.Schemas); err != nil {
			return upstream.Server{}, fmt.Errorf("upstream %s: %w", u.Name, err)
		}
	}
	if u.OpenAPI != "" {
		s.Dial = dialAPI(u, credentials, log)
	} else {
		s.Dial, err = dialMCP(u, credentials, q, log)
	}
	return s, err
}

// forms are tools as all of some providers accept them.
func forms(providers []string) (func(*gateway.Tool) (gateway.Form, error), error) {
	d, err := dialect.Named(providers...)
	if err != nil {
		return nil, err
	}
	return func(t *gateway.Tool) (gateway.Form, error) {
		form := d.Of(t)
		if form.LeftOut != "" {
			return nil, errors.New(form.LeftOut)
		}
		return form, nil
	}, nil
}

// dialAPI reaches an HTTP API that an OpenAPI document describes. It has no
// connection state: every agent session gets the same. The document is read
// when the API is dialled, so that one which cannot be read takes that upstream
// down and no other, until it is repaired.
func dialAPI(u config.Upstream, credentials *oauth.Source, log *slog.Logger) upstream.Dial {
	opt := openapi.Options{
		Name: u.Name, Header: revealed(u.Headers), Timeout: u.Timeout, MaxAnswer: int(u.Response), Logger: log,
	}
	if credentials != nil {
		opt.Credentials = credentials
	}
	return func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) {
		api, err := openAPI(u, opt)
		if err != nil {
			return nil, err // a nil *openapi.API must not become a non-nil Conn
		}
		return api, nil
	}
}

// openAPI reads the document of an API.
func openAPI(u config.Upstream, opt openapi.Options) (*openapi.API, error) {
	opt.File, opt.BaseURL, opt.Secrets = filepath.Base(u.OpenAPI), u.BaseURL, revealed(u.Credentials)
	opt.Operations = openapi.Choice{Include: u.Operations.Include, Exclude: u.Operations.Exclude}
	var err error
	if opt.Document, err = os.ReadFile(u.OpenAPI); err != nil {
		return nil, err
	}
	folder, err := os.OpenRoot(filepath.Dir(u.OpenAPI)) // no link leads out of it
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	opt.Folder = folder.FS()
	api, err := openapi.New(opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.OpenAPI, err)
	}
	return api, nil
}

// dialMCP reaches an MCP server: a process, or a URL.
func dialMCP(u config.Upstream, credentials *oauth.Source, q questions, log *slog.Logger) (upstream.Dial, error) {
	opt := client.Options{
		Name: u.Name, Command: u.Command, Args: u.Args, Dir: u.Dir,
		URL: u.URL, Kind: client.Kind(u.Transport), Header: revealed(u.Headers),
		Isolate: u.Isolate == "session" || u.Isolate == "call", Timeout: u.Timeout, MaxAnswer: int(u.Response),
		Version: version(), Logger: log,
		Asks: func() bool { return q.allowed(u.Name) },
		Unasked: func(ctx context.Context, agent *gateway.Agent, method string, params []byte, refusal *gateway.Refusal) {
			c := gateway.Unasked(u.Name, agent, method, params)
			c.Refusal = refusal
			if err := q.record(ctx, gateway.PhaseRefusal, c); err != nil {
				log.Error("a question that was put to nobody could not be recorded", "err", err)
			}
		},
	}
	if u.Command != "" {
		opt.Env = environment(u.Env)
		if filepath.Base(u.Command) != u.Command { // a relative one would be looked for in Dir
			var err error
			if opt.Command, err = filepath.Abs(u.Command); err != nil {
				return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
			}
		}
	}
	if credentials != nil {
		opt.Credentials = credentials
	}
	c, err := client.New(opt)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", u.Name, err)
	}
	return func(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (upstream.Conn, error) {
		conn, err := c.Dial(ctx, origin, events)
		if err != nil {
			return nil, err // a nil *client.Conn must not become a non-nil Conn
		}
		return conn, nil
	}, nil
}

// revealed are secrets for whoever sends them.
func revealed(secrets map[string]config.Secret) map[string]string {
	all := make(map[string]string, len(secrets))
	for name, value := range secrets {
		all[name] = value.Reveal()
	}
	return all
}

// credentialsOf is the source of tokens for an upstream, nil if it has none.
func credentialsOf(cfg *config.Config, u config.Upstream, lost func(ctx context.Context, server, why string)) (*oauth.Source, error) {
	if u.OAuth == nil {
		return nil, nil
	}
	o, err := oauthOptions(cfg, u)
	if err != nil {
		return nil, err
	}
	o.Lost = func(ctx context.Context, why string) { lost(ctx, u.Name, why) }
	return oauth.New(o)
}

// oauthOptions is how the gateway gets its own token for an upstream. Logins of
// people are kept encrypted beside the record.
func oauthOptions(cfg *config.Config, u config.Upstream) (oauth.Options, error) {
	o := u.OAuth
	opt := oauth.Options{
		Server: u.Name, Grant: oauth.Grant(o.Grant), URL: addressOf(u), Resource: o.Resource, Issuer: o.Issuer, TokenURL: o.TokenURL,
		ClientID: o.ClientID, ClientMetadataURL: o.ClientMetadataURL,
		CallbackPort: o.CallbackPort, AssertionFile: o.AssertionFile, Scopes: o.Scopes,
		Vault: oauth.NewVault(beside(cfg, "toolward.logins"), beside(cfg, "toolward.logins.key")),
	}
	var err error
	if opt.ClientSecret, err = secretOf(o.ClientSecret, o.ClientSecretFile); err != nil {
		return opt, fmt.Errorf("upstream %s: client secret: %w", u.Name, err)
	}
	if o.Identity != nil {
		opt.IdentityTokenURL, opt.IdentityClientID = o.Identity.TokenURL, o.Identity.ClientID
		if opt.IdentityClientSecret, err = secretOf(o.Identity.ClientSecret, o.Identity.ClientSecretFile); err != nil {
			return opt, fmt.Errorf("upstream %s: client secret of the identity provider: %w", u.Name, err)
		}
	}
	if o.ClientKeyFile != "" {
		raw, err := os.ReadFile(o.ClientKeyFile)
		if err != nil {
			return opt, fmt.Errorf("upstream %s: client key: %w", u.Name, err)
		}
		if opt.ClientKey, err = oauth.ParseKey(raw); err != nil {
			return opt, fmt.Errorf("upstream %s: %s: %w", u.Name, o.ClientKeyFile, err)
		}
	}
	return opt, nil
}

// secretOf is a secret that is in the configuration or in a file.
func secretOf(inline config.Secret, file string) (string, error) {
	if file == "" {
		return inline.Reveal(), nil
	}
	raw, err := os.ReadFile(file)
	return strings.TrimRight(string(raw), "\r\n"), err
}

// addressOf is where an upstream's tokens are sent. An API whose document alone
// says where it is needs oauth.resource.
func addressOf(u config.Upstream) string {
	for _, address := range []string{u.URL, u.BaseURL} {
		if address != "" {
			return address
		}
	}
	return u.OAuth.Resource
}

// exchangesTokens reports whether an upstream gets a token in exchange for the
// agent's, which then has to be carried with calls.
func exchangesTokens(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Upstreams, func(u config.Upstream) bool {
		return u.OAuth != nil && (oauth.Grant(u.OAuth.Grant) == oauth.TokenExchange || oauth.Grant(u.OAuth.Grant) == oauth.IDJAG && u.OAuth.AssertionFile == "")
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
