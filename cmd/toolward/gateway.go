package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolward/audit"
	"toolward/auth"
	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/vault"
	"toolward/mcp/server"
	"toolward/policy"
	"toolward/state"
	"toolward/state/approval"
	"toolward/state/limit"
	"toolward/upstream"
	"toolward/upstream/shape"
	"toolward/web/telemetry"
)

// rooms is a whole gateway without a listener: what `serve` and `stdio` share.
type rooms struct {
	cfg     *config.Config
	log     *slog.Logger
	metrics *telemetry.Metrics
	tracer  *telemetry.Tracer // nil unless an exporter is configured

	login bool // the gateway is an authorization server for its clients

	store      *audit.Store
	local      *auth.Local // nil if the configuration has issuers only
	verifier   *auth.Verifier
	scanner    *guard.Scanner // in force
	vault      *vault.Vault
	exceptions *guard.AllowList
	engine     *policy.Engine
	loaded     sync.Mutex // held while the policy in force is noted: files can change before there is an engine
	catalog    *upstream.Catalog
	held       *heldBack
	state      *state.Room
	waiting    *approval.Room
	road       *gateway.Road
	surface    atomic.Pointer[server.Server] // set once it is made; upstreams may speak before

	now  running
	talk io.Writer // where the log goes

	closers []func() error // in the order of opening
}

// open builds every room. Upstreams are started and not waited for.
func open(ctx context.Context, cfg *config.Config, log *slog.Logger, talk io.Writer) (*rooms, error) {
	r := &rooms{cfg: cfg, log: log, talk: talk, metrics: telemetry.NewMetrics(version())}
	r.now.begin(cfg)
	for _, step := range []func(context.Context) error{
		r.openTelemetry, r.openGuard, r.openAudit, r.openState, r.openAuth, r.openPolicy, r.openUpstreams, r.openRoad, r.noteStart, r.watchTimes, r.watchConfig,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

// close ends what open began, last first.
func (r *rooms) close() error {
	var errs []error
	for _, c := range slices.Backward(r.closers) {
		errs = append(errs, c())
	}
	r.closers = nil
	return errors.Join(errs...)
}

func (r *rooms) onClose(f func() error) { r.closers = append(r.closers, f) }

func (r *rooms) openTelemetry(ctx context.Context) error {
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return nil
	}
	var err error
	if r.tracer, err = telemetry.NewTracer(ctx, version()); err != nil {
		return err
	}
	r.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return r.tracer.Close(ctx)
	})
	return nil
}

func (r *rooms) openAudit(context.Context) error {
	commits := r.metrics.Histogram("toolward_audit_commit_seconds", "Time that a commit to the audit database took, of what waited in the journal.")
	failures := r.metrics.Counter("toolward_audit_failures_total", "Writes to the audit record's journal, and commits to its database, that failed.")
	store, err := audit.Open(audit.Options{
		Path:         r.cfg.Audit.Path,
		Durability:   audit.Durability(r.cfg.Audit.Durability),
		Bodies:       audit.Bodies(r.cfg.Audit.Bodies),
		Retain:       r.cfg.Audit.Retain,
		RetainBodies: r.cfg.Audit.RetainBodies,
		Checkpoints:  r.cfg.Audit.Checkpoints,
		Standby:      r.cfg.Audit.Sink,
		Log:          r.log,
		Own:          hidden(r.cfg),
		Find:         func(raw json.RawMessage) ([]gateway.Finding, error) { return r.now.scanner.Load().Secrets(raw) },
		Observe: func(events int, took time.Duration, err error) {
			if events > 0 {
				commits.Observe(took.Seconds())
			}
			if err != nil {
				failures.Inc()
			}
		},
	})
	if err != nil {
		return err
	}
	r.store = store
	r.onClose(store.Close)
	r.metrics.Gauge("toolward_audit_foreign", "Whether the audit record has rows that another program wrote, so that it is not gone on with.", nil, func() float64 {
		if foreign := (*audit.ForeignError)(nil); errors.As(store.Ready(), &foreign) {
			return 1
		}
		return 0
	})
	r.metrics.Gauge("toolward_audit_queue", "Events that are durable in the journal, and that the audit database does not have yet.", nil, func() float64 { return float64(store.Queued()) })
	return nil
}

// openState folds what calls and people left behind from the record, and keeps it
// in step.
func (r *rooms) openState(ctx context.Context) error {
	var err error
	r.state, err = state.New(state.Options{
		Journal: r.store, Limits: limitOptions(r.cfg.Limits), Idle: r.cfg.Sessions.Idle, Max: r.cfg.Sessions.Max,
		Decided: func(id string) { r.waiting.Ring(id) },
		Blocks:  r.blocksChanged,
	})
	if err != nil {
		return err
	}
	if r.waiting, err = approval.New(approval.Options{Store: r.state, Wait: waitOf(r.cfg), Expire: r.cfg.Approvals.Expire, Asked: r.asked}); err != nil {
		return err
	}
	return r.store.Attach(ctx, r.state)
}

// waitOf is how long a call waits for a person: `wait: 0s` is a choice, not a missing value.
func waitOf(cfg *config.Config) time.Duration {
	if cfg.Approvals.Wait == 0 {
		return -1
	}
	return cfg.Approvals.Wait
}

// asked says in the log that a person has to decide, and how. What the call would
// send is for those who may look at it.
func (r *rooms) asked(a gateway.Approval) {
	r.log.Warn("a call waits for a person", "approval", a.ID, "agent", a.Agent, "tool", a.Tool, "until", a.Expires.UTC().Format(time.RFC3339),
		"look", "toolward approvals show "+a.ID+flagOf(r.cfg), "decide", "toolward approvals approve|deny "+a.ID+flagOf(r.cfg))
}

// watchTimes puts on record which questions nobody answered in time, and which named
// tokens are used, and tells agents when a block's time is over.
func (r *rooms) watchTimes(context.Context) error {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(gateway.Contain(r.log, "blocks that end", func() { r.state.EndBlocks(ctx) }))
	running.Go(gateway.Contain(r.log, "approvals that run out", func() {
		r.state.Expire(ctx, func(err error) { r.log.Error("approvals that ran out could not be recorded", "error", err) })
	}))
	running.Go(gateway.Contain(r.log, "uses of named tokens", func() {
		r.state.NoteUses(ctx, func(err error) { r.log.Error("that a named token is used could not be recorded", "error", err) })
	}))
	r.onClose(func() error { stop(); running.Wait(); return nil })
	return nil
}

func (r *rooms) openAuth(context.Context) error {
	if r.cfg.Auth.Local != nil {
		local, err := openLocal(r.cfg)
		if err != nil {
			return err
		}
		r.local = local
	}
	key, err := installationKey(r.cfg, "digests of refused tokens")
	if err != nil {
		return err
	}
	failures := auth.NewFailures(auth.FailuresOptions{
		Count: r.metrics.Counts("toolward_auth_failures_total", "Failed authentications by reason, those included that have no event of their own.", "reason", auth.Reasons),
		Note:  r.store.Note, Key: key, Log: r.log,
	})
	r.onClose(failures.Close)
	verifier, err := newVerifier(r.cfg, r.local, r.state, failures, r.log)
	if err != nil {
		return err
	}
	r.verifier = verifier
	r.onClose(verifier.Close)
	return nil
}

// newVerifier accepts the tokens of all configured issuers, and of the local
// one unless it is nil, of which held knows what is still in use.
func newVerifier(cfg *config.Config, local *auth.Local, held auth.Held, failures *auth.Failures, log *slog.Logger) (*auth.Verifier, error) {
	var issuers []auth.Issuer
	if local != nil {
		issuers = append(issuers, local.Issuer())
	}
	for _, i := range cfg.Auth.Issuers {
		issuers = append(issuers, issuerOptions(i))
	}
	return auth.New(auth.Options{Issuers: issuers, Held: held, Failures: failures, Log: log})
}

// openLocal opens the gateway's own issuer, making its key on first use.
func openLocal(cfg *config.Config) (*auth.Local, error) {
	l := cfg.Auth.Local
	return auth.OpenLocal(auth.LocalOptions{KeyFile: l.KeyFile, Issuer: l.Issuer, Audience: l.Audience})
}

func issuerOptions(i config.Issuer) auth.Issuer {
	return auth.Issuer{
		Issuer: i.Issuer, Audience: i.Audience,
		JWKSURL: i.JWKSURL, PublicKeyFile: i.PublicKeyFile, SecretFile: i.SecretFile, Secret: []byte(i.Secret.Reveal()),
		Algorithms: i.Algorithms, Agent: i.Agent, Roles: i.Roles, Scopes: i.Scopes,
		RequiredScopes: i.RequiredScopes, AccessTokens: i.AccessTokensOnly,
		Leeway: i.Leeway, MaxLifetime: i.MaxLifetime, Refresh: i.Refresh, Stale: i.Stale,
	}
}

func (r *rooms) openGuard(context.Context) error {
	opt, err := guardOptions(r.cfg, r.log)
	if err != nil {
		return err
	}
	key, err := installationKey(r.cfg, "placeholders")
	if err != nil {
		return err
	}
	r.vault = vault.New(key)
	opt.Vault = r.vault
	r.exceptions, r.now.own = opt.Allow, opt.Own
	if r.scanner, err = guard.New(opt); err == nil {
		r.now.scanner.Store(r.scanner)
	}
	return err
}

func (r *rooms) openPolicy(ctx context.Context) error {
	reloads := r.metrics.Counts("toolward_policy_reloads_total", "Changes of the policy on disk, by whether they are in force.", "result", []string{"ok", "failed"})
	engine, err := policy.New(ctx, policyOptions(r.cfg, r.log, func(err error) {
		result := "ok"
		if err != nil {
			result = "failed"
			err = r.store.Note(context.Background(), audit.TypeReloadFailed, map[string]any{"error": err.Error()})
		} else {
			err = r.notePolicy(context.Background())
		}
		reloads(result)
		if err != nil {
			r.log.Error("the policy's reload could not be recorded", "error", err)
		}
		r.listsChanged()
	}))
	if err != nil {
		return err
	}
	r.loaded.Lock()
	r.engine = engine
	r.loaded.Unlock()
	r.onClose(engine.Close)
	return r.notePolicy(ctx)
}

// listsChanged tells agents to ask for their lists again: what policy lets
// them see may differ now.
func (r *rooms) listsChanged() {
	if s := r.surface.Load(); s != nil {
		s.ListsChanged()
	}
}

// blocksChanged ends the streams of who is blocked now.
func (r *rooms) blocksChanged() {
	if s := r.surface.Load(); s != nil {
		s.BlocksChanged()
	}
}

func (r *rooms) openUpstreams(ctx context.Context) error {
	entries, servers, err := r.servers(r.cfg, func(string) bool { return false })
	if err != nil {
		return err
	}
	r.now.entries = entries
	r.held = newHeldBack(r.store.Note, r.log)
	r.onClose(r.held.close)
	catalog, err := upstream.New(ctx, upstream.Options{
		Servers: servers, Pins: r.pins(), Strict: r.cfg.Pins.Strict, Logger: r.log,
		Inspect: func(ctx context.Context, t *gateway.Tool) (string, error) {
			return r.now.scanner.Load().Inspect(ctx, t)
		},
		Shadows:     func(all []*gateway.Tool) []string { return r.now.scanner.Load().Shadows(all) },
		Quarantined: r.noteQuarantined, Narrower: r.noteNarrower, Narrows: narrows(r.cfg),
		Events: func(e gateway.Event) {
			if s := r.surface.Load(); s != nil {
				s.Event(e)
			}
		},
	})
	if err != nil {
		return err
	}
	r.catalog = catalog
	r.onClose(catalog.Close)
	return nil
}

// pins is the store of accepted definitions: the lock file, or the record if there
// is one.
func (r *rooms) pins() upstream.Pins {
	switch {
	case r.cfg.Pins.File != "":
		return upstream.NewLockFile(r.cfg.Pins.File)
	case r.store == nil:
		return upstream.NewMemoryPins()
	}
	return r.state
}

func (r *rooms) openRoad(context.Context) error {
	r.gauges()
	observers := []gateway.Observer{r.metrics}
	if r.tracer != nil {
		observers = append(observers, r.tracer)
	}
	r.road = &gateway.Road{
		Auth:      r.verifier,
		State:     r.state,
		Catalog:   r.catalog,
		Vault:     r.vault,
		Guard:     r.scanner,
		Policy:    r.engine,
		Shapes:    shape.Messages{},
		Approvals: r.waiting,
		Recorder:  r.store,
		Observers: observers,
	}
	return nil
}

// openSurface makes the MCP surface. base is the gateway's public URL, "" on
// standard input and output.
func (r *rooms) openSurface(endpoints *auth.Endpoints) (*server.Server, error) {
	key, err := installationKey(r.cfg, "cursors and states")
	if err != nil {
		return nil, err
	}
	opt := server.Options{
		Road: r.road, Key: key, CarryToken: r.now.exchanges.Load, Upstreams: r.catalog, Token: auth.Token,
		Version: version(), MaxBody: int64(r.cfg.HTTP.Body), Body: r.state.Body, Logger: r.log,
	}
	if endpoints != nil {
		opt.Resource, opt.Challenge = endpoints.URI, endpoints.Challenge
	}
	s, err := server.New(opt)
	if err != nil {
		return nil, err
	}
	r.surface.Store(s)
	r.road.Change(func() { r.setSessions(r.config()) }) // not while others come into force
	r.onClose(func() error { s.Close(); return nil })
	return s, nil
}

// setSessions puts limits.sessions in force, where there is a surface that has them.
func (r *rooms) setSessions(cfg *config.Config) {
	if s := r.surface.Load(); s != nil {
		s.SetSessions(cfg.Limits.Sessions.Agent, cfg.Limits.Sessions.Total)
	}
}

// config is the configuration in force.
func (r *rooms) config() *config.Config {
	if now := r.now.inForce.Load(); now != nil {
		return now
	}
	return r.cfg // of a command, which takes over no other
}

// ready is what /readyz asks.
func (r *rooms) ready() map[string]error {
	return map[string]error{
		"audit":  r.store.Ready(),
		"auth":   r.verifier.Ready(),
		"policy": r.engine.Ready(),
		"config": r.now.configReady(),
	}
}

// limitOptions turns the configuration's rates into the limiter's.
func limitOptions(l config.Limits) limit.Options {
	rate := func(b config.Bucket) limit.Rate { return limit.Rate{PerSecond: b.Rate.PerSecond(), Burst: b.Burst} }
	opt := limit.Options{
		Default: rate(l.Default), Lists: rate(l.Lists), Wait: l.Wait, Failures: rate(l.Failures), Concurrency: l.Concurrency, Total: l.Total,
		Agents: map[string]limit.Rate{}, Tools: map[string]limit.Tool{},
	}
	for name, b := range l.Agents {
		opt.Agents[name] = rate(b)
	}
	for name, t := range l.Tools {
		var tool limit.Tool
		if t.Bucket != nil {
			tool.All = rate(*t.Bucket)
		}
		if t.Agent != nil {
			tool.PerAgent = rate(*t.Agent)
		}
		opt.Tools[name] = tool
	}
	return opt
}

// beside is a file next to the audit database, where the gateway keeps what
// belongs to one installation.
func beside(cfg *config.Config, name string) string {
	return filepath.Join(filepath.Dir(cfg.Audit.Path), name)
}
