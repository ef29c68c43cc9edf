package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"toolward/audit"
	"toolward/web/admin"
)

// What the operators' API takes out of the record, on record.

func prune(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	o := a.Body.(*pruneOrder)
	before, err := parseWhen(o.Before, time.Now())
	switch {
	case err != nil:
		return nil, slip(err)
	case before.IsZero():
		return nil, slip(errors.New("say before when"))
	}
	if err := isReason(o.Why); err != nil {
		return nil, err
	}
	n, err := s.Prune(ctx, before, a.By.String(), o.Why)
	return pruned{n}, err
}

func erase(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	o := a.Body.(*eraseOrder)
	set := 0
	for _, name := range []string{o.Agent, o.Session, o.Call} {
		if name != "" {
			set++
		}
		if len(name) > mostWhy {
			return nil, slip(fmt.Errorf("a name is at most %d bytes", mostWhy))
		}
	}
	if set != 1 {
		return nil, slip(errors.New("say whose texts go: one agent, one session or one call"))
	}
	if err := isReason(o.Why); err != nil {
		return nil, err
	}
	went, err := s.Erase(ctx, audit.Erasure{Agent: o.Agent, Session: o.Session, Call: o.Call, Why: o.Why, By: a.By})
	if errors.Is(err, audit.ErrLogHeld) {
		err = &admin.Problem{Status: http.StatusServiceUnavailable, Code: "log_held", Detail: err.Error()}
	}
	return went, err
}

func isReason(why string) error {
	switch {
	case why == "":
		return slip(errors.New("a reason is needed, for the record"))
	case len(why) > mostWhy:
		return slip(fmt.Errorf("a reason is at most %d bytes", mostWhy))
	}
	return nil
}
