package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/policy"
	"toolward/upstream"
	"toolward/web/admin"
)

// catalogue is what upstreams offer, and how that is known.
type catalogue struct {
	policy.Offered
	Why  map[string]string // upstreams of which nothing is known, and why
	From string            // "the running gateway", "the record" …

	live    *upstream.Catalog // of the upstreams that were started; nil if none was
	started []func() error    // ends them
}

func newCatalogue() *catalogue { return &catalogue{Why: map[string]string{}} }

// close ends what was started.
func (c *catalogue) close() (err error) {
	for _, end := range slices.Backward(c.started) { // the upstreams before what they are pinned in
		err = errors.Join(err, end())
	}
	c.live, c.started = nil, nil
	return err
}

// starter says what is started of which nothing is known, and where it is pinned.
type starter struct {
	pins func(context.Context, *config.Config) (upstream.Pins, func() error, error)
	only []string // these alone; all if none of them is an upstream
	talk io.Writer
}

// known is what upstreams offer, from who knows it already: the gateway that runs, or
// the definitions that were pinned. Upstreams of which nothing is known are started,
// and all of them are if fresh. Only who starts one needs its secrets.
func known(ctx context.Context, g *globals, fresh bool, talk io.Writer) (c *catalogue, err error) {
	c = newCatalogue()
	defer func() { err = errors.Join(err, c.close()) }()
	beside, err := loadBeside(g)
	if err != nil {
		return nil, err
	}
	how := starter{pins: openPins, talk: talk}
	var pins []gateway.Pin
	if !fresh {
		pins, err = pinned(ctx, beside)
		if errors.Is(err, audit.ErrInUse) {
			c.From = "the running gateway"
			served, err := c.ask(ctx, beside, err)
			if err != nil {
				return nil, err
			}
			cfg, err := loadOrDemo(g)
			if err != nil { // a secret is not set here, and what the file names is not known
				return c, nil
			}
			return c, c.complete(ctx, cfg, c.keep(cfg.Upstreams, served), how)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, c.fromPins(ctx, g, pins, how)
}

// fromPins is what is pinned, and what is found by starting the upstreams of which
// nothing is.
func (c *catalogue) fromPins(ctx context.Context, g *globals, pins []gateway.Pin, how starter) error {
	cfg, err := loadOrDemo(g)
	switch {
	case err != nil && len(pins) == 0:
		return err
	case err != nil: // a secret is not set, as a rule
		unstarted, more := loadWith(g, config.LoadUnstarted)
		if more != nil { // it is not only upstreams' secrets: who they are cannot be read
			fmt.Fprintf(how.talk, "upstreams of which nothing is pinned are left out, since they cannot be started: %v\n", more)
			c.believe(pins, nil)
			return nil
		}
		if left := c.believe(pins, unstarted.Upstreams); len(left) > 0 {
			fmt.Fprintf(how.talk, "left out, since nothing of it is pinned and it cannot be started: %s: %v\n", strings.Join(namesOf(left), ", "), err)
		}
		return nil
	}
	return c.complete(ctx, cfg, c.believe(pins, cfg.Upstreams), how)
}

// complete names the upstreams that there are, and starts those of which nothing is
// known.
func (c *catalogue) complete(ctx context.Context, cfg *config.Config, missing []config.Upstream, how starter) error {
	c.Servers = []string{}
	for _, u := range cfg.Upstreams {
		c.Servers = append(c.Servers, u.Name)
	}
	if among := func(u config.Upstream) bool { return slices.Contains(how.only, u.Name) }; slices.ContainsFunc(cfg.Upstreams, among) {
		missing = slices.DeleteFunc(slices.Clone(missing), func(u config.Upstream) bool { return !among(u) })
	}
	if len(missing) == 0 {
		return nil
	}
	fmt.Fprintf(how.talk, "starting %s to see what is offered …\n", strings.Join(namesOf(missing), ", "))
	cfg.Upstreams = missing
	return c.start(ctx, cfg, how)
}

func namesOf(upstreams []config.Upstream) (names []string) {
	for _, u := range upstreams {
		names = append(names, u.Name)
	}
	return names
}

// keep leaves out what the running gateway serves and the file does not name, and
// returns what it names and the gateway does not serve: it was written since the
// gateway started.
func (c *catalogue) keep(upstreams []config.Upstream, served []string) (missing []config.Upstream) {
	named := map[string]bool{}
	for _, u := range upstreams {
		if named[u.Name] = true; !slices.Contains(served, u.Name) {
			missing = append(missing, u)
		}
	}
	c.Tools = slices.DeleteFunc(c.Tools, func(t *gateway.Tool) bool { return !named[t.Server] })
	c.Down = slices.DeleteFunc(c.Down, func(name string) bool { return !named[name] })
	maps.DeleteFunc(c.Why, func(name, _ string) bool { return !named[name] })
	return missing
}

// pinned are the definitions in the lock file or the record, or [audit.ErrInUse] if a
// gateway has the record.
func pinned(ctx context.Context, cfg *config.Config) ([]gateway.Pin, error) {
	if cfg.Pins.File != "" {
		return upstream.NewLockFile(cfg.Pins.File).Pins(ctx)
	}
	r, err := openRecord(ctx, cfg)
	if err != nil {
		return nil, err
	}
	pins, err := r.pins().Pins(ctx)
	return pins, errors.Join(err, r.close())
}

// believe takes what is pinned of upstreams for what they offer, and returns those of
// which nothing is. With no upstreams, all pins are believed.
func (c *catalogue) believe(pins []gateway.Pin, upstreams []config.Upstream) (missing []config.Upstream) {
	labels, seen := map[string][]string{}, map[string]bool{}
	for _, u := range upstreams {
		labels[u.Name] = u.Labels
	}
	for _, p := range pins {
		of, configured := labels[p.Server]
		if upstreams != nil && !configured || p.Kind != gateway.KindTool && p.Kind != gateway.KindPrompt && p.Kind != gateway.KindResource {
			continue
		}
		seen[p.Server] = true
		c.From = "the definitions that are pinned"
		c.Tools = append(c.Tools, annotated(&gateway.Tool{
			Kind: p.Kind, Server: p.Server, Name: p.Name, Wire: upstream.WireName(p.Server, p.Name),
			Labels: of, Definition: p.Definition, Fingerprint: p.Fingerprint, Pinned: !p.By.None(),
		}))
	}
	for _, u := range upstreams {
		if !seen[u.Name] {
			missing = append(missing, u)
		}
	}
	return missing
}

// annotated gives a tool the annotations of its definition, by which policies may allow. One
// that cannot be read was never in use, and has none.
func annotated(t *gateway.Tool) *gateway.Tool {
	var def struct{ Annotations json.RawMessage }
	if json.Unmarshal(t.Definition, &def) == nil {
		t.Annotations = def.Annotations
	}
	return t
}

// ask gets definitions from the gateway that runs on the record. What it has no
// definition of, it knows by name. served are its upstreams.
func (c *catalogue) ask(ctx context.Context, cfg *config.Config, inUse error) (served []string, err error) {
	o, err := inRunning(cfg, inUse)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	var health admin.Health
	if err := o.ask(ctx, "GET", "health", nil, &health); err != nil {
		return nil, err
	}
	for _, u := range health.Upstreams {
		served = append(served, u.Name)
	}
	var list admin.ToolList
	if err := o.ask(ctx, "GET", "tools?definitions=true", nil, &list); err != nil { // one request: a thousand would be over anybody's rate
		return nil, err
	}
	for _, t := range list.Tools {
		tool := &gateway.Tool{Kind: t.Kind, Server: t.Server, Wire: t.Name, Labels: t.Labels, Fingerprint: t.Fingerprint, Pinned: t.Pinned, Quarantined: t.Quarantined}
		if _, uri, ok := gateway.SplitURI(t.Name); ok {
			tool.Name = uri
			c.Tools = append(c.Tools, tool)
			continue
		}
		var named struct{ Name string }
		if err := json.Unmarshal(t.Definition, &named); err != nil {
			return nil, fmt.Errorf("the definition of %s: %w", t.Name, err)
		}
		tool.Name, tool.Definition = named.Name, t.Definition
		c.Tools = append(c.Tools, annotated(tool))
	}
	for name, why := range list.Down {
		c.Down = append(c.Down, name)
		c.Why[name] = why
	}
	slices.Sort(c.Down)
	return served, nil
}

// start starts upstreams and looks at what they offer.
func (c *catalogue) start(ctx context.Context, cfg *config.Config, how starter) error {
	also := "upstreams that were started"
	if c.From != "" {
		also = c.From + ", and " + also
	}
	c.From = also
	pins, closePins, err := how.pins(ctx, cfg)
	if err != nil {
		return err
	}
	c.started = append(c.started, closePins)
	catalog, err := newCatalog(ctx, cfg, pins)
	if err != nil {
		return err
	}
	c.live = catalog
	c.started = append(c.started, catalog.Close)
	if err := catalog.Ready(ctx); err != nil {
		return err
	}
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
		c.Tools = append(c.Tools, catalog.List(kind, "")...)
	}
	for _, name := range catalog.Servers() {
		if about, _ := catalog.About(name); !about.Up {
			c.Down = append(c.Down, name)
			c.Why[name] = cmp.Or(about.Reason, "not up yet")
		}
	}
	return nil
}

// sayDown names the upstreams of which nothing is known.
func (c *catalogue) sayDown(talk io.Writer, so string) {
	for _, name := range slices.Sorted(maps.Keys(c.Why)) {
		fmt.Fprintf(talk, "upstream %s is not up, %s: %s\n", name, so, printable(c.Why[name]))
	}
}
