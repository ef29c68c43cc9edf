package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// RotateKeys gives a record that no gateway has open another signing key and
// another key of MACs. The key of redacted values stays: equal values stay equal.
// The old and the new key sign a statement of it ([TypeKeys]), which is in the
// record and leaves it, so that whoever trusts either can follow to the other. The
// key file remembers the old key of MACs; the old signing key is gone from it.
func RotateKeys(opts Options, by, why string) (r Rotation, err error) {
	s, err := Open(opts)
	if err != nil {
		return r, err
	}
	err = s.writer.do(context.Background(), func() error {
		r, err = s.writer.rotate(by, why)
		return err
	})
	return r, errors.Join(err, s.Close())
}

// nextKeys is the file in which new keys wait until the record says that they are
// the record's.
func nextKeys(opts Options) string { return opts.Keys + ".next" }

// rotate runs on the writer's goroutine.
func (w *writer) rotate(by, why string) (r Rotation, err error) {
	if err := w.sign(); err != nil { // the old key signs for what it wrote
		return r, err
	}
	if err := w.hold(func() error { r, err = w.succeed(by, why); return err }); err != nil {
		return r, err
	}
	return r, w.sign()
}

// succeed is for who holds the record.
func (w *writer) succeed(by, why string) (r Rotation, err error) {
	r = Rotation{Event: w.head.seq + 1, Old: w.keys.public, Time: time.Now().UTC().Format(time.RFC3339), By: w.said(by), Why: w.said(why)}
	text, err := w.keys.successor(r.Event)
	if err != nil {
		return r, err
	}
	if err := writeWhole(nextKeys(w.opts), text, 0o600); err != nil {
		return r, fmt.Errorf("audit keys: %w", err)
	}
	next, err := LoadKeys(nextKeys(w.opts))
	if err != nil {
		return r, err
	}
	r.New = next.public
	signed, err := note.Sign(&note.Note{Text: statesKeys + "\n" + w.keys.signer.Name() + "\n" + string(marshal(r)) + "\n"}, w.keys.signer, next.signer)
	if err != nil {
		return r, fmt.Errorf("sign for the new keys: %w", err)
	}
	if err := w.writeDurablyHeld([]*Event{ownEvent(TypeKeys, keysBody{r, string(signed)})}); err != nil {
		return r, err
	}
	if err := takeKeys(w.opts, next, string(signed)); err != nil {
		return r, err
	}
	w.keys = next
	return r, nil
}

// keysBody is the body of a [TypeKeys] event.
type keysBody struct {
	Rotation
	Note string `json:"note"`
}

// takeKeys puts new keys in the place of the old ones, after the record says so.
func takeKeys(opts Options, next *Keys, signed string) error {
	out, err := noted(opts.Checkpoints, signed)
	if err == nil && !out {
		err = appendNote(opts.Checkpoints, signed)
	}
	if err == nil {
		err = os.Rename(nextKeys(opts), opts.Keys)
	}
	if err == nil {
		err = syncDir(filepath.Dir(opts.Keys))
	}
	if err != nil {
		return fmt.Errorf("audit keys: %w", err)
	}
	return next.publish(opts.Path + ".pub")
}

// finishRotation takes new keys into use that a crash left waiting: if the record
// says that they are its own, else they are removed.
func finishRotation(opts Options) error {
	next, err := LoadKeys(nextKeys(opts))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	r, err := OpenReader(opts.Path)
	if err != nil {
		return err
	}
	rows, err := r.values(context.Background(), "SELECT body ->> '$.new', body ->> '$.note' FROM events WHERE type = 'audit.keys' AND call IS NULL ORDER BY seq DESC LIMIT 1")
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if len(rows) == 0 || rows[0][0] != next.public {
		return os.Remove(nextKeys(opts))
	}
	signed, _ := rows[0][1].(string)
	return takeKeys(opts, next, signed)
}

// formerKey is what is left of a key that another took over from.
type formerKey struct {
	through int64 // the last event that it seals
	public  string
	mac     []byte
	macs    *sync.Pool
}

// successor makes the key file of what comes after an event.
func (k *Keys) successor(through int64) (string, error) {
	text, err := newKeyText(k.hash)
	if err != nil {
		return "", err
	}
	for _, f := range append(slices.Clone(k.former), formerKey{through: through, mac: k.mac, public: k.public}) {
		text += fmt.Sprintf("former %d %s %s\n", f.through, hex.EncodeToString(f.mac), f.public)
	}
	return text, nil
}

// isFormer reports whether a public key is one that was taken over from.
func (k *Keys) isFormer(public string) bool {
	return slices.ContainsFunc(k.former, func(f formerKey) bool { return f.public == public })
}

// verifiers are the public keys of the record, present and former.
func (k *Keys) verifiers() (note.Verifiers, error) {
	publics := []string{k.public}
	for _, f := range k.former {
		publics = append(publics, f.public)
	}
	var all []note.Verifier
	for _, public := range publics {
		v, err := note.NewVerifier(public)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return note.VerifierList(all...), nil
}

// parseFormer reads a line "former" of a key file: the last event that the key
// seals, the key in hexadecimal, and the public key of that time.
func parseFormer(value string) (f formerKey, err error) {
	words := strings.Fields(value)
	if len(words) != 3 {
		return f, errors.New("it has not three parts")
	}
	if f.through, err = strconv.ParseInt(words[0], 10, 64); err != nil {
		return f, err
	}
	if f.mac, err = hex.DecodeString(words[1]); err != nil {
		return f, err
	}
	f.public = words[2]
	macs := makers(f.mac)
	f.macs = &macs
	return f, nil
}
