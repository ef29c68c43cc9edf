package admin

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"toolward/gateway"
)

// VerifyOrder says how thoroughly the record is verified.
type VerifyOrder struct {
	Counts      bool   `json:"counts,omitempty"` // what listings read is compared with the events, too
	Strict      bool   `json:"strict,omitempty"` // what was pruned, and breaks that a person went on behind, are problems too
	ExpectFirst int64  `json:"expect_first,omitempty"`
	AsOf        string `json:"as_of,omitempty"` // an event, or a time: later checkpoints are left aside
}

// Job is a verification, which takes longer than an answer may.
type Job struct {
	ID      string      `json:"id"`
	State   string      `json:"state"` // running, done, cancelled or failed
	Order   VerifyOrder `json:"order"`
	By      string      `json:"by"`
	Started time.Time   `json:"started"`
	Ended   time.Time   `json:"ended,omitzero"`
	Done    int64       `json:"done"` // rows that are looked at, of about so many
	Of      int64       `json:"of"`
	Joined  bool        `json:"joined,omitempty"` // it ran already when it was ordered
	Report  any         `json:"report,omitempty"` // what was found, once it is done
	Error   string      `json:"error,omitempty"`  // why it could not be done
}

// The states of a job.
const (
	JobRunning   = "running"
	JobDone      = "done"
	JobCancelled = "cancelled"
	JobFailed    = "failed"
)

// Verifier says what carries out an order, or what is wrong with the order: a
// [*Problem]. What it returns tells how far it is, and ends with its context.
type Verifier func(order VerifyOrder) (Verification, error)

// Verification verifies the record, and returns what it found.
type Verification func(ctx context.Context, progress func(done, of int64)) (report any, err error)

// verifying is the one verification that runs, or the last that did.
type verifying struct {
	running sync.WaitGroup

	mu     sync.Mutex
	last   *verification // nil if there was none
	closed bool
}

type verification struct {
	changed gateway.Bell
	cancel  context.CancelFunc

	mu  sync.Mutex
	job Job
}

// at is how far it is.
func (v *verification) at() Job {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.job
}

func (v *verification) update(how func(*Job)) {
	v.mu.Lock()
	how(&v.job)
	v.mu.Unlock()
	v.changed.Ring()
}

func (h *Handler) verifyOperations() []operation {
	return []operation{
		{id: "audit.verify", method: http.MethodPost, path: "audit/verify", role: Approver, body: &VerifyOrder{}, answer: Job{}, run: h.verify,
			summary: "Begin to verify the record, or join the verification that runs. It is the gateway's own word: an auditor verifies a copy"},
		{id: "audit.verification", method: http.MethodGet, path: "audit/verify/{id}", role: Viewer, query: []query{watch}, tails: true, answer: Job{}, run: h.verification,
			summary: "How far a verification is, and what it found"},
		{id: "audit.cancel", method: http.MethodPost, path: "audit/verify/{id}/cancel", role: Approver, answer: Job{}, run: h.cancelVerification,
			summary: "End a verification that runs"},
	}
}

// verify begins. The work belongs to the handler, not to the request.
func (h *Handler) verify(r *request) (any, error) {
	order := *r.body.(*VerifyOrder)
	if order.ExpectFirst < 0 {
		return nil, malformed("expect_first is the number of an event")
	}
	run, err := h.opt.Verify(order)
	if err != nil {
		return nil, err
	}
	all := &h.verifying
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.closed {
		return nil, gateway.Refuse("admin", gateway.Overloaded, "the gateway stops")
	}
	if all.last != nil {
		if job := all.last.at(); job.State == JobRunning {
			job.Joined = true
			return job, nil
		}
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	v := &verification{cancel: cancel, job: Job{ID: rand.Text(), State: JobRunning, Order: order, By: r.who.String(), Started: time.Now().UTC()}}
	all.last = v
	all.running.Go(gateway.Contain(h.opt.Log, "verifying the record", func() {
		defer cancel()
		h.work(ctx, v, run, r.call.ID)
	}))
	return v.at(), nil
}

// work verifies, and notes what comes of it.
func (h *Handler) work(ctx context.Context, v *verification, run Verification, call string) {
	end := Job{State: JobFailed, Error: "the gateway could not do that; see its log for call " + call}
	defer func() { // also where it panics
		v.update(func(j *Job) { j.State, j.Ended, j.Report, j.Error = end.State, time.Now().UTC(), end.Report, end.Error })
	}()
	report, err := run(ctx, func(done, of int64) {
		v.update(func(j *Job) { j.Done, j.Of = done, of })
	})
	switch {
	case ctx.Err() != nil:
		end = Job{State: JobCancelled}
	case err != nil:
		h.opt.Log.Error("the record could not be verified", "call", call, "error", err)
	default:
		end = Job{State: JobDone, Report: report}
	}
}

func (h *Handler) findVerification(r *request) (*verification, error) {
	h.verifying.mu.Lock()
	defer h.verifying.mu.Unlock()
	if v := h.verifying.last; v != nil && v.at().ID == r.PathValue("id") {
		return v, nil
	}
	return nil, &Problem{Status: http.StatusNotFound, Code: "no_job", Detail: "there is no such verification: the last one alone is remembered"}
}

func (h *Handler) verification(r *request) (any, error) {
	v, err := h.findVerification(r)
	if err != nil {
		return nil, err
	}
	goesOn, err := r.flag("watch")
	if err != nil || !goesOn {
		return v.at(), err
	}
	return lines(func(emit func(any) bool, wait func(<-chan struct{}) bool) error {
		for {
			changed := v.changed.Next()
			if job := v.at(); !emit(job) || job.State != JobRunning || !wait(changed) {
				return nil
			}
		}
	}), nil
}

// cancelVerification waits for the end, which comes soon then.
func (h *Handler) cancelVerification(r *request) (any, error) {
	v, err := h.findVerification(r)
	if err != nil {
		return nil, err
	}
	v.cancel()
	for {
		changed := v.changed.Next()
		if job := v.at(); job.State != JobRunning {
			return job, nil
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

// close ends what runs, and waits for it.
func (all *verifying) close() {
	all.mu.Lock()
	all.closed = true
	if all.last != nil {
		all.last.cancel()
	}
	all.mu.Unlock()
	all.running.Wait()
}
