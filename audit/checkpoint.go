package audit

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// checkpoint makes the signed note over a point of the chain; see the package
// doc for its text.
func (k *Keys) checkpoint(h head, now time.Time) (string, error) {
	signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n%s\n",
		k.signer.Name(), h.seq, base64.StdEncoding.EncodeToString(h.hash[:]), now.UTC().Format(time.RFC3339))}, k.signer)
	return string(signed), err
}

// signOrLog is [writer.sign] where nobody waits for the error.
func (w *writer) signOrLog(before ...*Event) {
	if w.failure() != nil {
		return
	}
	if err := w.sign(before...); err != nil {
		w.opts.Log.Error("audit checkpoint", "error", err)
	}
}

// sign appends the given events and a checkpoint over everything so far, and
// hands the checkpoint out. The commit that holds it waits for the disk
// whatever the durability is: a checkpoint outside must not be ahead of a
// database that lost its last commits with the power.
func (w *writer) sign(before ...*Event) error {
	if err := w.failure(); err != nil {
		return err
	}
	text, event, err := w.signInside(before...)
	if err != nil {
		return err
	}
	if err := appendNote(w.opts.Checkpoints, text); err != nil {
		return fmt.Errorf("the checkpoint is in the database and did not leave it: %w", err)
	}
	w.opts.Log.Info("audit checkpoint", "event", event, "note", text)
	return nil
}

// signInside is sign without handing the checkpoint out, which it returns, and the event
// that it covers last.
func (w *writer) signInside(before ...*Event) (text string, event int64, err error) {
	err = w.hold(func() error {
		now, end := time.Now(), w.head
		for _, e := range before {
			end, w.scratch = end.next(e, w.scratch)
		}
		if text, err = w.keys.checkpoint(end, now); err != nil {
			return fmt.Errorf("sign checkpoint: %w", err)
		}
		if err := w.writeDurablyHeld(append(before, ownEvent(TypeCheckpoint, map[string]string{"note": text}))); err != nil {
			return err
		}
		event, w.signed, w.signedAt = end.seq, w.head, now
		w.checkpointed.Store(now.UnixMilli())
		return nil
	})
	return text, event, err
}

// writeDurably is [writer.write], waiting for the disk. None may be rejected.
func (w *writer) writeDurably(events []*Event) error {
	return w.hold(func() error { return w.writeDurablyHeld(events) })
}

// writeDurablyHeld is writeDurably for who holds the record.
func (w *writer) writeDurablyHeld(events []*Event) error {
	if err := w.conn.synchronous(DurabilityPower); err != nil {
		return w.fail(err)
	}
	rejected, err := w.writeHeld(events)
	if err != nil {
		return err
	}
	for _, err := range rejected {
		return err
	}
	if err := w.conn.synchronous(w.opts.Durability); err != nil {
		return w.fail(err)
	}
	return nil
}

// heldByCheckpoint refuses a database that does not hold what the newest
// checkpoint outside of it says: its tail was cut, or it was replaced by an
// older copy or another record.
func (w *writer) heldByCheckpoint(end head) error {
	claim, err := w.claimed()
	if err != nil || claim.seq == 0 {
		return err
	}
	segments, err := w.segments()
	if err != nil {
		return err
	}
	if c := (chain{segments: segments}); c.declared(claim.seq) || c.gone(claim.seq) {
		return nil // a person went on behind it, and the checkpoint of that did not leave yet
	}
	if end.seq < claim.seq {
		return fmt.Errorf("it ends at event %d, but %s says that there were %d: events are missing at the end; restore a newer copy, or go on behind the gap with `toolward audit new-segment --accept-gap`", end.seq, w.opts.Checkpoints, claim.seq)
	}
	held, err := w.conn.at(claim.seq)
	if err != nil {
		return err
	}
	if held != claim {
		return fmt.Errorf("event %d is not the one that %s says: this is another record, or it was rewritten; run `toolward audit verify`", claim.seq, w.opts.Checkpoints)
	}
	return nil
}

func parseCheckpoint(text string) (head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return head{}, errors.New("checkpoint of less than three lines")
	}
	seq, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return head{}, fmt.Errorf("checkpoint: %w", err)
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	h := head{seq: seq}
	if err != nil || copy(h.hash[:], hash) != len(h.hash) || len(hash) != len(h.hash) {
		return head{}, errors.New("checkpoint with a damaged hash")
	}
	return h, nil
}
