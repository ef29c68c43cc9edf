package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/state"
	"toolward/state/approval"
	"toolward/state/statetest"
)

var rita = gateway.Operator{Issuer: "https://id.test", Subject: "rita", Roles: []string{"approver"}}

// bubble runs f with a room and the state behind it, under a fake clock.
func bubble(t *testing.T, opts approval.Options, f func(*testing.T, *approval.Room, *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var r *approval.Room
		d := &desk{}
		var err error
		if d.Room, err = state.New(state.Options{Journal: &d.record, Decided: func(id string) { r.Ring(id) }}); err != nil {
			t.Fatal(err)
		}
		d.record.Fold = d.Room.Fold
		opts.Store = d.Room
		if r, err = approval.New(opts); err != nil {
			t.Fatal(err)
		}
		f(t, r, d)
	})
}

// desk is where people decide, and its record.
type desk struct {
	*state.Room
	record statetest.Record
}

func newCall(t *testing.T, args string, change ...func(*gateway.Call)) *gateway.Call {
	t.Helper()
	a, err := gateway.ParseArgs([]byte(args))
	if err != nil {
		t.Fatal(err)
	}
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Agent = &gateway.Agent{ID: "ann", Issuer: "https://id.test"}
	c.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "bank", Name: "pay", Wire: "bank__pay", Fingerprint: "f1"}
	c.Name, c.Args = "bank__pay", a
	c.Decision = gateway.Decision{Effect: gateway.EffectApprove, Reasons: []string{"payments need a person"}, Revision: "r1"}
	for _, f := range change {
		f(c)
	}
	return c
}

func code(err error) gateway.Code {
	var r *gateway.Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

// ask makes a call that nobody decides in time, and returns the approval's ID.
func ask(t *testing.T, r *approval.Room, c *gateway.Call) string {
	t.Helper()
	var refusal *gateway.Refusal
	if err := r.Wait(t.Context(), c); !errors.As(err, &refusal) || refusal.Code != gateway.ApprovalPending || refusal.Approval == "" {
		t.Fatalf("got %v, want approval_pending with an ID", err)
	}
	return refusal.Approval
}

func decide(t *testing.T, d *desk, id string, state gateway.ApprovalState) {
	t.Helper()
	if _, err := d.Decide(t.Context(), id, state, rita, ""); err != nil {
		t.Fatal(err)
	}
}

func TestApprovalThenSameCallRunsOnce(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		start := time.Now()
		id := ask(t, r, newCall(t, `{"to":"bob","amount":10}`))
		if waited := time.Since(start); waited != 2*time.Minute {
			t.Errorf("waited %v, want 2m", waited)
		}
		decide(t, d, id, gateway.ApprovalGiven)
		if err := r.Wait(t.Context(), newCall(t, `{"amount":1e1, "to":"b\u006fb"}`)); err != nil {
			t.Errorf("the same call in another spelling: %v", err)
		}
		if again := ask(t, r, newCall(t, `{"to":"bob","amount":10}`)); again == id {
			t.Error("a consent that was used up was asked about again")
		}
	})
}

// TestSomebodyIsToldOfEachQuestionOnce: a call that is sent again while a person
// thinks asks nothing new; one that differs does.
func TestSomebodyIsToldOfEachQuestionOnce(t *testing.T) {
	var told []string
	bubble(t, approval.Options{Asked: func(a gateway.Approval) { told = append(told, a.ID) }}, func(t *testing.T, r *approval.Room, d *desk) {
		first := ask(t, r, newCall(t, `{"amount":10}`))
		if again := ask(t, r, newCall(t, `{"amount":10}`)); again != first {
			t.Fatalf("asked anew: %s", again)
		}
		other := ask(t, r, newCall(t, `{"amount":11}`))
		decide(t, d, first, gateway.ApprovalGiven)
		if err := r.Wait(t.Context(), newCall(t, `{"amount":10}`)); err != nil {
			t.Fatal(err)
		}
		anew := ask(t, r, newCall(t, `{"amount":10}`))
		if want := []string{first, other, anew}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
	})
}

func TestDecisionWakesTheWaitingCall(t *testing.T) {
	for name, state := range map[string]gateway.ApprovalState{"approve": gateway.ApprovalGiven, "deny": gateway.ApprovalRefused} {
		t.Run(name, func(t *testing.T) {
			bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
				done := make(chan error, 1)
				go func() { done <- r.Wait(t.Context(), newCall(t, `{}`)) }()
				time.Sleep(10 * time.Second)
				waiting, err := d.Approvals(t.Context(), gateway.ApprovalOpen, 10)
				if err != nil || len(waiting) != 1 {
					t.Fatalf("pending: %v, %v", waiting, err)
				}
				decided := time.Now()
				decide(t, d, waiting[0].ID, state)
				err = <-done
				if state == gateway.ApprovalGiven && err != nil {
					t.Errorf("approved: %v", err)
				}
				if state == gateway.ApprovalRefused && code(err) != gateway.ApprovalDenied {
					t.Errorf("denied: %v", err)
				}
				if late := time.Since(decided); late != 0 {
					t.Errorf("noticed after %v", late)
				}
			})
		})
	}
}

// What was approved for one call must not run another.
func TestAttackConsentForAnotherCall(t *testing.T) {
	for name, c := range map[string]func(*gateway.Call){
		"other agent":      func(c *gateway.Call) { c.Agent = &gateway.Agent{ID: "eve", Issuer: "https://id.test"} },
		"other issuer":     func(c *gateway.Call) { c.Agent = &gateway.Agent{ID: "ann", Issuer: "https://evil.test"} },
		"moved boundary":   func(c *gateway.Call) { c.Agent = &gateway.Agent{ID: "tann", Issuer: "https://id.tes"} },
		"other tool":       func(c *gateway.Call) { c.Tool = &gateway.Tool{Wire: "bank__pay2", Fingerprint: "f1"} },
		"other definition": func(c *gateway.Call) { c.Tool = &gateway.Tool{Wire: "bank__pay", Fingerprint: "f2"} },
		"other method":     func(c *gateway.Call) { c.Method = "prompts/get" },
		"other arguments":  func(c *gateway.Call) { c.Args, _ = gateway.ParseArgs([]byte(`{"to":"eve"}`)) },
		"number as string": func(c *gateway.Call) { c.Args, _ = gateway.ParseArgs([]byte(`{"to":"bob","amount":"10"}`)) },
		"other revision":   func(c *gateway.Call) { c.Decision.Revision = "r2" },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, approval.Options{BindRevision: true}, func(t *testing.T, r *approval.Room, d *desk) {
				id := ask(t, r, newCall(t, `{"to":"bob","amount":10}`))
				decide(t, d, id, gateway.ApprovalGiven)
				if other := ask(t, r, newCall(t, `{"to":"bob","amount":10}`, c)); other == id {
					t.Error("shares the approval")
				}
			})
		})
	}
}

// RFC 8785 writes both integers as 12345678901234567000. They come from an
// upstream's question: the strict parser refuses them in arguments.
func TestAttackIntegersThatCanonicaliseAlike(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		question := func(n string) func(*gateway.Call) {
			return func(c *gateway.Call) {
				raw := []byte(`{"account":` + n + `}`)
				if err := gateway.CheckJSON(raw); err != nil {
					t.Fatal(err)
				}
				o, err := gateway.Split(raw)
				if err != nil {
					t.Fatal(err)
				}
				c.Args = o.ArgsWithout()
			}
		}
		one := ask(t, r, newCall(t, `{}`, question("12345678901234567890")))
		if two := ask(t, r, newCall(t, `{}`, question("12345678901234567891"))); one == two {
			t.Error("two accounts share an approval")
		}
	})
}

func TestAttackParallelCallsOnOneConsent(t *testing.T) {
	bubble(t, approval.Options{Wait: time.Minute}, func(t *testing.T, r *approval.Room, d *desk) {
		decide(t, d, ask(t, r, newCall(t, `{}`)), gateway.ApprovalGiven)
		var ran atomic.Int32
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				switch err := r.Wait(t.Context(), newCall(t, `{}`)); {
				case err == nil:
					ran.Add(1)
				case code(err) != gateway.ApprovalPending:
					t.Errorf("got %v, want approval_pending", err)
				}
			})
		}
		wg.Wait()
		if ran.Load() != 1 {
			t.Errorf("%d calls ran on one consent", ran.Load())
		}
	})
}

func TestAttackTwoDeciders(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		id := ask(t, r, newCall(t, `{}`))
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				state := gateway.ApprovalGiven
				if i%2 == 0 {
					state = gateway.ApprovalRefused
				}
				_, err := d.Decide(t.Context(), id, state, gateway.Operator{Issuer: "https://id.test", Subject: fmt.Sprint("person-", i)}, "")
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, gateway.ErrDecided):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d decisions counted, want 1", won.Load())
		}
	})
}

func TestAttackApproveAfterExpiry(t *testing.T) {
	bubble(t, approval.Options{Expire: 10 * time.Minute}, func(t *testing.T, r *approval.Room, d *desk) {
		late := ask(t, r, newCall(t, `{"n":1}`))
		early := ask(t, r, newCall(t, `{"n":2}`))
		decide(t, d, early, gateway.ApprovalGiven)
		time.Sleep(10 * time.Minute)
		if _, err := d.Decide(t.Context(), late, gateway.ApprovalGiven, rita, ""); !errors.Is(err, gateway.ErrDecided) || !strings.Contains(err.Error(), "expired") {
			t.Errorf("approving after expiry: %v", err)
		}
		if again := ask(t, r, newCall(t, `{"n":2}`)); again == early {
			t.Error("a consent outlived its expiry")
		}
	})
}

func TestDenialHolds(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		decide(t, d, ask(t, r, newCall(t, `{}`)), gateway.ApprovalRefused)
		if err := r.Wait(t.Context(), newCall(t, `{}`)); code(err) != gateway.ApprovalDenied {
			t.Errorf("the same call after a denial: %v", err)
		}
	})
}

// A consent that was taken back runs nothing, and the same call asks again.
func TestRevokedConsentRunsNothing(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		id := ask(t, r, newCall(t, `{}`))
		if _, err := d.Decide(t.Context(), id, gateway.ApprovalRevoked, rita, ""); !errors.Is(err, gateway.ErrDecided) {
			t.Errorf("what nobody gave is taken back: %v", err)
		}
		decide(t, d, id, gateway.ApprovalGiven)
		decide(t, d, id, gateway.ApprovalRevoked)
		if again := ask(t, r, newCall(t, `{}`)); again == id {
			t.Error("the call waits for an approval that is over")
		}
		a, err := d.Decide(t.Context(), id, gateway.ApprovalGiven, rita, "")
		if !errors.Is(err, gateway.ErrDecided) || a.State != gateway.ApprovalRevoked || a.Decider.Subject != "rita" || a.By != "rita of https://id.test" {
			t.Errorf("approving it again: %+v, %v", a, err)
		}
	})
}

func TestAttackFloodOfApprovals(t *testing.T) {
	bubble(t, approval.Options{Pending: 3, Wait: time.Second}, func(t *testing.T, r *approval.Room, d *desk) {
		for i := range 3 {
			ask(t, r, newCall(t, fmt.Sprintf(`{"n":%d}`, i)))
		}
		if err := r.Wait(t.Context(), newCall(t, `{"n":99}`)); code(err) != gateway.RateLimited {
			t.Errorf("one too many: %v", err)
		}
		ask(t, r, newCall(t, `{"n":1}`)) // asking about the same again is no new approval
	})
}

func TestAgentGoesAway(t *testing.T) {
	bubble(t, approval.Options{}, func(t *testing.T, r *approval.Room, d *desk) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := r.Wait(ctx, newCall(t, `{}`)); code(err) != gateway.Cancelled {
			t.Errorf("got %v, want cancelled", err)
		}
	})
}

// origin collects what is sent to the agent.
type origin struct {
	gateway.Origin
	mu   sync.Mutex
	sent []string
}

func (o *origin) Notify(_ context.Context, _ *gateway.Call, method string, params []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, method+" "+string(params))
	return nil
}

func TestProgressWhileWaiting(t *testing.T) {
	bubble(t, approval.Options{Wait: 11 * time.Second}, func(t *testing.T, r *approval.Room, d *desk) {
		o := &origin{}
		id := ask(t, r, newCall(t, `{}`, func(c *gateway.Call) {
			c.Origin = o
			c.Extra = []gateway.Member{{Name: "_meta", Value: json.RawMessage(`{"progressToken":"p-1"}`)}}
		}))
		if len(o.sent) != 3 {
			t.Fatalf("got %d notifications, want 3 in 11 seconds: %v", len(o.sent), o.sent)
		}
		for i, want := range []string{`"progress":0`, `"progress":5`, `"progress":10`} {
			for _, part := range []string{want, `"progressToken":"p-1"`, id, "notifications/progress ", `"total":11`} {
				if !strings.Contains(o.sent[i], part) {
					t.Errorf("notification %d lacks %s: %s", i, part, o.sent[i])
				}
			}
		}
	})
}

func TestWhatHappensIsNotedAndSecretsAreNotShown(t *testing.T) {
	bubble(t, approval.Options{Wait: time.Second}, func(t *testing.T, r *approval.Room, d *desk) {
		secret := "synthetic-" + "hunter2"
		c := newCall(t, `{"password":"`+secret+`","note":"x"}`, func(c *gateway.Call) {
			c.Findings = []gateway.Finding{{Kind: gateway.FindingSecret, Rule: "secret.generic", Stage: gateway.StageRequest, Where: "/password", Action: gateway.ActionObserve}}
			c.Decision.Redact = []string{"/note"}
			c.Decision.Reasons = []string{"sends " + secret}
		})
		id := ask(t, r, c)
		a, err := d.Approval(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(a.Args), `{"password":"[secret.generic]","note":"[redacted]"}`; got != want {
			t.Errorf("shown: %s, want %s", got, want)
		}
		if len(a.Reasons) != 1 || a.Reasons[0] != "sends [secret.generic]" {
			t.Errorf("reasons shown: %q", a.Reasons)
		}
		decide(t, d, id, gateway.ApprovalGiven)
		if err := r.Wait(t.Context(), c); err != nil {
			t.Error(err)
		}
		var events []string
		for _, e := range d.record.Events() {
			events = append(events, e.Type)
			if strings.Contains(string(e.Body), secret) {
				t.Errorf("%s: %s", e.Type, e.Body)
			}
		}
		if got, want := strings.Join(events, " "), "approval.asked approval.approved approval.used"; got != want {
			t.Errorf("events %q, want %q", got, want)
		}
	})
}

func TestFailedRecordRefusesTheCall(t *testing.T) {
	broken := errors.New("disk full")
	bubble(t, approval.Options{Wait: time.Second}, func(t *testing.T, r *approval.Room, d *desk) {
		d.record.Fail(broken)
		if err := r.Wait(t.Context(), newCall(t, `{}`)); !errors.Is(err, broken) {
			t.Errorf("got %v, want the record's error", err)
		}
	})
}

// Other times hold for who comes to wait from then on.
func TestTimesChange(t *testing.T) {
	bubble(t, approval.Options{Wait: time.Minute, Expire: time.Hour}, func(t *testing.T, r *approval.Room, d *desk) {
		begin := time.Now()
		ask(t, r, newCall(t, `{"n":1}`))
		if waited := time.Since(begin); waited != time.Minute {
			t.Errorf("it waited %s", waited)
		}
		r.SetTimes(-1, 3*time.Hour)
		begin = time.Now()
		id := ask(t, r, newCall(t, `{"n":2}`))
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it waited %s, and there is no wait any more", waited)
		}
		a, err := d.Approval(t.Context(), id)
		if err != nil || a.Expires.Sub(a.Created) != 3*time.Hour {
			t.Errorf("it expires after %s: %v", a.Expires.Sub(a.Created), err)
		}
	})
}
