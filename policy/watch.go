package policy

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		e.watchAll(w)
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
		if w != nil {
			e.watchAll(w) // before reading: a change since then is another event
		}
		_ = e.Reload(ctx) // said in log, record and readiness
	}
}

// watchAll watches what [Engine.watched] says, and nothing that it said before.
// What cannot be watched is looked at. Who was replaced has to be added anew.
func (e *Engine) watchAll(w *fsnotify.Watcher) {
	wanted := e.watched()
	for _, path := range w.WatchList() {
		if !slices.Contains(wanted, path) {
			_ = w.Remove(path) // gone, as a rule
		}
	}
	for _, path := range wanted {
		_ = w.Add(path)
	}
}

// watched are the files and directories of policy, data and shadow. One that is
// replaced tells so itself, and is watched anew then. Only a link, which is no more
// than a name, and what is not there are watched in the directory above: that one
// often holds the record, which is written to with every call.
func (e *Engine) watched() (paths []string) {
	for _, root := range []string{e.opt.Path, e.opt.Shadow, e.opt.Data, e.opt.Library} {
		if root == "" {
			continue
		}
		info, err := os.Lstat(root)
		if err != nil || info.Mode()&fs.ModeSymlink != 0 {
			paths = append(paths, filepath.Dir(root))
		}
		if info, err = os.Stat(root); err == nil && !info.IsDir() {
			paths = append(paths, root)
			continue
		}
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && (d.IsDir() || path == root) {
				paths = append(paths, path)
			}
			return nil
		})
	}
	return paths
}
