package config

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

func (d *decoder) checkPolicy(p *Policy) {
	switch {
	case p.Path != "" && p.Bundle != "":
		d.wrong("policy.bundle", "keep one of them", "path and bundle are both set")
	case p.Shadow != "" && p.Path == "" && p.Bundle == "":
		d.wrong("policy.shadow", "", "shadows nothing: there is no path or bundle")
	case p.BundleKey != "" && p.Bundle == "":
		d.wrong("policy.bundle_key", "", "means nothing without bundle")
	}
	u, err := url.Parse(p.Bundle)
	if p.Bundle != "" && err == nil && u.Scheme == "http" && p.BundleKey == "" && !isLoopback(net.JoinHostPort(u.Hostname(), "0")) {
		d.wrong("policy.bundle", "use https, or sign the bundle and set bundle_key", "policy over plain HTTP: who can change it on the way decides")
	}
}

func (d *decoder) checkLimits(c *Config) {
	for _, name := range sortedNames(c.Limits.Agents) {
		if path := "limits.agents." + name; c.Limits.Agents[name].Rate.Calls == 0 && !d.reported(path) {
			d.wrong(path+".rate", "", "is required")
		}
	}
	for _, name := range sortedNames(c.Limits.Tools) {
		path := "limits.tools." + name
		if t := c.Limits.Tools[name]; t.Bucket == nil && t.Agent == nil && !d.reported(path) {
			d.wrong(path, "add rate:, or agent: {rate: …}", "limits nothing")
		}
		server, _, ok := strings.Cut(name, "__")
		if !ok {
			d.wrong(path, "tools are named upstream__tool here", "not the name of a tool")
			continue
		}
		d.checkServer(c, path, server)
	}
}

// checkServer reports a name of an upstream that is not there. Without any
// upstream the demo's is offered, whose name is not ours to know.
func (d *decoder) checkServer(c *Config, path, server string) {
	names := make([]string, 0, len(c.Upstreams))
	for i := range c.Upstreams {
		if c.Upstreams[i].Name == server {
			return
		}
		names = append(names, c.Upstreams[i].Name)
	}
	if len(names) > 0 && !d.reported("upstreams."+server) {
		d.wrong(path, nearest(server, names), "there is no upstream %q", server)
	}
}

// minHoneytoken is the shortest honeytoken: a shorter value turns up by chance.
const minHoneytoken = 8

func (d *decoder) checkGuard(c *Config) {
	g := &c.Guard
	for _, name := range sortedNames(g.Servers) {
		d.checkServer(c, "guard.servers."+name, name)
	}
	for i, h := range g.Honeytokens {
		if len(h) < minHoneytoken {
			d.wrong(element("guard.honeytokens", i), "", "shorter than %d characters: it would turn up by chance", minHoneytoken)
		}
	}
	if j := g.Judge; j != nil {
		d.required("guard.judge.url", j.URL)
		if j.From > j.To {
			d.wrong("guard.judge.from", "", "%v is over to, %v: it would never be asked", j.From, j.To)
		}
		d.checkHeaderValues("guard.judge.headers", j.Headers)
	}
}

func (d *decoder) checkAudit(a *Audit) {
	for _, f := range []struct{ name, path string }{{"sink", a.Sink}, {"checkpoints", a.Checkpoints}} {
		if f.path != "" && f.path == a.Path {
			d.wrong("audit."+f.name, "", "is the database itself")
		}
	}
	if a.Retain > 0 && a.RetainBodies > a.Retain {
		d.wrong("audit.retain_bodies", "", "is longer than retain: arguments and results go with their events")
	}
	if a.Sink != "" && a.Sink == a.Checkpoints {
		d.wrong("audit.checkpoints", "", "is the same file as sink")
	}
}

// checkAdmin looks for what would make nobody an operator, or too many.
func (d *decoder) checkAdmin(c *Config) {
	a := &c.Admin
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"listen", a.Listen != ""}, {"viewers", a.Viewers != nil}, {"approvers", a.Approvers != nil}, {"admins", a.Admins != nil}, {"issuers", a.Issuers != nil},
	} {
		if f.set && !a.Enabled {
			d.wrong("admin."+f.name, "", "means nothing with admin.enabled: false")
		}
	}
	switch {
	case a.Listen == "":
	case a.Listen == c.Listen:
		d.wrong("admin.listen", "leave it out to use the gateway's own listener", "is the address of the gateway itself")
	case !isLoopback(a.Listen) && c.TLS == nil && !c.Insecure:
		d.wrong("admin.listen", "configure tls:, or listen on 127.0.0.1", "plain HTTP beyond loopback: tokens could be read on the way")
	}
	known := make([]string, 0, len(c.Auth.Issuers)+1)
	for _, is := range c.Auth.Issuers {
		known = append(known, is.Issuer)
	}
	if c.Auth.Local != nil {
		known = append(known, c.Auth.Local.Issuer)
	}
	for i, name := range a.Issuers {
		if name != "" && !slices.Contains(known, name) && !d.reported("auth") {
			d.wrong(element("admin.issuers", i), nearest(name, known), "no tokens of the issuer %q are accepted", name)
		}
	}
	if a.Issuers != nil && a.Viewers == nil && a.Approvers == nil && a.Admins == nil {
		d.wrong("admin.issuers", "add viewers, approvers or admins", "names issuers, and no role of their tokens makes an operator")
	}
}
