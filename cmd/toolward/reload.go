package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/gateway/watch"
	"toolward/guard"
	"toolward/upstream"
	"toolward/web/admin"
)

// running is what a gateway knows of its configuration while it runs. What is hot
// ([config.IsHot]) is taken over from a file that changes, all of it or nothing; what is
// in rooms.cfg beside it stays as it was at the start.
type running struct {
	inForce atomic.Pointer[config.Config]
	scanner atomic.Pointer[guard.Scanner]

	count     func(result string)
	exchanges atomic.Bool // an upstream gets a token in exchange for the agent's

	reloading sync.Mutex                // one at a time; guards what follows
	read      *config.Config            // the file as it was read last
	entries   map[string]entry          // upstreams in force
	made      int                       // entries so far
	own       []string                  // credentials that upstreams were given, those of before included
	hidden    []gateway.Secret          // likewise, for log and record
	waiting   []string                  // fields that wait for a restart
	failed    atomic.Pointer[loadError] // why the file as it is now is not in force; nil if it is
}

// entry is an upstream as it was made.
type entry struct {
	server upstream.Server
	stamp  string // of the files that its entry names
}

// loadError is a configuration that is not in force: what was there before is, and
// goes on.
type loadError struct{ error }

// Degraded reports that what is wrong keeps nothing from being decided.
func (*loadError) Degraded() bool { return true }

func (e *loadError) Unwrap() error { return e.error }

// begin notes what a gateway starts with.
func (n *running) begin(cfg *config.Config) {
	n.set(cfg)
	n.read, n.entries, n.hidden = cfg, map[string]entry{}, hidden(cfg)
}

func (n *running) set(cfg *config.Config) {
	n.inForce.Store(cfg)
	n.exchanges.Store(exchangesTokens(cfg))
}

// configReady is nil if the file as it is now is in force.
func (n *running) configReady() error {
	if failed := n.failed.Load(); failed != nil {
		return failed
	}
	return nil
}

// waitingFields are those that differ in the file and need a restart.
func (n *running) waitingFields() []string {
	n.reloading.Lock()
	defer n.reloading.Unlock()
	return n.waiting
}

// watchConfig takes over the configuration when its files change.
func (r *rooms) watchConfig(context.Context) error {
	if r.cfg.IsDefault() {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		watch.Files(ctx, r.log, r.watched, func(ctx context.Context) {
			gateway.Contain(r.log, "a reload", func() { _, _ = r.reload(ctx, gateway.Operator{}) })() // said in log, record and readiness
		})
	})
	r.onClose(func() error { stop(); watching.Wait(); return nil })
	return nil
}

// watched are the files that the configuration is made of, and those that its
// upstreams name.
func (r *rooms) watched() []string {
	cfg := r.now.inForce.Load()
	files := slices.Clone(cfg.Files())
	for _, u := range cfg.Upstreams {
		files = append(files, filesOf(u)...)
	}
	return files
}

// How long a file has to be left alone before it is read, and how often that is waited for.
const (
	settleTime  = 150 * time.Millisecond
	settleTries = 20
)

// again reads the configuration when nobody is writing its files: who writes one in
// place leaves it empty for a moment, and an empty configuration is a valid one,
// without upstreams.
func (r *rooms) again(ctx context.Context) (next *config.Config, err error) {
	for range settleTries {
		before := settle(ctx, r.watched())
		if errors.Is(err, config.ErrEmpty) {
			pause(ctx)
		}
		next, err = r.now.read.Again()
		if _, after := stamps(r.watched()); after == before && !errors.Is(err, config.ErrEmpty) || ctx.Err() != nil {
			break
		}
	}
	return next, err
}

// settle waits until files were left alone for a while, and returns their stamps.
func settle(ctx context.Context, files []string) string {
	before := ""
	for range settleTries {
		youngest, now := stamps(files)
		if time.Since(youngest) >= settleTime || now == before { // a clock that is ahead makes every file young
			return now
		}
		before = now
		pause(ctx)
	}
	return before
}

func pause(ctx context.Context) {
	select {
	case <-time.After(settleTime):
	case <-ctx.Done():
	}
}

// stamps change when one of the files does.
func stamps(files []string) (youngest time.Time, all string) {
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if info.ModTime().After(youngest) {
			youngest = info.ModTime()
		}
		all += fmt.Sprintln(path, info.Size(), info.ModTime().UnixNano())
	}
	return youngest, all
}

// filesOf are the files that an upstream is made from.
func filesOf(u config.Upstream) []string {
	files := []string{u.OpenAPI}
	if o := u.OAuth; o != nil {
		files = append(files, o.ClientSecretFile, o.ClientKeyFile)
		if o.Identity != nil {
			files = append(files, o.Identity.ClientSecretFile)
		}
	}
	return slices.DeleteFunc(files, func(path string) bool { return path == "" })
}

// stampOf changes when a file does that an upstream is made from.
func stampOf(u config.Upstream) string {
	_, all := stamps(filesOf(u))
	return all
}

// servers makes the upstreams of a configuration. One whose entry is the same as
// before is left as it is.
func (r *rooms) servers(cfg *config.Config, differs func(name string) bool) (map[string]entry, []upstream.Server, error) {
	entries, all := map[string]entry{}, make([]upstream.Server, 0, len(cfg.Upstreams))
	for _, u := range cfg.Upstreams {
		e, stamp := r.now.entries[u.Name], stampOf(u)
		if e.server.Dial == nil || e.stamp != stamp || differs(u.Name) {
			s, err := upstreamServer(cfg, u, questions{r.engine.Asks, r.store.Record, r.noteLost}, r.log)
			if err != nil {
				return nil, nil, err
			}
			r.now.made++
			s.Digest = fmt.Sprint(r.now.made)
			e = entry{s, stamp}
		}
		entries[u.Name] = e
		all = append(all, e.server)
	}
	return entries, all, nil
}

// reload takes over the configuration as its file says now, or leaves all as it is.
// by is who asked for it, nobody if the file changed.
func (r *rooms) reload(ctx context.Context, by gateway.Operator) (admin.Reloaded, error) {
	n := &r.now
	n.reloading.Lock()
	defer n.reloading.Unlock()
	if r.cfg.IsDefault() {
		return admin.Reloaded{}, errNoConfig
	}
	next, err := r.again(ctx)
	if err == nil {
		err = supported(next)
	}
	var done admin.Reloaded
	if err == nil {
		done, err = r.takeOver(ctx, next, by)
	}
	if err != nil {
		r.noteBroken(err)
		return admin.Reloaded{}, err
	}
	if n.failed.Swap(nil) != nil && !done.Any() {
		r.log.Info("the configuration is again the one that is in force")
	}
	return done, nil
}

// hide keeps credentials out of log and record from here on.
func (r *rooms) hide(secrets []gateway.Secret) {
	r.now.hidden = secrets
	r.store.Hide(secrets)
	if t, ok := r.talk.(*terminal); ok {
		t.own.Store(gateway.NewScrubber(secrets))
	}
}

// noteBroken says that a configuration is not in force, once for each way in which it
// is broken.
func (r *rooms) noteBroken(err error) {
	before := r.now.failed.Swap(&loadError{err})
	if before != nil && before.Error() == err.Error() {
		return
	}
	r.now.count("failed")
	r.log.Error("the changed configuration is not in force; what was before stays", "error", err)
	if err := r.store.Note(context.Background(), audit.TypeConfigFailed, map[string]any{"error": err.Error()}); err != nil {
		r.log.Error("that the configuration is broken could not be recorded", "error", err)
	}
}
