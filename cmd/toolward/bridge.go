package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"toolward/auth"
	"toolward/config"
	"toolward/mcp/bridge"
	"toolward/web"
	"toolward/web/admin"
	"toolward/web/proof"
)

// bridgeAgent is who a bridge's client is, where its token is made here.
type bridgeAgent struct {
	subject string
	roles   []string
}

// Tokens of a bridge are made anew before they end: a call that is on its way must
// not meet the end of its token.
const (
	bridgeTTL   = time.Hour
	bridgeRenew = 5 * time.Minute
)

// reach is how a bridge finds the gateway, and its token.
type reach struct {
	g      *globals
	cfg    *config.Config
	path   string // of the endpoint
	who    bridgeAgent
	client *http.Client
	fixed  string // TOOLWARD_TOKEN

	mu      sync.Mutex
	base    string // "" until a gateway was found
	token   string
	renewAt time.Time
	found   bool
}

func newReach(g *globals, cfg *config.Config, server string, who bridgeAgent) (*reach, error) {
	r := &reach{g: g, cfg: cfg, path: "/mcp", who: who, fixed: os.Getenv("TOOLWARD_TOKEN")}
	if server != "" {
		r.path += "/" + url.PathEscape(server)
	}
	if r.fixed == "" && cfg.Auth.Local == nil {
		return nil, errors.New("TOOLWARD_TOKEN is not set, and the configuration has no local issuer to make a token: set it in the client's entry (`env`)")
	}
	if r.who.subject == "" {
		op, err := whoRuns()
		if err != nil {
			return nil, err
		}
		r.who.subject = op.Subject
	}
	return r, nil
}

func (r *reach) bridge(log *slog.Logger) *bridge.Bridge {
	return bridge.New(bridge.Options{
		Client:  &http.Client{Transport: r, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Reach:   r.reach,
		Unsent:  func(err error) bool { return errors.Is(err, errNoGateway) || errors.Is(err, proof.ErrUnproved) },
		MaxLine: int(r.cfg.HTTP.Body), Log: log,
	})
}

// RoundTrip sends with the transport that was found, which is another for a gateway
// that had no secret when this began.
func (r *reach) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	client := r.client
	r.mu.Unlock()
	return client.Transport.RoundTrip(req)
}

func (r *reach) reached() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found
}

// errNoGateway says that there is no gateway to send to.
var errNoGateway = errors.New("no gateway runs here")

// reach is bridge.Options.Reach.
func (r *reach) reach(ctx context.Context, anew bool) (endpoint, token string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if anew || r.base == "" {
		r.base = ""
		if err := r.find(ctx); err != nil {
			return "", "", fmt.Errorf("%w: %w\n  start it with `%s`, or give this client a gateway of its own: `toolward stdio --standalone`", errNoGateway, err, r.start())
		}
		r.found = true
	}
	if r.fixed != "" {
		return r.base + r.path, r.fixed, nil
	}
	if anew || time.Now().After(r.renewAt) {
		if err := r.mint(ctx); err != nil {
			return "", "", err
		}
	}
	return r.base + r.path, r.token, nil
}

// start is the command that starts the gateway.
func (r *reach) start() string {
	if r.g.config == "" {
		dir, err := os.Getwd()
		if err != nil {
			return "toolward serve"
		}
		return "cd " + dir + " && toolward serve"
	}
	path, err := filepath.Abs(r.g.config)
	if err != nil {
		path = r.g.config
	}
	return "toolward serve --config " + path
}

// find asks who listens where the gateway may be: where it noted that it listens,
// which is another address than the configuration's after `serve --listen`, and the
// configuration's own.
func (r *reach) find(ctx context.Context) error {
	if r.client == nil || r.cfg.TLS != nil { // a certificate may have been renewed
		client, err := provingClient(r.cfg)
		if err != nil {
			return err
		}
		r.client = client
	}
	var errs []error
	for _, base := range r.addresses() {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := r.client.Transport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
			r.base = base
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", base, err))
	}
	return joined(errs)
}

// joined is several errors in one line.
func joined(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func (r *reach) addresses() []string {
	scheme := "http://"
	if r.cfg.TLS != nil {
		scheme = "https://"
	}
	all := []string{nearAddress(scheme + r.cfg.Listen)}
	if r.cfg.Admin.Listen != "" {
		return all
	}
	if _, noted, err := admin.ReadCredential(credentialPath(r.cfg)); err == nil && noted != all[0] && strings.HasPrefix(noted, scheme) {
		all = append([]string{noted}, all...)
	}
	return all
}

// mint makes a token and puts that on record, through the gateway that runs: the
// record has one writer, and to become it would keep a gateway from starting.
func (r *reach) mint(ctx context.Context) error {
	local, err := openLocal(r.cfg)
	if err != nil {
		return err
	}
	made, err := local.Mint(auth.MintOptions{Subject: r.who.subject, Roles: r.who.roles, TTL: bridgeTTL})
	if err != nil {
		return err
	}
	if err := noteRunning(ctx, r.cfg, r.client, auth.EventMinted, made); err != nil {
		return fmt.Errorf("a token that is not on record is not used: %w", err)
	}
	r.token, r.renewAt = made.Token, time.Now().Add(bridgeTTL-bridgeRenew)
	return nil
}

// provingClient sends to the gateway of a configuration and to nobody else. TLS
// proves that by the certificate, which only the gateway has the key of.
func provingClient(cfg *config.Config) (*http.Client, error) {
	if cfg.TLS != nil {
		return certified(cfg, "the gateway's address")
	}
	if !exists(beside(cfg, "toolward.secret")) {
		return nil, fmt.Errorf("no gateway has run yet on the record %s", cfg.Audit.Path)
	}
	key, err := installationKey(cfg, proofUse)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: proof.Transport(key)}, nil
}

// proofUse is what the key of the proof is for.
const proofUse = "proof of the gateway"

// prove mounts the proof on listeners without TLS.
func (r *rooms) prove(sites ...*web.Server) error {
	if r.cfg.TLS != nil {
		return nil
	}
	key, err := installationKey(r.cfg, proofUse)
	if err != nil {
		return err
	}
	for _, s := range sites {
		s.Handle("GET "+proof.Path, proof.Handler(key))
	}
	return nil
}
