package gateway

import "fmt"

// Guard alters nothing of what an agent writes. A file would be stored without its
// password, a message sent to an address that is none, and the agent told that all went
// well. What guard would take out of it refuses it, and the text says what to do:
//
//	write_file {"content":"password: s00pers3cretPw!"}                             →  refused
//	write_file {"content":"password: [redacted secret.password k3f9qm27xw4t]"}     →  sent with the value, see carry.go
//
// What an author of a policy asks for by name (`redact contains "args.ssn"`) is taken out.

// shown reports whether a half of the call is what an agent gets to see; the other is
// what it writes.
func (c *Call) shown(stage Stage) bool {
	return (stage == StageRequest) == c.Kind.Reverse() || c.Kind == KindNotification
}

// unaltered is the reason beside those that say what would have been taken out, and where.
const unaltered = "nothing is taken out of what you send: leave the value out, or write what stands for it (a variable, a file that has it, " +
	"the placeholder that a result showed you), and tell the user what is to be filled in"

// maxReasons is how many findings a refusal has the places of: each is looked for in all of
// the call's half, and who reads it does not get through more.
const maxReasons = 16

// blocking returns a reason for each finding that guard itself stops a half of the call
// for, up to maxReasons, and how many others there are.
func (c *Call) blocking(findings []Finding) []string {
	var reasons []string
	all, written := 0, false
	for i := range findings {
		f := &findings[i]
		takes := f.Action.TakesOut() && !c.shown(f.Stage)
		if !takes && f.Action != ActionBlock && f.Action != ActionQuarantine || c.ofGateway(f) {
			continue
		}
		written = written || takes
		if all++; all > maxReasons {
			continue
		}
		reasons = append(reasons, string(f.Kind)+" found in "+string(f.Stage)+" at "+c.place(f)+" ("+f.Rule+")")
	}
	if all > maxReasons {
		reasons = append(reasons, fmt.Sprintf("and %d more findings", all-maxReasons))
	}
	if written {
		reasons = append(reasons, unaltered)
	}
	return reasons
}

// ofGateway reports whether a finding is about a placeholder that is put back, and
// nothing besides: the gateway wrote it, and a detector takes its ID for a token.
func (c *Call) ofGateway(f *Finding) bool {
	if f.Stage != StageRequest || f.Beside || f.Span == [2]int{} {
		return false
	}
	for i := range c.Restored {
		v := &c.Restored[i]
		if v.Where == f.Where && v.Key == f.Key && v.span[0] <= f.Span[0] && f.Span[1] <= v.span[1] {
			return true
		}
	}
	return false
}

// permits says how a person lets pass what guard stopped.
func (c *Call) permits() string {
	said := "see `toolward audit show " + c.ID + "`; a false alarm is lifted with `toolward guard allow`"
	if c.Tool == nil || c.Kind.Reverse() {
		return said
	}
	return said + fmt.Sprintf(", and `guard.servers.%s.args` says what may be sent to the server", c.Tool.Server)
}
