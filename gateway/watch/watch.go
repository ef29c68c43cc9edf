// Package watch notices that files change: at once where the system tells, and by
// looking every so often where it does not (network file systems). What was read of
// them, and whether that is another than before, is for who reads them.
package watch

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// An editor's burst of writes is one change.
const (
	settleTime = 150 * time.Millisecond
	pollTime   = 5 * time.Second
)

// Files calls look when one of the files and folders that roots names may have
// changed, and every five seconds, until ctx ends. Roots is asked anew before each
// look; "" among them is none.
func Files(ctx context.Context, log *slog.Logger, roots func() []string, look func(context.Context)) {
	var events <-chan fsnotify.Event
	var errs <-chan error
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("files are looked at every few seconds only", "error", err)
	} else {
		defer w.Close()
		events, errs = w.Events, w.Errors
		watchAll(w, roots())
	}
	poll := time.NewTicker(pollTime)
	defer poll.Stop()
	settle := time.NewTimer(0) // a change since the files were read is not missed
	for {
		select {
		case <-ctx.Done():
			return
		case <-events:
			settle.Reset(settleTime)
			continue
		case <-errs:
			continue // such as an overflow of the queue: the next look finds what was lost
		case <-settle.C:
		case <-poll.C:
		}
		if w != nil {
			watchAll(w, roots()) // before reading: a change since then is another event
		}
		look(ctx)
	}
}

// watchAll watches what belongs to the roots, and nothing that did before. What
// cannot be watched is looked at. Who was replaced has to be added anew.
func watchAll(w *fsnotify.Watcher, roots []string) {
	wanted := watched(roots)
	for _, path := range w.WatchList() {
		if !slices.Contains(wanted, path) {
			_ = w.Remove(path) // gone, as a rule
		}
	}
	for _, path := range wanted {
		_ = w.Add(path)
	}
}

// watched are the files of the roots, and the folders with all below. One that is
// replaced tells so itself, and is watched anew then. Only a link, which is no more
// than a name, and what is not there are watched in the directory above: that one
// often holds the record, which is written to with every call.
func watched(roots []string) (paths []string) {
	for _, root := range roots {
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
