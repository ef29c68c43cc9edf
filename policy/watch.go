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

// watch reloads when files change, until ctx ends. A look that finds nothing
// new costs reading the files.
func (e *Engine) watch(ctx context.Context) {
	var events <-chan fsnotify.Event
	var errs <-chan error
	w, err := fsnotify.NewWatcher()
	if err != nil {
		e.opt.Logger.Warn("policy files are looked at every few seconds only", "error", err)
	} else {
		defer w.Close()
		events, errs = w.Events, w.Errors
		e.watchDirs(w)
	}
	poll := time.NewTicker(watchPoll)
	defer poll.Stop()
	settle := time.NewTimer(0) // a change since the files were read is not missed
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			settle.Reset(watchSettle)
			continue
		case <-errs:
			continue // such as an overflow of the queue: the next look finds what was lost
		case <-settle.C:
		case <-poll.C:
		}
		_ = e.Reload(ctx) // said in log, record and readiness
		if w != nil {
			e.watchDirs(w)
		}
	}
}

// watchDirs watches the directories of policy, data and shadow: a file that an
// editor replaces is a new file in its directory. Those that cannot be watched
// are looked at.
func (e *Engine) watchDirs(w *fsnotify.Watcher) {
	for _, root := range []string{e.opt.Path, e.opt.Shadow, e.opt.Data, e.opt.Library} {
		if root == "" {
			continue
		}
		_ = w.Add(filepath.Dir(root))
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = w.Add(path)
			}
			return nil
		})
	}
}
