package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"

	"toolward/audit"
	"toolward/auth"
	"toolward/gateway"
	"toolward/mcp/client/oauth"
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
	fields, err := r.cfg.Masked()
	if err != nil {
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
	return r.noteWith(ctx, audit.TypeStart, map[string]any{
		"version": version(), "host": host, "user": who.Subject, "pid": os.Getpid(), "upstreams": r.catalog.Servers(),
		"policy": r.engine.Revision(), "config_digest": digestOf(text.Bytes()), "key": r.store.KeyName(),
	}, map[string]any{"config": fields, "exceptions": r.exceptions.List()})
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
	texts := map[string]any{"files": files}
	if status.Shadow != "" {
		texts["shadow_files"] = r.engine.ShadowFiles()
	}
	return r.noteWith(ctx, audit.TypePolicy, map[string]any{"revision": status.Revision, "shadow": status.Shadow, "digests": digests}, texts)
}

// noteQuarantined records what agents do not get, why, what was accepted before,
// and what is offered instead.
func (r *rooms) noteQuarantined(ctx context.Context, ch gateway.Change) {
	r.noteDefinition(ctx, audit.TypeQuarantined, ch, map[string]any{"reason": ch.Quarantined})
}

// noteNarrower records what agents get though another was accepted.
func (r *rooms) noteNarrower(ctx context.Context, ch gateway.Change) {
	r.noteDefinition(ctx, audit.TypeNarrower, ch, map[string]any{})
}

func (r *rooms) noteDefinition(ctx context.Context, eventType string, ch gateway.Change, detail map[string]any) {
	size := len(ch.Current) + len(ch.Pinned)
	event, kept := r.held.spend(ch.Server, size)
	if !event {
		return
	}
	detail["kind"], detail["server"], detail["name"], detail["tool"], detail["fingerprint"] = ch.Kind, ch.Server, ch.Name, ch.Wire, ch.Fingerprint
	texts := map[string]any{"definition": ch.Current}
	if ch.Pinned != nil {
		texts["was"] = ch.Pinned
	}
	if !kept {
		detail["left_out_bytes"], texts = size, nil
	}
	if err := r.noteWith(ctx, eventType, detail, texts); err != nil {
		r.log.Error("a definition that is not what was accepted could not be recorded", "event", eventType, "tool", ch.Wire, "error", err)
	}
}

// noteMinted records a token that the gateway made for who started it.
func (r *rooms) noteMinted(m auth.Minted) error {
	who, err := whoRuns()
	if err != nil {
		return err
	}
	return r.store.Note(context.Background(), auth.EventMinted, struct {
		auth.Minted
		By gateway.Operator `json:"by"`
	}{m, who})
}

// noteLost records that a person has to log in again.
func (r *rooms) noteLost(ctx context.Context, server, why string) {
	err := r.store.Note(context.WithoutCancel(ctx), oauth.EventLost, map[string]any{"server": server, "reason": why})
	if err != nil {
		r.log.Error("that a login does not work any more could not be recorded", "upstream", server, "error", err)
	}
}

// noteWith records an event with texts beside it, if there are any.
func (r *rooms) noteWith(ctx context.Context, eventType string, detail, texts map[string]any) error {
	body, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	e := audit.Event{Type: eventType, Body: audit.Raw(body)}
	if len(texts) > 0 {
		text, err := json.Marshal(texts)
		if err != nil {
			return err
		}
		e.Text = audit.Raw(text)
	}
	_, err = r.store.Append(ctx, e)
	return err
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
