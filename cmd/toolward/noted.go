package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"

	"toolward/audit"
)

// What the gateway is, for the record: which program, with which configuration and
// policy, whoever asks later what was in force when a call was decided.

// noteStart records the configuration in force, without its secrets, the program
// and where it runs.
func (r *rooms) noteStart(ctx context.Context) error {
	var text bytes.Buffer
	if err := r.cfg.Print(&text); err != nil {
		return err
	}
	who, err := whoRuns()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	return r.noteWith(ctx, "gateway.start", map[string]any{
		"version": version(), "host": host, "user": who.Subject, "pid": os.Getpid(), "upstreams": r.catalog.Servers(),
		"policy": r.engine.Revision(), "config_digest": digestOf(text.Bytes()), "key": r.store.KeyName(),
	}, map[string]any{"config": text.String()})
}

// notePolicy records which policy is in force, with its text: what a call was decided
// by can be read as long as the call can.
func (r *rooms) notePolicy(ctx context.Context) error {
	r.loaded.Lock()
	defer r.loaded.Unlock()
	if r.engine == nil {
		return nil // a change that came before the first is noted, with which it will be
	}
	status, files := r.engine.Status(), r.engine.Files()
	digests := make(map[string]string, len(files))
	for _, f := range files {
		digests[f.Name] = digestOf([]byte(f.Text))
	}
	return r.noteWith(ctx, audit.TypePolicy, map[string]any{"revision": status.Revision, "shadow": status.Shadow, "digests": digests}, map[string]any{"files": files})
}

// noteWith records an event with a text beside it.
func (r *rooms) noteWith(ctx context.Context, eventType string, detail, beside any) error {
	body, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	text, err := json.Marshal(beside)
	if err != nil {
		return err
	}
	_, err = r.store.Append(ctx, audit.Event{Type: eventType, Body: audit.Raw(body), Kept: audit.Kept{Text: audit.Raw(text)}})
	return err
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
