package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit/verify"
	"toolward/web/admin"
)

// verify is `audit verify` of the gateway's own record, with what lies beside it.
func (r *rooms) verify(order admin.VerifyOrder) (admin.Verification, error) {
	opt := verify.Options{Path: r.cfg.Audit.Path, Live: true, Strict: order.Strict, ExpectFirst: order.ExpectFirst}
	var err error
	if opt.AsOfEvent, opt.AsOfTime, err = parseAsOf(order.AsOf, time.Now()); err != nil {
		return nil, slip(err)
	}
	if beside := opt.Path + ".keys"; readableFile(beside) {
		opt.Keys = beside
	}
	if order.Counts {
		opt.Derived = []verify.Derived{{Table: "counts", Check: r.store.Compare}}
	}
	return func(ctx context.Context, progress func(done, of int64)) (any, error) {
		r.store.CatchUp(ctx) // and nothing is said of the journal that is over in a moment
		worked := time.Now()
		opt.Progress = func(done, of int64) {
			progress(done, of)
			yield(ctx, time.Since(worked))
			worked = time.Now()
		}
		return verify.Record(ctx, opt)
	}, nil
}

// yield leaves the processor to calls for as long as it was taken: a verification takes
// half of one, and twice the time of one by command.
func yield(ctx context.Context, worked time.Duration) {
	select {
	case <-time.After(worked):
	case <-ctx.Done():
	}
}

// verifyThere has the gateway at --url verify its record, and waits. What this began
// ends with it.
func verifyThere(cmd *cobra.Command, f *whereFlags, order admin.VerifyOrder, far func(done, of int64)) (v verify.Report, err error) {
	o, err := f.open(cmd.Context())
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	var job struct {
		admin.Job
		Report json.RawMessage `json:"report"`
	}
	if err := o.ask(cmd.Context(), http.MethodPost, "audit/verify", order, &job); err != nil {
		return v, err
	}
	id := job.ID
	if job.Joined {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s had begun one, with %s; this is what it finds\n", printable(job.By), ordered(job.Order))
	}
	joined := job.Joined
	err = o.lines(cmd.Context(), "audit/verify/"+id+"?watch=true", func(line []byte) error {
		job.Report = nil
		if err := json.Unmarshal(line, &job); err != nil {
			return err
		}
		if far != nil {
			far(job.Done, job.Of)
		}
		return nil
	})
	if cmd.Context().Err() != nil && !joined {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
		defer cancel()
		return v, errors.Join(cmd.Context().Err(), o.ask(ctx, http.MethodPost, "audit/verify/"+id+"/cancel", nil, &job))
	}
	switch {
	case err != nil:
		return v, err
	case job.State == admin.JobCancelled:
		return v, errors.New("somebody ended the verification, or the gateway stops")
	case job.State == admin.JobFailed:
		return v, errors.New(job.Error)
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "this is the gateway's own word about itself: an auditor verifies a copy, with --db")
	return v, json.NewDecoder(bytes.NewReader(job.Report)).Decode(&v)
}

// ordered are the flags of an order.
func ordered(order admin.VerifyOrder) string {
	raw, _ := json.Marshal(order)
	if string(raw) == "{}" {
		return "no flags"
	}
	return string(raw)
}
