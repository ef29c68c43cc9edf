package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"toolward/auth"
	"toolward/config"
	"toolward/gateway"
	"toolward/state/limit"
	"toolward/web"
	"toolward/web/admin"
)

// openAdmin makes the operators' API of a gateway that listens at base, and
// notes in the operator's credential where commands find it. It is nil where the
// configuration turns it off.
//
// operators and agents are where commands find what is served.
func (r *rooms) openAdmin(endpoints *auth.Endpoints, operators, agents string) (*admin.Handler, error) {
	if !r.cfg.Admin.Enabled {
		return nil, nil
	}
	local, err := localOperator(r.cfg, operators, agents)
	if err != nil {
		return nil, err
	}
	opt := r.operators(local)
	opt.Roles, opt.Tools, opt.Health, opt.Permit = r.roles, r.catalog, r.health, r.engine.MayApprove
	opt.Verify, opt.Reload = r.verify, r.reload
	opt.Resource, opt.Challenge = endpoints.URI("/v1"), endpoints.Challenge
	if opt.Limit, err = operatorLimit(); err != nil {
		return nil, err
	}
	return admin.New(opt), nil
}

// operators are the options that a running gateway and a command without one
// have in common.
func (r *rooms) operators(local *admin.Local) admin.Options {
	opt := admin.Options{
		Road: r.road, Local: local, Version: version(), Log: r.log,
		Token: auth.Token, Peer: web.PeerOf, Nearby: nearby,
	}
	if r.state != nil { // nil where there is no record
		opt.Approvals, opt.Blocks, opt.Sessions, opt.Meters, opt.Note = r.state, r.state, r.state, r.state, r.store.Note
		opt.Record = r.questions()
		if r.local != nil {
			opt.Tokens = namedTokens{r.state, r.local}
		}
	}
	return opt
}

// credentialPath is where the operator's credential lies: beside the record.
func credentialPath(cfg *config.Config) string { return cfg.Audit.Path + ".operator" }

func localOperator(cfg *config.Config, operators, agents string) (*admin.Local, error) {
	credential, err := admin.OpenCredential(credentialPath(cfg), operators, agents)
	if err != nil {
		return nil, err
	}
	who, err := whoRuns()
	if err != nil {
		return nil, err
	}
	return &admin.Local{Credential: credential, User: who.Subject}, nil
}

// Operators are people and their consoles: what they do is small, and a stream of
// approvals counts as one.
func operatorLimit() (func(*gateway.Agent) (func(), error), error) {
	l, err := limit.New(limit.Options{Default: limit.Rate{PerSecond: 20, Burst: 200}, Concurrency: 32, Total: 256})
	if err != nil {
		return nil, err
	}
	return func(a *gateway.Agent) (func(), error) { return l.Acquire(context.Background(), a, nil) }, nil // it never waits
}

// nearby reports whether a request came over loopback, and nothing shows that
// somebody handed it on.
func nearby(req *http.Request) bool {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback() && !proxied(req)
}

// health is what operators are told; /readyz says less to strangers.
func (r *rooms) health() admin.Health {
	h := admin.Health{Version: version(), Ready: true, Parts: map[string]string{}, Revision: r.engine.Revision(), Upstreams: []admin.UpstreamHealth{}}
	for name, err := range r.ready() {
		h.Parts[name] = "ok"
		if err != nil {
			var some interface{ Degraded() bool }
			h.Parts[name], h.Ready = err.Error(), h.Ready && errors.As(err, &some) && some.Degraded()
		}
	}
	for _, name := range r.catalog.Servers() {
		about, _ := r.catalog.About(name)
		h.Upstreams = append(h.Upstreams, admin.UpstreamHealth{Name: name, Up: about.Up, Reason: about.Reason, Revision: about.Revision})
	}
	return h
}

// roles says which roles of a token make an operator now.
func (r *rooms) roles() admin.Roles {
	if a := r.now.inForce.Load().Admin; a.Enabled {
		return admin.Roles{Viewers: a.Viewers, Approvers: a.Approvers, Admins: a.Admins, Issuers: a.Issuers}
	}
	return admin.Roles{}
}

// adminSite is the listener of the operators' API: the gateway's own, or the one
// that admin.listen names, which the caller must serve beside it.
func (r *rooms) adminSite(site *web.Server, opt web.Options) (*web.Server, error) {
	if r.cfg.Admin.Listen == "" {
		return site, nil
	}
	opt.Listen, opt.RedirectHTTP, opt.Origins = r.cfg.Admin.Listen, "", nil
	return web.New(opt)
}

// mountAdmin serves the operators' API, if there is one, on its listener, and
// returns that.
func (r *rooms) mountAdmin(site *web.Server, opt web.Options, endpoints *auth.Endpoints) (*web.Server, error) {
	people, err := r.adminSite(site, opt)
	if err != nil {
		return nil, err
	}
	api, err := r.openAdmin(endpoints, nearAddress(people.URL()), nearAddress(site.URL()))
	if err != nil || api == nil {
		return people, err
	}
	people.Handle(admin.Prefix, api)
	people.OnDrain(api.Close)
	if people == site {
		return site, nil
	}
	return people, r.prove(people)
}

// serveAll serves listeners until ctx ends or one of them fails, which ends all.
func serveAll(ctx context.Context, sites ...*web.Server) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(sites))
	for _, s := range sites {
		go func() {
			_, err := gateway.Survive(func() (struct{}, error) { return struct{}{}, s.Serve(ctx) })
			ended <- err
		}()
	}
	var errs []error
	for range sites {
		errs = append(errs, <-ended)
		stop()
	}
	return errors.Join(errs...)
}

// servePeople serves the operators' API of a gateway that agents do not reach by
// network, on any port of loopback: commands find it by the credential. stop waits
// for its end.
func (r *rooms) servePeople(ctx context.Context) (stop func() error, err error) {
	if !r.cfg.Admin.Enabled {
		return nothing, nil
	}
	site, err := web.New(web.Options{Listen: "127.0.0.1:0", Refused: r.road.Stranger, Ready: r.ready, Private: []string{admin.Prefix}, Logger: r.log})
	if err != nil {
		return nil, err
	}
	endpoints, err := auth.NewEndpoints(site.URL(), r.issuerNames(site.URL()), r.cfg.Auth.Scopes)
	if err != nil {
		return nil, err
	}
	api, err := r.openAdmin(endpoints, site.URL(), "")
	if err != nil {
		return nil, err
	}
	site.Handle(admin.Prefix, api)
	site.OnDrain(api.Close)
	if err := r.prove(site); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- site.Serve(ctx) }()
	return func() error { cancel(); return <-ended }, nil
}

// nearAddress is a base URL of this machine for what listens there: commands come
// over loopback where the listener is open to all.
func nearAddress(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	}
	return u.String()
}
