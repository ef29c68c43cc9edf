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
	"sync"
	"time"

	"toolward/auth"
	"toolward/config"
	"toolward/mcp/bridge"
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
	mint   func(context.Context) (auth.Minted, error)

	mu    sync.Mutex
	base  string // "" until a gateway was found
	token string
	ends  time.Time // of the token
	found bool
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
	r.mint = r.mintOnRecord
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
	if anew || time.Until(r.ends) <= bridgeRenew {
		switch made, err := r.mint(ctx); {
		case err == nil:
			r.token, r.ends = made.Token, made.Expires.Round(0) // by the wall's clock: a token ends while the machine sleeps
		case anew || !time.Now().Before(r.ends):
			return "", "", err
		} // else the old one lives yet, and the next request asks again
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

// find finds the gateway anew.
func (r *reach) find(ctx context.Context) error {
	old := r.client
	base, client, err := runningGateway(ctx, r.cfg)
	if err != nil {
		return err
	}
	r.base, r.client = base, client
	if old != nil {
		old.CloseIdleConnections()
	}
	return nil
}

// mintOnRecord makes a token and puts that on record, through the gateway that runs:
// the record has one writer, and to become it would keep a gateway from starting.
func (r *reach) mintOnRecord(ctx context.Context) (auth.Minted, error) {
	local, err := openLocal(r.cfg)
	if err != nil {
		return auth.Minted{}, err
	}
	made, err := local.Mint(auth.MintOptions{Subject: r.who.subject, Roles: r.who.roles, TTL: bridgeTTL})
	if err != nil {
		return auth.Minted{}, err
	}
	if err := noteRunning(ctx, r.cfg, auth.EventMinted, made); err != nil {
		return auth.Minted{}, fmt.Errorf("a token that is not on record is not used: %w", err)
	}
	return made, nil
}
