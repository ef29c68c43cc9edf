package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// What an agent may not see it may carry. A value that is taken out of a result is
// kept (see [Vault]), and what is shown in its place comes back with what the agent
// sends: a file that was read is changed and written again.
//
//	read_text_file   {"path":"app.yaml"}                →  password: "s00pers3cretPw!"
//	the agent sees   password: "[redacted secret.password k3f9qm27xw4t]"
//	write_file       password: "[redacted secret.password k3f9qm27xw4t]"  →  password: "s00pers3cretPw!"
//
// Guard, policy, people and the record have the placeholder ([Call.Args]), and know
// that a value is put back, where, of what kind and whose it is ([Call.Restored]).
// The upstream has the value ([Call.Sent]). It is put back in arguments of tools
// only, towards the server that it came from and to no tool that sends out of the
// house, unless policy reveals it there. Whatever else holds a placeholder, or what
// is left of one, is refused: as text it would be a loss, and somebody's at that.

// Kept is a value that was taken out of what an agent is shown.
type Kept struct {
	Kind   FindingKind
	Rule   string
	Server string   // whose it is
	Origin Upstream // likewise: with another configuration the name can be another's
	Call   string   // ID of the call that brought it
	Text   string   // as a reader of the JSON gets it
	JSON   bool     // it was no string: Text is its JSON
	Steady bool     // it has the same placeholder in every session of the agent
}

// Vault keeps what was taken out, for the sessions that it was taken from
// ([Agent.LabelKey]). It is safe for concurrent use.
type Vault interface {
	// Keep returns what is shown in place of a value: for the same value of the
	// same server always the same. What there is no room for cannot be put back.
	Keep(*Agent, Kept) string
	// Mask notes that the agent was shown [Redacted] in place of something of a server's.
	Mask(a *Agent, server string)
	// Masked reports whether it was.
	Masked(a *Agent, server string) bool
	// Holds reports whether anything is kept for the agent, or masked.
	Holds(*Agent) bool
	// Value is what a placeholder's ID stands for; false if it is not the agent's, or gone.
	Value(a *Agent, id string) (Kept, bool)
}

// Restored is a value that a call carries as a placeholder, as policy, people and
// the record know it.
type Restored struct {
	Where  string      `json:"where"`         // RFC 6901 pointer into the arguments
	Key    bool        `json:"key,omitempty"` // it stands in the member's name
	Kind   FindingKind `json:"kind"`
	Rule   string      `json:"rule"`
	Server string      `json:"server"`         // whose it is
	From   string      `json:"from,omitempty"` // ID of the call that brought it

	span  [2]int
	whole bool // it is all of the text
	value Kept
}

// Text is the value itself, for whoever must keep it out of what they write; "" in
// calls that were read from the record.
func (r *Restored) Text() string { return r.value.Text }

// WithoutValues is what is restored without the values, for whoever keeps them longer than the
// call.
func WithoutValues(all []Restored) []Restored {
	said := slices.Clone(all)
	for i := range said {
		said[i].value = Kept{}
	}
	return said
}

// maxRestored bounds the placeholders of one call.
const maxRestored = 4096

// carried finds the placeholders in what an agent sends. Where the agent was shown
// none, that is one search.
func (r *Road) carried(c *Call) ([]Restored, *Refusal) {
	if c.Kind.Reverse() {
		return nil, nil // what comes from an upstream holds none, see [Road.lookalikes]
	}
	known := r.known(c.Agent)
	for _, m := range c.Extra {
		if len(readMarks(m.Value, known)) > 0 {
			return nil, notHere()
		}
	}
	found := readMarks(c.Args.Raw(), known)
	if known != nil && holdsText(c.Args.Raw(), Redacted) && r.Vault.Masked(c.Agent, c.Tool.Server) {
		return nil, Refuse("placeholder", Misplaced, "the arguments hold "+Redacted+", which stands for what a policy took out of something that "+c.Tool.Server+
			" said; it is not put back: change only what is around it, or leave it out")
	}
	switch {
	case len(found) == 0:
		return nil, nil
	case c.Kind != KindTool:
		return nil, notHere()
	case len(found) > maxRestored:
		return nil, Refuse("placeholder", Misplaced, fmt.Sprintf("a call may hold %d placeholders; send the text in parts, or edit in place", maxRestored))
	}
	at := func(m placed) string { return Place(c.Args.Raw(), m.where, c.Tool.Definition) }
	all := make([]Restored, 0, len(found))
	for _, m := range found {
		if m.id == "" {
			return nil, Refuse("placeholder", Misplaced, "at "+at(m)+" stands a placeholder of the gateway that was cut or changed; "+
				"give it back letter by letter as the result had it, brackets included, or leave it where it is and change only what is around it")
		}
		v, ok := r.Vault.Value(c.Agent, m.id)
		if !ok || v.Rule != m.rule {
			return nil, Refuse("placeholder", Misplaced, "the value behind the placeholder at "+at(m)+" is gone, or is of another session: the gateway keeps "+
				"what it takes out in memory, for hours, and the oldest goes first; read it again and use the placeholder that stands there then, or change only what is around it")
		}
		all = append(all, Restored{Where: m.where, Key: m.key, Kind: v.Kind, Rule: v.Rule, Server: v.Server, From: v.Call, span: m.span, whole: m.whole, value: v})
	}
	return all, nil
}

// known reports which IDs are an agent's; nil if none is.
func (r *Road) known(a *Agent) func(string) bool {
	if a == nil || !r.Vault.Holds(a) {
		return nil
	}
	return func(id string) bool { _, ok := r.Vault.Value(a, id); return ok }
}

func notHere() *Refusal {
	return Refuse("placeholder", Misplaced, "a placeholder of the gateway stands for a value that is put back in the arguments of a tool and nowhere else; leave it out here")
}

// answered refuses an agent's answer to an upstream that holds a placeholder.
func (r *Road) answered(c *Call) *Refusal {
	if !c.Kind.Reverse() || c.Kind == KindNotification {
		return nil
	}
	if len(readMarks(c.Result.Bytes(), r.known(c.Agent))) > 0 {
		return notHere()
	}
	return nil
}

// returnable refuses what is not put back where it would go: to another server than
// it came from, or to a tool that sends it out of the house. Policy can reveal it
// there.
func returnable(c *Call) *Refusal {
	for i := range c.Restored {
		v := &c.Restored[i]
		own := v.Server == c.Tool.Server && v.value.Origin == c.Tool.Upstream
		if own && !slices.Contains(c.Tool.Labels, LabelExternal) || covered(c.Decision.Reveal, v.Where) {
			continue
		}
		reason := "the value behind the placeholder at " + Place(c.Args.Raw(), v.Where, c.Tool.Definition)
		switch {
		case own:
			reason += " is not put back by " + c.Tool.Wire + ", which sends data out of the house; leave it out"
		case v.Server == c.Tool.Server:
			reason += " came from what " + v.Server + " was before its configuration changed; read it again"
		default:
			reason += " came from " + v.Server + " and is put back only towards it, not towards " + c.Tool.Server + "; leave it out"
		}
		refusal := Refuse("placeholder", Misplaced, reason)
		refusal.Remedy = "a policy can let it go there: `reveal contains PATH`"
		return refusal
	}
	return nil
}

// covered reports whether a place is one of these or inside one.
func covered(places []string, where string) bool {
	return slices.ContainsFunc(places, func(p string) bool {
		return strings.HasPrefix(where, p) && (len(where) == len(p) || where[len(p)] == '/')
	})
}

// restores are the edits that put values back.
func (c *Call) restores() []Edit {
	var edits []Edit
	for i := range c.Restored {
		v := &c.Restored[i]
		e := Edit{Where: v.Where, Key: v.Key, Span: v.span, With: v.value.Text}
		if v.whole && v.value.JSON && !v.Key {
			e.Span, e.JSON = [2]int{}, true
		}
		edits = append(edits, e)
	}
	return edits
}

// hideRestored takes what was put back out of why a call failed: whoever fails with
// an argument likes to quote it.
func (c *Call) hideRestored(refusal *Refusal) *Refusal {
	if len(c.Restored) == 0 {
		return refusal
	}
	var secrets []Secret
	for i := range c.Restored {
		text := c.Restored[i].Text()
		token := "[" + c.Restored[i].Rule + "]"
		for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text), strings.Trim(string(quote(text)), `"`)} {
			secrets = append(secrets, Secret{form, token})
		}
	}
	scrub := NewScrubber(secrets)
	hidden := *refusal
	hidden.Reasons = slices.Clone(refusal.Reasons)
	for i, s := range hidden.Reasons {
		hidden.Reasons[i] = scrub.Replace(s, len(s))
	}
	if hidden.cause != nil {
		said := hidden.cause.Error()
		if shown := scrub.Replace(said, len(said)); shown != said {
			hidden.cause = errors.New(shown)
		}
	}
	return &hidden
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(s, "\uFFFD")) // valid UTF-8: cannot fail
	return b
}

// placed is a mark in a JSON value.
type placed struct {
	mark
	where string
	key   bool
	whole bool // it is all of the text
}

// mayHold reports whether checked JSON may hold a placeholder, whole, as it stands
// or with any of its characters escaped.
func mayHold(raw json.RawMessage) bool {
	return bytes.Contains(raw, []byte(placeholderStart)) || escapesPlaceholder(raw)
}

// holdsText reports whether a text of checked JSON holds another.
func holdsText(raw json.RawMessage, what string) (found bool) {
	if !escapesPlaceholder(raw) {
		return bytes.Contains(raw, []byte(what))
	}
	eachText(raw, func(_ func() string, _ bool, text string) { found = found || strings.Contains(text, what) })
	return found
}

// escapesPlaceholder reports whether checked JSON writes as an escape what may stand
// in a placeholder: a letter, a digit, or one of its signs. What encoders escape
// beside what they must, for HTML, is none of them.
//
//	"[redact\u0065d pii.card"   yes    "a \u003c b \u0026 c"   no
func escapesPlaceholder(raw []byte) bool {
	const escape = `\u00`
	for {
		i := bytes.Index(raw, []byte(escape))
		if i < 0 {
			return false
		}
		s := scanner{b: raw, i: i + 2}
		if r, ok := s.hex4(); !ok || letterOrDigit(byte(r)) || strings.ContainsRune("[]. -", r) {
			return true
		}
		raw = raw[s.i:]
	}
}

// readMarks finds the marks in all texts of a JSON value, member names included.
// What was cut in two lies at the end of one text and the beginning of the next. With
// known nil only those are found that begin as a placeholder does.
func readMarks(raw json.RawMessage, known func(string) bool) (found []placed) {
	if known == nil && !mayHold(raw) {
		return nil
	}
	tail := ""
	eachText(raw, func(where func() string, key bool, text string) {
		for _, k := range marks(text, known) {
			found = append(found, placed{k, where(), key, k.span == [2]int{0, len(text)}})
		}
		if known == nil || key {
			return
		}
		const part = PlaceholderID - 1
		if tail != "" && text != "" {
			border := tail + text[:min(len(text), part)]
			eachID(border, func(at int, id string) {
				if at < len(tail) && at+PlaceholderID > len(tail) && known(id) {
					found = append(found, placed{where: where(), mark: mark{span: [2]int{0, at + PlaceholderID - len(tail)}}})
				}
			})
		}
		tail = text[max(0, len(text)-part):]
	})
	return found
}

// restoreFailed is a call whose arguments are no longer what was judged once values
// are put back.
func restoreFailed(err error) *Refusal {
	return Refuse("placeholder", Misplaced, "the values behind the placeholders cannot be put back there; leave them out").Because(fmt.Errorf("restore: %w", err))
}
