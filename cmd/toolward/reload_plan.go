package main

import (
	"slices"
	"strings"

	"toolward/config"
	"toolward/web/admin"
)

// plan is what a configuration changes in the one that is in force.
type plan struct {
	done        admin.Reloaded
	differences []config.Difference // all of them, those included that need a restart
	entries     map[string]bool     // upstreams of which something differs
	files       bool                // a file is another that an upstream is made from
	guard       bool                // something of guard's differs
	policy      bool                // other files are the policy, or it is asked otherwise
	same        bool                // the file says what it said when it was read last
}

// idle reports that there is nothing to put in force, and nothing to tell.
func (p plan) idle() bool { return p.same && !p.files }

func (p plan) differs(upstream string) bool { return p.entries[upstream] }

// plan compares a configuration with the one in force.
func (r *rooms) plan(next *config.Config) (plan, error) {
	n := &r.now
	now := n.inForce.Load()
	all, err := now.Differences(next)
	if err != nil {
		return plan{}, err
	}
	since, err := n.read.Differences(next)
	if err != nil {
		return plan{}, err
	}
	p := plan{differences: all, entries: map[string]bool{}, same: len(since) == 0}
	for _, d := range all {
		if !config.IsHot(d.Field) {
			p.done.Restart = append(p.done.Restart, d.Field)
			continue
		}
		p.done.Fields = append(p.done.Fields, d.Field)
		p.guard = p.guard || strings.HasPrefix(d.Field, "guard.")
		p.policy = p.policy || strings.HasPrefix(d.Field, "policy.")
		if rest, ok := strings.CutPrefix(d.Field, "upstreams."); ok {
			name, _, _ := strings.Cut(rest, ".")
			name, _, _ = strings.Cut(name, "[")
			p.entries[name] = true
		}
	}
	was, is := names(now), names(next)
	for _, name := range is {
		switch {
		case !slices.Contains(was, name):
			p.done.Added = append(p.done.Added, name)
		case p.entries[name] || n.entries[name].stamp != stampOf(upstreamNamed(next, name)):
			p.done.Changed = append(p.done.Changed, name)
			p.files = p.files || !p.entries[name]
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			p.done.Removed = append(p.done.Removed, name)
		}
	}
	p.same = p.same && slices.Equal(was, is) // lists show upstreams in the order of the file
	return p, nil
}

// names are those of the upstreams of a configuration, in its order.
func names(cfg *config.Config) []string {
	all := make([]string, len(cfg.Upstreams))
	for i, u := range cfg.Upstreams {
		all[i] = u.Name
	}
	return all
}

// upstreamNamed is an upstream of a configuration that has it.
func upstreamNamed(cfg *config.Config, name string) config.Upstream {
	return cfg.Upstreams[slices.IndexFunc(cfg.Upstreams, func(u config.Upstream) bool { return u.Name == name })]
}
