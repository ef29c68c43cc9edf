package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/auth"
	authserver "toolward/auth/server"
	"toolward/config"
	"toolward/gateway"
	"toolward/mcp/server"
	"toolward/web"
	"toolward/web/admin"
	"toolward/web/rest"
)

func newServe(g *globals) *cobra.Command {
	var listen, profile string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "Runs the gateway until it is told to stop, then lets calls under way finish.\n\n" +
			"Without --config it reads ./toolward.yaml. Where there is none it listens on loopback, offers a\n" +
			"demo upstream, keeps its record in ./toolward.db, signs its own tokens, and prints one on\n" +
			"standard output.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadOrDemo(g)
			if err != nil {
				return err
			}
			if listen != "" {
				if err := cfg.SetListen(listen); err != nil {
					return err
				}
			}
			if profile != "" {
				if err := serveProfiles(profile); err != nil {
					return err
				}
			}
			return serve(cmd.Context(), cfg, g.config == "", cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address to listen on, instead of the configuration's")
	cmd.Flags().StringVar(&profile, "pprof", "", "also serve Go profiles on this loopback address")
	return cmd
}

func serve(ctx context.Context, cfg *config.Config, demo bool, out, talk io.Writer) (err error) {
	tuneMemory()
	log := newLogger(cfg.Log, talk)
	r, err := open(ctx, cfg, log, talk)
	if errors.Is(err, audit.ErrInUse) {
		return fmt.Errorf("%w; stop that one, or give this one a record of its own (audit: {path: …})", err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.close()) }()

	opt := web.Options{
		Listen: cfg.Listen, Insecure: cfg.Insecure, Hosts: hosts(cfg), Origins: cfg.HTTP.Origins, Private: []string{admin.Prefix, authserver.PathConsent},
		MaxBody: int64(cfg.HTTP.Body), MaxHeader: int(cfg.HTTP.Header),
		HeaderTimeout: cfg.HTTP.HeaderTimeout, BodyTimeout: cfg.HTTP.BodyTimeout, IdleTimeout: cfg.HTTP.IdleTimeout,
		Grace: cfg.HTTP.Drain, LameDuck: cfg.HTTP.LameDuck, ClientHeader: cfg.HTTP.ClientHeader, Refused: r.road.Stranger, Ready: r.ready, Told: nearby, Logger: log,
	}
	if t := cfg.TLS; t != nil {
		opt.Cert, opt.Key, opt.RedirectHTTP = t.Cert, t.Key, t.RedirectHTTP
	}
	for _, network := range cfg.HTTP.TrustedProxies {
		p, err := netip.ParsePrefix(network)
		if err != nil {
			return err // the configuration was checked
		}
		opt.TrustedProxies = append(opt.TrustedProxies, p.Masked())
	}
	site, err := web.New(opt)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; if another gateway has it, stop that one, or give this one an address of its own: --listen 127.0.0.1:8081", err)
	}
	if err != nil {
		return err
	}
	base := cfg.PublicURL
	if base == "" {
		base = site.URL()
	}
	r.login = r.offersLogin(site)
	endpoints, err := auth.NewEndpoints(base, r.issuerNames(base), cfg.Auth.Scopes)
	if err != nil {
		return err
	}
	surface, err := r.openSurface(endpoints)
	if err != nil {
		return err
	}
	r.routes(site, surface, endpoints)
	if err := r.mountLogin(site, base, endpoints, demo); err != nil {
		return err
	}
	site.OnDrain(surface.Drain)
	people, err := r.mountAdmin(site, opt, endpoints)
	if err != nil {
		return err
	}
	if err := r.prove(site); err != nil {
		return err
	}
	go r.reloadOnHangup(ctx)

	waited, cancel := context.WithTimeout(ctx, startupWait)
	_ = r.catalog.Ready(waited) // those that are not up yet are named below, and join when they are
	cancel()
	if err := announce(r, base, demo, out, talk); err != nil {
		return err
	}
	debug.FreeOSMemory() // loading patterns and policy leaves more behind than it keeps
	if people == site {
		return site.Serve(ctx)
	}
	return serveAll(ctx, site, people)
}

// hosts are the names that requests may be for, besides the listener's address:
// those that are configured, and the one that agents are told.
func hosts(cfg *config.Config) []string {
	names := slices.Clone(cfg.HTTP.Hosts)
	if u, err := url.Parse(cfg.PublicURL); err == nil && u.Host != "" { // the configuration was checked: only an unset one has none
		names = append(names, u.Host)
	}
	return names
}

// startupWait is how long a start waits for upstreams before it listens.
const startupWait = 10 * time.Second

// routes is every path that is served; anything else is 404.
func (r *rooms) routes(site *web.Server, surface *server.Server, endpoints *auth.Endpoints) {
	trace := func(h http.Handler) http.Handler {
		if r.tracer == nil {
			return h
		}
		return r.tracer.Middleware(h)
	}
	for _, path := range []string{"/mcp", "/mcp/{server}", "/sse", "/message"} {
		site.Handle(path, trace(surface))
	}
	site.Handle("/v1/", trace(rest.New(rest.Options{
		Road: r.road, Resource: endpoints.URI("/v1"), Token: auth.Token, Challenge: endpoints.Challenge, Peer: web.PeerOf,
		CarryToken: r.now.exchanges.Load, Body: r.state.Body,
	})))
	site.Handle("GET /metrics", r.forOperators(r.metrics.Handler()))
	for _, path := range resources {
		site.Handle("GET "+auth.WellKnown+path, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			path := strings.TrimPrefix(req.URL.Path, auth.WellKnown)
			if !r.isResource(path) {
				http.NotFound(w, req)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Access-Control-Allow-Origin", "*") // public, and browsers' clients look here first
			_, _ = w.Write(endpoints.Metadata(req.Host, path))
		}))
	}
}

// resources are the paths of the endpoints that tokens are for; {server} is an upstream.
var resources = []string{"", "/mcp", "/sse", "/v1", "/mcp/{server}"}

// isResource reports whether tokens are for a path.
func (r *rooms) isResource(path string) bool {
	if name, ok := strings.CutPrefix(path, "/mcp/"); ok {
		return slices.Contains(r.catalog.Servers(), name)
	}
	return slices.Contains(resources, path)
}

// forOperators lets through who is on this machine, and whose token makes an
// operator. Behind a proxy on this
// machine everybody seems to be on it.
func (r *rooms) forOperators(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if ip := net.ParseIP(web.PeerOf(req)); ip != nil && ip.IsLoopback() && r.cfg.PublicURL == "" && !proxied(req) {
			next.ServeHTTP(w, req)
			return
		}
		token, err := auth.Token(req)
		if err == nil {
			agent, refusal := r.road.Admit(req.Context(), gateway.Credentials{Token: token, Peer: web.PeerOf(req), Surface: gateway.SurfaceREST})
			if refusal == nil && r.roles().Of(agent) >= admin.Viewer {
				next.ServeHTTP(w, req)
				return
			}
		}
		http.Error(w, "metrics are for this machine, or for an operator's token", http.StatusForbidden)
	})
}

// proxied reports whether a request shows that somebody handed it on, or that
// it was meant for another name than this machine's own.
func proxied(req *http.Request) bool {
	for _, name := range []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"} {
		if req.Header.Get(name) != "" {
			return true
		}
	}
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// reloadOnHangup reads policy and configuration again on SIGHUP, beside watching
// them, and says what became of it.
func (r *rooms) reloadOnHangup(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-hangup:
			r.hangup(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (r *rooms) hangup(ctx context.Context) {
	before := r.engine.Revision()
	done := map[string]any{"policy": "unchanged", "configuration": "unchanged"}
	if err := r.engine.Reload(ctx); err != nil {
		done["policy"], done["error"] = "broken: the one before stays in force", err.Error()
	} else if r.engine.Revision() != before {
		done["policy"] = "reloaded"
	}
	done["revision"] = r.engine.Revision()
	switch change, err := r.reload(ctx, gateway.Operator{}); {
	case errors.Is(err, errNoConfig):
	case err != nil:
		done["configuration"], done["config_error"] = "broken: the one before stays in force", err.Error()
	case change.Any():
		done["configuration"] = "reloaded"
	}
	if waiting := r.now.waitingFields(); len(waiting) > 0 {
		done["restart"] = waiting
	}
	r.log.Info("SIGHUP", "policy", done["policy"], "revision", done["revision"], "configuration", done["configuration"], "restart", done["restart"])
	if err := r.store.Note(ctx, audit.TypeHangup, done); err != nil {
		r.log.Error("a SIGHUP could not be recorded", "error", err)
	}
}

// announce says what runs where. For a start without configuration it also
// mints a token and says what to paste; the token is alone on standard output.
func announce(r *rooms, base string, demo bool, out, talk io.Writer) error {
	if r.cfg.Log.Format == "json" {
		r.announceJSON(base)
		return nil
	}
	fmt.Fprintf(talk, "toolward %s\n\n  MCP      %s/mcp   (one upstream: %s/mcp/NAME)\n  REST     %s/v1/tools\n  record   %s\n", version(), base, base, base, r.cfg.Audit.Path)
	asking, done := context.WithTimeout(context.Background(), reachWait)
	defer done()
	for _, name := range r.catalog.Servers() {
		about, _ := r.catalog.About(name)
		tools := r.catalog.List(gateway.KindTool, name)
		state := count(len(tools), "tool")
		switch {
		case !about.Up:
			state = "not up: " + about.Reason
		case noPolicy(r.cfg) == "" && r.unreachable(asking, tools):
			state += ", none of them allowed to anybody: see `toolward policy who-can " + tools[0].Wire + "`"
		}
		fmt.Fprintf(talk, "  upstream %-12s %s\n", name, state)
	}
	if len(r.catalog.Servers()) == 0 {
		fmt.Fprintln(talk, "  no upstreams: add some to toolward.yaml, or `toolward import` a client's")
	}
	if !demo {
		if advice := noPolicy(r.cfg); advice != "" {
			fmt.Fprintln(talk, "  "+advice)
		}
		r.announceNext(talk)
		return nil
	}
	if r.local == nil {
		fmt.Fprintln(talk)
		return nil
	}
	made, err := r.local.Mint(auth.MintOptions{Subject: "you", Roles: []string{"demo"}})
	if err != nil {
		return err
	}
	if err := r.noteMinted(made); err != nil {
		return err
	}
	fmt.Fprintf(talk, `
A token for one hour is on standard output. Try it:

  curl -s %[1]s/v1/tools/demo__read_mail/call -H "Authorization: Bearer $TOKEN" -d '{"id":1}'

Point a client at it (toolward connect lists those that are known):

  toolward connect claude-code

or give it the URL alone, and log in in the browser:

  claude mcp add --transport http toolward %[1]s/mcp

`, base)
	fmt.Fprintln(out, made.Token)
	return nil
}

// announceNext says how a client comes in.
func (r *rooms) announceNext(talk io.Writer) {
	if r.local != nil {
		fmt.Fprintln(talk, "  a token  toolward token mint --subject me --role ROLE")
	}
	fmt.Fprintf(talk, "  a client toolward connect claude-code")
	if r.login {
		fmt.Fprint(talk, ", or the URL alone: it opens a page to log in")
	}
	fmt.Fprint(talk, "\n\n")
}

// announceJSON is the announcement for whoever reads standard error as JSON.
func (r *rooms) announceJSON(base string) {
	r.log.Info("started", "version", version(), "mcp", base+"/mcp", "rest", base+"/v1/tools", "record", r.cfg.Audit.Path)
	if advice := noPolicy(r.cfg); advice != "" {
		r.log.Warn(advice)
	}
	for _, name := range r.catalog.Servers() {
		about, _ := r.catalog.About(name)
		r.log.Info("upstream", "upstream", name, "up", about.Up, "reason", about.Reason, "tools", len(r.catalog.List(gateway.KindTool, name)))
	}
}

// newLogger logs to standard error.
func newLogger(l config.Log, w io.Writer) *slog.Logger {
	h := leveled{level: &slog.LevelVar{}}
	h.level.Set(levelOf(l))
	opt := &slog.HandlerOptions{Level: h.level}
	if h.Handler = slog.NewTextHandler(w, opt); l.Format == "json" {
		h.Handler = slog.NewJSONHandler(w, opt)
	}
	return slog.New(h)
}

// leveled is a log's handler whose level can be set anew.
type leveled struct {
	slog.Handler
	level *slog.LevelVar
}

func levelOf(l config.Log) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		level = slog.LevelInfo // the configuration was checked: only an unset level comes here
	}
	return level
}
