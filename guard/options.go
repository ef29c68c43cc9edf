package guard

import (
	"fmt"
	"maps"
	"slices"

	"toolward/gateway"
	"toolward/guard/classify"
	"toolward/guard/provenance"
	"toolward/guard/vault"
)

// Options configure a [Scanner]. The zero value is the default configuration.
type Options struct {
	// Actions say what to do about each kind of finding; kinds that are not
	// named keep their default, see [DefaultActions].
	Actions map[gateway.FindingKind]gateway.Action
	// Args beat Actions in what an agent sends.
	Args map[gateway.FindingKind]gateway.Action
	// Servers override both for the upstream of that name.
	Servers map[string]ServerActions

	// Thresholds are the injection scores, 0 to 1, from which there is a
	// finding, and from which it is acted on. Zero values are the classifier's
	// own ([classify.Limits]): from one there is a finding, from the next it is left
	// to policy, and only from the last, or if the text was hidden, it blocks or
	// quarantines.
	Thresholds Thresholds

	// Model judges text for injections; nil is the one in the binary. Training
	// measures others.
	Model *classify.Model

	// Honeytokens are values that must never appear in an argument.
	Honeytokens []string

	// Own are credentials of the gateway itself, such as the headers that it
	// sends to upstreams: no agent must see one that an upstream echoes. They
	// are redacted at least, whatever Actions say of secrets. Words of at least
	// eight characters count.
	Own []string

	// Key makes fingerprints of findings ([gateway.Finding.Print]) that mean
	// nothing without it. Allow entries only match under the key that they
	// were made with. Empty means a random one, for this process only.
	Key []byte

	// Allow holds the operator's exceptions; nil is none.
	Allow *AllowList

	// Vault holds what was taken out before: it is found again in what comes back.
	// Nil is none.
	Vault *vault.Vault

	// Provenance bounds what is remembered of private results.
	Provenance provenance.Options

	// PublicIPs reports IP addresses of the public internet as personal data.
	PublicIPs bool

	// Judge is an external classifier; nil is none.
	Judge *Judge
}

// ServerActions override actions for one upstream.
type ServerActions struct {
	ToolActions
	Tools map[string]ToolActions // by the upstream's own name of the tool; these beat the server's
}

// ToolActions override actions for one tool.
type ToolActions struct {
	Actions map[gateway.FindingKind]gateway.Action
	Args    map[gateway.FindingKind]gateway.Action // of what an agent sends; these beat Actions
}

// of is what is said about a kind of finding, "" if nothing is.
func (a *ToolActions) of(kind gateway.FindingKind, sends bool) gateway.Action {
	if action, ok := a.Args[kind]; ok && sends {
		return action
	}
	return a.Actions[kind]
}

// Thresholds are the injection scores from which there is a finding, by where
// the text is.
type Thresholds struct {
	Args       float64 // what an agent sends
	Result     float64 // what comes back, and what an upstream sends unasked
	Definition float64 // what an upstream says about its tools
}

// DefaultActions are what is done about each kind unless the configuration
// says otherwise.
func DefaultActions() map[gateway.FindingKind]gateway.Action {
	return map[gateway.FindingKind]gateway.Action{
		gateway.FindingInjection:  gateway.ActionBlock,
		gateway.FindingSecret:     gateway.ActionRedact,
		gateway.FindingPII:        gateway.ActionObserve,
		gateway.FindingExfil:      gateway.ActionPolicy,
		gateway.FindingProvenance: gateway.ActionPolicy,
		gateway.FindingHoneytoken: gateway.ActionBlock,
		gateway.FindingPoisoning:  gateway.ActionQuarantine,
		gateway.FindingHidden:     gateway.ActionPolicy,
	}
}

// actions answers what to do about a finding.
type actions struct {
	base    ToolActions
	servers map[string]ServerActions
}

func newActions(o Options) (actions, error) {
	a := actions{base: ToolActions{DefaultActions(), o.Args}, servers: o.Servers}
	if err := known("guard", ToolActions{o.Actions, o.Args}); err != nil {
		return actions{}, err
	}
	maps.Copy(a.base.Actions, o.Actions)
	for name, server := range o.Servers {
		if err := known("guard of "+name, server.ToolActions); err != nil {
			return actions{}, err
		}
		for tool, said := range server.Tools {
			if err := known("guard of "+name+" "+tool, said); err != nil {
				return actions{}, err
			}
		}
	}
	return a, nil
}

// known checks that kinds and actions exist. Of what an agent sends nothing is taken
// out.
func known(where string, a ToolActions) error {
	if err := knownIn(where, a.Actions, gateway.ActionRedact, gateway.ActionTokenize, gateway.ActionQuarantine); err != nil {
		return err
	}
	return knownIn(where+", args", a.Args)
}

func knownIn(where string, m map[gateway.FindingKind]gateway.Action, more ...gateway.Action) error {
	defaults := DefaultActions()
	for kind, action := range m {
		if _, ok := defaults[kind]; !ok {
			return fmt.Errorf("%s: there is no kind of finding %q", where, kind)
		}
		if !slices.Contains(append(more, gateway.ActionObserve, gateway.ActionPolicy, gateway.ActionBlock), action) {
			return fmt.Errorf("%s: %s: there is no action %q", where, kind, action)
		}
	}
	return nil
}

// of returns the action for a kind of finding in a call or definition of a tool. The
// narrowest that says anything about it holds.
func (a *actions) of(kind gateway.FindingKind, t *gateway.Tool, sends bool) gateway.Action {
	if t != nil {
		server := a.servers[t.Server]
		tool := server.Tools[t.Name]
		if action := tool.of(kind, sends); action != "" {
			return action
		}
		if action := server.of(kind, sends); action != "" {
			return action
		}
	}
	return a.base.of(kind, sends)
}
