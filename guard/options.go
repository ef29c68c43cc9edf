package guard

import (
	"fmt"
	"slices"

	"toolward/gateway"
	"toolward/guard/provenance"
	"toolward/guard/vault"
)

// Options configure a [Scanner]. The zero value is the default configuration.
type Options struct {
	// Actions say what to do about each kind of finding; kinds that are not
	// named keep their default, see [DefaultActions].
	Actions map[gateway.FindingKind]gateway.Action
	// Servers override Actions for the upstream of that name.
	Servers map[string]ServerActions

	// Thresholds are the injection scores, 0 to 1, from which there is a
	// finding, and from which it is acted on. Zero values are the classifier's
	// own, over which a finding only blocks or quarantines with a second sign
	// beside it: the text was hidden, or the score is at least 0.99.
	Thresholds Thresholds

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
	Actions map[gateway.FindingKind]gateway.Action
	Tools   map[string]map[gateway.FindingKind]gateway.Action // by the upstream's own name of the tool; these beat Actions
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
	base    map[gateway.FindingKind]gateway.Action
	servers map[string]ServerActions
}

func newActions(o Options) (actions, error) {
	a := actions{base: DefaultActions(), servers: o.Servers}
	if err := known("guard", o.Actions); err != nil {
		return actions{}, err
	}
	for kind, action := range o.Actions {
		a.base[kind] = action
	}
	for name, server := range o.Servers {
		if err := known("guard of "+name, server.Actions); err != nil {
			return actions{}, err
		}
		for tool, m := range server.Tools {
			if err := known("guard of "+name+" "+tool, m); err != nil {
				return actions{}, err
			}
		}
	}
	return a, nil
}

// known checks that kinds and actions exist.
func known(where string, m map[gateway.FindingKind]gateway.Action) error {
	defaults := DefaultActions()
	for kind, action := range m {
		if _, ok := defaults[kind]; !ok {
			return fmt.Errorf("%s: there is no kind of finding %q", where, kind)
		}
		if !slices.Contains([]gateway.Action{gateway.ActionObserve, gateway.ActionPolicy, gateway.ActionRedact, gateway.ActionTokenize, gateway.ActionQuarantine, gateway.ActionBlock}, action) {
			return fmt.Errorf("%s: %s: there is no action %q", where, kind, action)
		}
	}
	return nil
}

// of returns the action for a kind of finding in a call or definition of a tool.
func (a *actions) of(kind gateway.FindingKind, t *gateway.Tool) gateway.Action {
	if t != nil {
		server := a.servers[t.Server]
		if action, ok := server.Tools[t.Name][kind]; ok {
			return action
		}
		if action, ok := server.Actions[kind]; ok {
			return action
		}
	}
	return a.base[kind]
}
