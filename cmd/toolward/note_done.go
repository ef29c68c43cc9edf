package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"toolward/audit"
	"toolward/config"
	"toolward/web/admin"
)

// notePatience is how long a command waits for another that has the record open.
const notePatience = 10 * time.Second

// noteDone puts on record what a command did, as done by who runs it: through the
// gateway that runs on the record, else as its only writer. Where there is no
// record yet, it begins with this.
func noteDone(ctx context.Context, g *globals, what string, detail any) error {
	cfg, err := loadBeside(g)
	if err != nil {
		return err
	}
	said, err := doneOf(what, detail)
	if err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(ctx, notePatience)
	defer cancel()
	for {
		err := noteOnce(ctx, cfg, said)
		// Another command may have the record for a moment, whose gateway does not
		// answer because there is none.
		if gone := (*url.Error)(nil); err == nil || !errors.Is(err, audit.ErrInUse) && !errors.As(err, &gone) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func doneOf(what string, detail any) (admin.Done, error) {
	said := admin.Done{What: what}
	raw, err := json.Marshal(detail)
	if err == nil {
		err = json.Unmarshal(raw, &said.Detail)
	}
	return said, err
}

// noteRunning is noteDone through the gateway that runs, and not else.
func noteRunning(ctx context.Context, cfg *config.Config, what string, detail any) error {
	said, err := doneOf(what, detail)
	if err != nil {
		return err
	}
	if !cfg.Admin.Enabled {
		return errors.New("the gateway does not take what commands do (admin.enabled: false): set it to true, or give the client a token in TOOLWARD_TOKEN")
	}
	o, err := noted(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, notePatience)
	defer cancel()
	var done admin.Noted
	return errors.Join(o.ask(ctx, http.MethodPost, "notes", said, &done), o.close())
}

func noteOnce(ctx context.Context, cfg *config.Config, said admin.Done) (err error) {
	o, err := inFiles(ctx, cfg, beginning)
	if errors.Is(err, audit.ErrInUse) {
		o, err = inRunning(cfg, err)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	var noted admin.Noted
	return o.ask(ctx, http.MethodPost, "notes", said, &noted)
}

// beginning is for commands that need a record and make one if there is none.
func beginning(ctx context.Context, r *rooms, opt *admin.Options) error {
	if r.store == nil {
		if err := r.openFiles(ctx); err != nil {
			return err
		}
	}
	opt.Note, opt.Road = r.store.Note, recordOnly(r) // of the record that is new
	return nil
}
