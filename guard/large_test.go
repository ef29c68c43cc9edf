package guard

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"toolward/gateway"
)

// sized is a call with so many bytes of arguments and so many of answers beside them,
// which are bounded by nothing but the message.
func sized(t *testing.T, args, answers int) *gateway.Call {
	t.Helper()
	parsed, err := gateway.ParseArgs(fmt.Appendf(nil, `{"text":%q}`, strings.Repeat("a", args)))
	if err != nil {
		t.Fatal(err)
	}
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Agent, c.Args = &gateway.Agent{ID: "a"}, parsed
	c.Extra = []gateway.Member{{Name: gateway.MemberAnswers, Value: fmt.Appendf(nil, "%q", strings.Repeat("a", answers))}}
	return c
}

// Large bodies, arguments, answers or results, wait for a turn; small ones do not.
func TestLargeBodiesTakeTurns(t *testing.T) {
	for _, c := range []struct {
		name          string
		args, answers int
		result        int
		waits         bool
	}{
		{"small", 1000, 1000, 0, false},
		{"large arguments", largeBytes, 0, 0, true},
		{"large answers", 0, largeBytes, 0, true},
		{"large together", largeBytes / 2, largeBytes / 2, 0, true},
		{"small result", 0, 0, 1000, false},
		{"large result", 0, 0, largeBytes, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := New(Options{})
				if err != nil {
					t.Fatal(err)
				}
				var others []func()
				for i := range runtime.GOMAXPROCS(0) {
					leave, err := s.large.Take(t.Context(), fmt.Sprint("other-", i), 0)
					if err != nil {
						t.Fatal(err)
					}
					others = append(others, leave)
				}
				done := make(chan error, 1)
				go func() {
					call := sized(t, c.args, c.answers)
					var err error
					if c.result > 0 {
						call.Result = &gateway.Result{Raw: json.RawMessage(fmt.Sprintf(`{"content":[{"type":"text","text":%q}]}`, strings.Repeat("a", c.result)))}
						_, err = s.Result(t.Context(), call)
					} else {
						_, err = s.Request(t.Context(), call)
					}
					done <- err
				}()
				synctest.Wait()
				if waits := len(done) == 0; waits != c.waits {
					t.Errorf("it waits: %v, want %v", waits, c.waits)
				}
				for _, leave := range others {
					leave()
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				if n := s.large.Taken(); n != 0 {
					t.Errorf("%d turns are left", n)
				}
			})
		})
	}
}
