package audit

import (
	"strings"
	"testing"

	"toolward/gateway"
)

// program is an agent's program in a session, which said something of itself.
type program struct {
	gateway.Origin
	info string
}

func (p program) Session() string      { return "m-1" }
func (p program) ClientInfo() []byte   { return []byte(p.info) }
func (p program) Capabilities() []byte { return nil }

// What a program says of itself is the same in all calls of its session: it is kept
// once, whatever the number of calls.
func TestWhatAProgramSaysOfItselfIsKeptOnce(t *testing.T) {
	for bodies, want := range map[Bodies]string{
		BodiesRedacted: `"client":{"info":{"name":"desk"}}`,
		BodiesDigest:   `"client_digest":"hmac-sha256:`,
		BodiesNone:     "",
	} {
		t.Run(string(bodies), func(t *testing.T) {
			s := openStore(t, func(o *Options) { o.Bodies = bodies })
			for range 3 {
				c := newCall(t, `{}`)
				c.Origin = program{info: `{"name":"desk"}`}
				must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			}
			who := column1(t, s, "SELECT text FROM interned JOIN events ON who = interned.digest GROUP BY interned.digest HAVING count(*) = 3")
			if len(who) != 1 || !strings.Contains(who[0], want) || want == "" && strings.Contains(who[0], "client") {
				t.Errorf("who is %s, want one with %s", who, want)
			}
			if n := column1(t, s, "SELECT count(*) FROM bodies WHERE instr(concat(text, beside), 'desk')")[0]; n != "0" {
				t.Errorf("%s bodies have it as well", n)
			}
		})
	}
}
