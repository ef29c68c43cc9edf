package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/policy"
	"toolward/state/limit"
	"toolward/upstream"
	"toolward/web/admin"
)

// takeOver puts a configuration in force.
func (r *rooms) takeOver(ctx context.Context, next *config.Config, by gateway.Operator) (admin.Reloaded, error) {
	n := &r.now
	p, err := r.plan(next)
	if err != nil || p.idle() {
		return admin.Reloaded{Restart: n.waiting}, err
	}
	made, err := r.prepare(ctx, next, p)
	if err != nil {
		return admin.Reloaded{}, err
	}
	now := n.inForce.Load().TakeOver(next)
	if err := r.noteConfig(ctx, now, p, by, made.exceptions); err != nil {
		r.abandon(made)
		return admin.Reloaded{}, fmt.Errorf("it cannot be recorded, so it is not in force: %w", err)
	}
	r.putInForce(now, made)
	r.vault.Forget(slices.Concat(p.done.Removed, p.done.Changed)...) // nothing goes back to what is gone
	n.read, n.entries, n.waiting = next, made.entries, p.done.Restart
	made.policy.Finish()
	made.upstreams.Finish(r.cfg.HTTP.Drain)
	if p.guard {
		r.catalog.Inspect(ctx)
	}
	n.count("ok")
	r.log.Info("the configuration is in force", "fields", p.done.Fields, "added", p.done.Added, "removed", p.done.Removed, "changed", p.done.Changed)
	if len(p.done.Restart) > 0 {
		r.log.Warn("the file differs in what only a restart changes", "fields", p.done.Restart)
	}
	return p.done, nil
}

// prepared is all that a configuration needs to come into force at once.
type prepared struct {
	scanner    *guard.Scanner
	exceptions *guard.AllowList
	policy     replacedPolicy
	limits     limit.Options
	entries    map[string]entry
	upstreams  *upstream.Change
}

// replacedPolicy is another policy, or none.
type replacedPolicy struct{ *policy.Replacement }

func (c replacedPolicy) Apply() {
	if c.Replacement != nil {
		c.Replacement.Apply()
	}
}

func (c replacedPolicy) Finish() {
	if c.Replacement != nil {
		c.Replacement.Finish()
	}
}

// prepare makes what a configuration needs beside what is in force: it has policy
// compiled, starts upstreams, and has what they offer looked at by the guard that is to be.
func (r *rooms) prepare(ctx context.Context, next *config.Config, p plan) (_ *prepared, err error) {
	n := &r.now
	guardOpt, err := guardOptions(next, r.log)
	if err != nil {
		return nil, err
	}
	if allowPath(next) == allowPath(n.inForce.Load()) {
		guardOpt.Allow = r.exceptions
	}
	guardOpt.Own = append(guardOpt.Own, n.own...)
	made := &prepared{limits: limitOptions(next.Limits), exceptions: guardOpt.Allow}
	if made.scanner, err = r.scanner.With(guardOpt); err != nil {
		return nil, err
	}
	if err := made.limits.Check(); err != nil {
		return nil, err
	}
	if p.policy {
		if made.policy.Replacement, err = r.engine.Prepare(ctx, policyOptions(next, r.log, nil)); err != nil {
			return nil, fmt.Errorf("policy:\n%w", err)
		}
		defer func() {
			if err != nil {
				made.policy.Finish()
			}
		}()
	}
	var servers []upstream.Server
	if made.entries, servers, err = r.servers(next, p.differs); err != nil {
		return nil, err
	}
	r.hide(append(hidden(next), n.hidden...)) // before anything can repeat one
	n.own = guardOpt.Own
	n.scanner.Store(made.scanner)
	waited, cancel := context.WithTimeout(ctx, startupWait)
	defer cancel()
	if made.upstreams, err = r.catalog.Prepare(waited, servers); err != nil {
		n.scanner.Store(r.scanner)
		return nil, err
	}
	return made, nil
}

// abandon ends what was prepared.
func (r *rooms) abandon(made *prepared) {
	made.upstreams.Abandon()
	made.policy.Finish()
	r.now.scanner.Store(r.scanner)
}

// putInForce exchanges everything at once: each call meets what was before, or what is
// from now on.
func (r *rooms) putInForce(now *config.Config, made *prepared) {
	r.road.Change(func() {
		r.scanner, r.road.Guard, r.exceptions = made.scanner, made.scanner, made.exceptions
		made.policy.Apply()
		made.upstreams.Apply()
		_ = r.state.SetLimits(made.limits) // they were checked
		r.setSessions(now)
		r.waiting.SetTimes(waitOf(now), now.Approvals.Expire)
		if log, ok := r.log.Handler().(leveled); ok {
			log.level.Set(levelOf(now.Log))
		}
		r.now.set(now)
	})
}

// noteConfig records which configuration is in force, who wanted it, and the exceptions
// of another file.
func (r *rooms) noteConfig(ctx context.Context, now *config.Config, p plan, by gateway.Operator, exceptions *guard.AllowList) error {
	var text bytes.Buffer
	if err := now.Print(&text); err != nil {
		return err
	}
	fields, err := now.Masked()
	if err != nil {
		return err
	}
	detail := map[string]any{
		"fields": p.done.Fields, "restart": p.done.Restart, "added": p.done.Added, "removed": p.done.Removed, "changed": p.done.Changed,
		"config_digest": digestOf(text.Bytes()),
	}
	if !by.None() {
		detail["by"] = by
	}
	texts := map[string]any{"config": fields, "differences": p.differences}
	if exceptions != r.exceptions {
		texts["exceptions"] = exceptions.List()
	}
	return r.noteWith(ctx, audit.TypeConfig, detail, texts)
}
