package policy

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How changes are noticed: at once where the system tells, and by looking
// every so often where it does not (network file systems). An editor's burst of
// writes is one change.
const (
	watchSettle = 150 * time.Millisecond
	watchPoll   = 5 * time.Second
)

// watch reloads when files change, until ctx ends.
func (e *Engine) watch(ctx context.Context) {
	events := make(<-chan fsnotify.Event)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		e.opt.Logger.Warn("policy files are looked at every few seconds only", "error", err)
	} else {
		defer w.Close()
		events = w.Events
		e.watchDirs(w)
	}
	poll := time.NewTicker(watchPoll)
	defer poll.Stop()
	settle := time.NewTimer(0)
	<-settle.C
	last := e.stamp()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			settle.Reset(watchSettle)
			continue
		case <-settle.C:
		case <-poll.C:
		}
		if now := e.stamp(); now != last {
			last = now
			_ = e.Reload(ctx) // said in log, record and readiness
			if w != nil {
				e.watchDirs(w)
			}
		}
	}
}

// stamp is a digest of everything that would be loaded.
func (e *Engine) stamp() string {
	s, ps := read(e.opt)
	stamp := ""
	if s != nil {
		stamp = s.digest
	}
	for _, p := range ps {
		stamp += p.String()
	}
	if e.opt.Shadow != "" {
		o := e.opt
		o.Path, o.Shadow = e.opt.Shadow, ""
		if s, _ := read(o); s != nil {
			stamp += s.digest
		}
	}
	return stamp
}

// watchDirs watches the directories of policy, data and shadow: a file that an
// editor replaces is a new file in its directory.
func (e *Engine) watchDirs(w *fsnotify.Watcher) {
	for _, root := range []string{e.opt.Path, e.opt.Shadow, e.opt.Data} {
		if root == "" {
			continue
		}
		_ = w.Add(filepath.Dir(root)) // polling notices what cannot be watched
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = w.Add(path)
			}
			return nil
		})
	}
}
