package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"toolward/gateway"
)

// gauges are the numbers that are read when somebody scrapes them: what an
// operator is paged for beside calls. docs/operations.md lists them.
func (r *rooms) gauges() {
	r.auditGauges()
	r.policyGauges()
	r.configGauges()
	r.upstreamGauges()
	m := r.metrics
	waiting := func() []gateway.Approval {
		all, err := r.state.Approvals(context.Background(), gateway.ApprovalOpen, maxCounted)
		if err != nil {
			return nil // state is in memory: it does not fail
		}
		return all
	}
	m.Gauge("toolward_approvals_waiting", "Questions that no person has answered.", nil, func() float64 { return float64(len(waiting())) })
	m.Gauge("toolward_approvals_oldest_seconds", "Age of the oldest question that no person has answered.", nil, func() float64 {
		var oldest time.Duration
		for _, a := range waiting() {
			oldest = max(oldest, time.Since(a.Created))
		}
		return oldest.Seconds()
	})
	m.Gauge("toolward_sessions", "Open MCP sessions.", nil, func() float64 {
		if s := r.surface.Load(); s != nil {
			return float64(s.Sessions())
		}
		return 0
	})
	for _, name := range r.verifier.Issuers() {
		m.Gauge("toolward_issuer_keys_fresh_timestamp_seconds", "When an issuer's keys were loaded or found unchanged; 0 if never, or if they are fixed.", map[string]string{"issuer": name},
			func() float64 { return seconds(r.verifier.KeysFresh(name)) })
	}
}

// maxCounted bounds what is counted one by one when somebody scrapes.
const maxCounted = 10_000

// seconds is a time as Prometheus has it, 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1e3
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (r *rooms) auditGauges() {
	m, path := r.metrics, r.cfg.Audit.Path
	for file, suffix := range map[string]string{"db": "", "wal": "-wal", "journal.0": ".journal.0", "journal.1": ".journal.1"} {
		m.Gauge("toolward_audit_bytes", "Size of the record's files.", map[string]string{"file": file}, func() float64 {
			info, err := os.Stat(path + suffix)
			if err != nil {
				return 0
			}
			return float64(info.Size())
		})
	}
	m.Gauge("toolward_audit_disk_free_bytes", "Free bytes where the record is, for who is not root.", nil, func() float64 { return diskFree(filepath.Dir(path)) })
	m.Gauge("toolward_audit_checkpoint_timestamp_seconds", "When the last checkpoint was signed.", nil, func() float64 { return seconds(r.store.Checkpointed()) })
	m.Gauge("toolward_audit_prune_timestamp_seconds", "When this process removed old events last; 0 if it has not.", nil, func() float64 { return seconds(r.store.Pruned()) })
	m.Gauge("toolward_audit_standby", "Whether the standby takes the record's place.", nil, func() float64 { return yes(r.store.Standing()) })
	m.Gauge("toolward_audit_clock_ahead_seconds", "How far the newest time on record is ahead of now; 0 if it is not.", nil, func() float64 { return r.store.ClockAhead().Seconds() })
	m.Gauge("toolward_audit_ready", "Whether calls can be recorded.", nil, func() float64 { return yes(!down(r.store.Ready())) })
}

func (r *rooms) policyGauges() {
	m := r.metrics
	m.Info("toolward_policy_info", "The policy in force.", "revision", r.engine.Revision)
	m.Gauge("toolward_policy_loaded_timestamp_seconds", "When the policy in force was loaded.", nil, func() float64 { return seconds(r.engine.Status().Loaded) })
	m.Gauge("toolward_policy_broken", "Whether the policy on disk does not load, and the one before decides.", nil, func() float64 { return yes(r.engine.Ready() != nil) })
}

func (r *rooms) configGauges() {
	r.now.count = r.metrics.Counts("toolward_config_reloads_total", "Changes of the configuration on disk, by whether they are in force.", "result", []string{"ok", "failed"})
	r.metrics.Gauge("toolward_config_broken", "Whether the configuration on disk is wrong, and the one before is in force.", nil, func() float64 { return yes(r.now.configReady() != nil) })
}

func (r *rooms) upstreamGauges() {
	m, servers := r.metrics, r.catalog.Servers
	about := func(name string) gateway.About { a, _ := r.catalog.About(name); return a }
	m.GaugeOf("toolward_upstream_up", "Whether an upstream is connected.", "server", servers, func(name string) float64 { return yes(about(name).Up) })
	m.CounterOf("toolward_upstream_connects_total", "How often an upstream was connected: once, and again for each restart.", "server", servers, func(name string) float64 { return float64(about(name).Connects) })
	m.GaugeOf("toolward_upstream_breaker_open", "Whether calls of some agent are refused because too many failed.", "server", servers, func(name string) float64 { return yes(about(name).Breaker) })
	m.GaugeOf("toolward_tools_quarantined", "Definitions that a person has to accept.", "server", servers, func(name string) float64 {
		n := 0
		for _, c := range r.catalog.Diff(false) {
			if c.Server == name && c.Quarantined != "" {
				n++
			}
		}
		return float64(n)
	})
}

// down reports whether an error keeps a part from working.
func down(err error) bool {
	var some interface{ Degraded() bool }
	return err != nil && !(errors.As(err, &some) && some.Degraded())
}
