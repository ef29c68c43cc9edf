package audit

import (
	"fmt"
	"slices"
	"strings"
)

// The types of events that this package, and the program around it, write. What
// rooms write of their own is named there ([Types] has all).
const (
	TypeAttempt = "call.attempt"
	TypeOutcome = "call.outcome"
	TypeRefusal = "call.refusal"

	TypeOpen       = "audit.open"
	TypeClose      = "audit.close"
	TypeCheckpoint = "audit.checkpoint"
	TypePrune      = "audit.prune"
	TypeSegment    = "audit.segment"
	TypeKeys       = "audit.keys"
	TypeBackup     = "audit.backup"
	TypeKept       = "audit.kept"
	TypeErase      = "audit.erase"
	TypeExpire     = "audit.expire"
	TypeClock      = "audit.clock"
	TypeRecover    = "audit.recover"
	TypeAstray     = "audit.astray"

	TypeStart        = "gateway.start"
	TypeHangup       = "gateway.hangup"
	TypeConfig       = "config.loaded"
	TypeConfigFailed = "config.reload_failed"
	TypePolicy       = "policy.loaded"
	TypeReloadFailed = "policy.reload_failed"
	TypeQuarantined  = "tool.quarantined"
	TypeNarrower     = "tool.narrower"

	TypeQuarantinedMore = "tool.quarantined_more"
)

// Type is a type of event: what it says, and what is in it. A person who decided
// is always "by": {"issuer", "subject", "roles"}, as they were verified; only in
// signed statements it is one text.
type Type struct {
	Name   string
	Means  string   // a line, for docs/audit.md
	Fields []string // of the body; of calls, see the view `calls`
	Texts  []string // of what stands beside the event, and may go before it does
}

// Types are all that there are. An event of another type is not appended.
var Types = []Type{
	{Name: TypeAttempt, Means: "a call is about to be made"},
	{Name: TypeOutcome, Means: "what became of it"},
	{Name: TypeRefusal, Means: "a call was not made"},

	{Name: TypeStart, Means: "a gateway runs from now on: which program, where, with which configuration", Fields: list("version host user pid upstreams policy config_digest key"), Texts: list("config exceptions")},
	{Name: TypeHangup, Means: "it was sent SIGHUP, and what came of that", Fields: list("policy configuration revision error config_error restart")},
	{Name: TypeConfig, Means: "another configuration is in force from now on: which fields, and which need a restart first", Fields: list("by fields restart added removed changed config_digest"), Texts: list("config differences exceptions")},
	{Name: TypeConfigFailed, Means: "a change of the configuration is broken: the one before stays in force", Fields: list("error")},
	{Name: TypePolicy, Means: "a policy is in force from now on, with its text", Fields: list("revision shadow digests"), Texts: list("files shadow_files")},
	{Name: TypeReloadFailed, Means: "a change of the policy is broken: the one before stays in force", Fields: list("error")},

	{Name: "approval.asked", Means: "a person is asked about a call", Texts: list("args beside"),
		Fields: list("id binding call agent issuer identities tool fingerprint restored reasons revision session labels recent created expires state")},
	{Name: "approval.approved", Means: "a person said yes", Fields: list("id by note")},
	{Name: "approval.denied", Means: "a person said no", Fields: list("id by note")},
	{Name: "approval.revoked", Means: "a person took a yes back that was not used", Fields: list("id by note")},
	{Name: "approval.used", Means: "a call runs on a yes", Fields: list("id call")},
	{Name: "approval.expired", Means: "time ran out before anybody decided (`pending`), or before the yes was used (`approved`)", Fields: list("id was")},

	{Name: "pin.accepted", Means: "a definition is accepted, by a person or on first use (no `by`), with the one before", Fields: list("server kind name fingerprint by note time definition was")},
	{Name: TypeQuarantined, Means: "a definition is held back, and why", Fields: list("server kind name tool fingerprint reason left_out_bytes"), Texts: list("definition was")},
	{Name: TypeNarrower, Means: "a definition is in use that nobody accepted, because it is no more than the one that was", Fields: list("server kind name tool fingerprint left_out_bytes"), Texts: list("definition was")},
	{Name: TypeQuarantinedMore, Means: "definitions of an upstream that were held back within an hour, or are narrower, and have no event of their own: there were too many", Fields: list("server n first last")},

	{Name: "block.added", Means: "a person stopped something", Fields: list("id kind name issuer reason by time until")},
	{Name: "block.lifted", Means: "a person ended a block", Fields: list("id by reason")},
	{Name: "session.labelled", Means: "what an agent was told before its call was over, as labels", Fields: list("session agent issuer call tool labels why")},
	{Name: "session.cleared", Means: "a person took labels away", Fields: list("session labels by reason")},
	{Name: "grant.given", Means: "a person let a client have tokens", Fields: list("id agent roles scopes endpoint client name redirect key by given ends turn turned token")},
	{Name: "grant.refreshed", Means: "the client got a token anew (`again`: it asked twice)", Fields: list("id turn again token")},
	{Name: "grant.revoked", Means: "the client gets no more, and its tokens are refused", Fields: list("id by reason")},
	{Name: "meter.reset", Means: "a person let counters of a meter begin anew", Fields: list("name agent issuer session tool key counters by reason")},
	{Name: "state.snapshot", Means: "what the events so far come to: a start reads on from here", Fields: list("replaces"), Texts: list("state")},

	{Name: "auth.failures", Means: "failed authentications of a peer within a minute, some of which have no event of their own", Fields: list("peer n recorded reasons tokens first last")},
	{Name: "auth.success_after_failures", Means: "a peer got in that was over its allowance of failures", Fields: list("peer agent issuer n since")},

	{Name: "token.minted", Means: "the local issuer made a token for somebody", Fields: list("jti subject roles scopes audience session expires by")},
	{Name: "token.created", Means: "a person made a named token, which lives until its end or until it is revoked", Fields: list("digest name subject roles scopes session created expires by")},
	{Name: "token.revoked", Means: "a person ended a named token", Fields: list("digest name by reason")},
	{Name: "token.used", Means: "a named token is used, for the first time within an hour", Fields: list("digest name subject used")},
	{Name: "guard.excepted", Means: "a person excepted findings of guard's", Fields: list("id print rule tool reason created expires by")},
	{Name: "guard.exception_removed", Means: "a person ended an exception", Fields: list("id print rule tool reason created expires by")},
	{Name: "upstream.login", Means: "a person logged in to an upstream", Fields: list("server issuer scopes renewable by")},
	{Name: "upstream.login_lost", Means: "a login of a person's does not work any more", Fields: list("server reason")},

	{Name: TypeOpen, Means: "the record was opened: calls before that have no outcome were interrupted", Fields: list("durability bodies pid retain retain_bodies")},
	{Name: TypeClose, Means: "it was closed in order"},
	{Name: TypeCheckpoint, Means: "a signed statement of how far the record has come", Fields: list("note")},
	{Name: TypePrune, Means: "a signed statement of what was removed", Fields: list("from through removed hash before time by why note")},
	{Name: TypeSegment, Means: "a signed statement of what is not the record's: a person decided to go on behind it", Fields: list("event after hash foreign missing time by why note")},
	{Name: TypeKeys, Means: "a signed statement of a key that took over", Fields: list("event old new time by why note")},
	{Name: TypeBackup, Means: "in a copy, a signed statement of up to where it is one", Fields: list("of hash time by note")},
	{Name: TypeKept, Means: "`gateway.start`, `config.loaded` or `policy.loaded`, copied before it was pruned: events that stay came under it", Fields: list("type seq time_unix_ms body"), Texts: list("config exceptions differences files shadow_files")},
	{Name: TypeErase, Means: "a person removed the texts of an agent, a session or a call", Fields: list("agent session call why by through texts shared")},
	{Name: TypeExpire, Means: "the texts of calls are removed because they are old", Fields: list("before_unix_ms texts")},
	{Name: TypeClock, Means: "the wall clock was set", Fields: list("step_ms")},
	{Name: TypeRecover, Means: "the record can be written again: outcomes may be missing before this", Fields: list("after")},
	{Name: TypeAstray, Means: "a start, a new segment or a backup found events in the journal, up to `through`, that do not follow the record, and gave them up: the power was lost, or somebody changed one of the two", Fields: list("after through events")},
}

func list(words string) []string { return strings.Fields(words) }

// known refuses a type that is in no table: nobody would know what it means.
func known(name string) error {
	if !slices.ContainsFunc(Types, func(t Type) bool { return t.Name == name }) {
		return fmt.Errorf("audit: %q is no type of event", name)
	}
	return nil
}
