package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"toolward/gateway"
)

// entry is one definition of a server's lists, before pins are looked at.
type entry struct {
	tool     gateway.Tool
	template *template // for resource templates
	invalid  string    // why nobody can use it, "" if it is well formed
	suspect  string    // why guard objects to it, "" if it does not
	shadow   string    // why it does as things stand beside other servers', likewise; guarded by Catalog.mu
	repeated bool      // the server listed the name before
	unpinned bool      // resources come and go as data: they are not pinned
	listed   bool      // it stands in a list; false for what the server says beside ([server.saidEntry])

	against  string // fingerprint of the pin that it was compared with last; guarded by Catalog.mu, as is
	narrower bool   // what came out
}

// objection is why guard objects to a definition, "" if it does not. The caller holds
// Catalog.mu.
func (e *entry) objection() string {
	if e.suspect == "" || e.shadow == "" {
		return e.suspect + e.shadow
	}
	return e.suspect + "; " + e.shadow
}

func (e *entry) key() pinKey { return pinKey{e.tool.Server, e.tool.Kind, e.tool.Name, e.tool.Template} }

// listing describes one of the lists that a server has.
type listing struct {
	method string
	array  string // the member that holds the entries
	name   string // the member of an entry that names it
	kind   gateway.Kind
	event  string
}

// lists are all of them, in the order in which they are read.
var lists = []listing{
	{"tools/list", "tools", "name", gateway.KindTool, "notifications/tools/list_changed"},
	{"prompts/list", "prompts", "name", gateway.KindPrompt, "notifications/prompts/list_changed"},
	{"resources/list", "resources", "uri", gateway.KindResource, "notifications/resources/list_changed"},
	{templatesList, "resourceTemplates", "uriTemplate", gateway.KindResource, "notifications/resources/list_changed"},
}

const templatesList = "resources/templates/list"

// parsed keeps the entries of the last reading by their bytes, so that a list
// that is read again is not compiled again.
type parsed map[string]entry

func parsedKey(l listing, definition json.RawMessage) string {
	return l.method + " " + string(definition)
}

// entryOf returns the entry of a definition: a copy of what was parsed before
// if the bytes are the same.
// A name that it does not have is its place in the list, for people.
func (s *server) entryOf(l listing, definition json.RawMessage, at int, next parsed) *entry {
	key := parsedKey(l, definition)
	e, known := s.parsed[key]
	if !known {
		e = *s.newEntry(l, definition)
	}
	next[key] = e
	if e.tool.Name == "" {
		e.tool.Wire = fmt.Sprintf("%s %s[%d]", s.cfg.Name, l.array, at)
	}
	return &e
}

// newEntry reads one definition. What is wrong with it is kept as the reason
// of its quarantine: a bad entry must not take the rest of the list with it.
func (s *server) newEntry(l listing, definition json.RawMessage) *entry {
	e := &entry{listed: true}
	e.tool = gateway.Tool{Kind: l.kind, Server: s.cfg.Name, Labels: s.cfg.Labels, Scopes: s.cfg.Scopes, Definition: definition, Upstream: s, Template: l.method == templatesList, Forms: &gateway.Forms{}}
	e.unpinned = l.kind == gateway.KindResource && !e.tool.Template
	o, err := gateway.Split(definition)
	if err != nil {
		e.invalid = "its definition is not a JSON object"
		return e
	}
	name, ok, err := o.String(l.name)
	if err != nil || !ok || name == "" {
		e.invalid = fmt.Sprintf("its definition has no %q", l.name)
		return e
	}
	e.tool.Name = name
	if err := gateway.CheckJSON(definition); err != nil {
		e.invalid = "its definition is not what every reader can read: " + gateway.AsRefusal("catalog", err).Reasons[0]
	}
	if l.kind == gateway.KindResource {
		e.tool.Wire = gateway.WireURI(s.cfg.Name, name)
	} else {
		e.tool.Wire = WireName(s.cfg.Name, name)
	}
	if e.tool.Fingerprint, err = Fingerprint(definition); err != nil && e.invalid == "" {
		e.invalid = "its definition has no canonical form"
	}
	if len(name) > maxName {
		e.invalid = fmt.Sprintf("its name is longer than %d bytes", maxName)
	}
	if e.tool.Template {
		if e.template, err = compileTemplate(name); err != nil {
			e.invalid = "its URI template is not valid: " + err.Error()
		}
	}
	if e.invalid == "" {
		if err := s.offer(l, e); err != nil {
			e.invalid = err.Error()
		}
	}
	return e
}

// faultEntry is what stands for a tool that cannot be made.
func (s *server) faultEntry(f Fault) *entry {
	e := s.newEntry(lists[0], gateway.JoinMembers([]gateway.Member{{Name: "name", Value: quote(f.Name)}}))
	e.invalid = f.Reason
	return e
}

// saidEntry is something that a server says beside its definitions: of itself, or
// in the answer to a list. Agents meet it in no list. Its instructions, whose name
// is "", go into the model's system prompt and are pinned like a definition;
// the rest changes with every release of the server, and is inspected only.
func (s *server) saidEntry(name string, value json.RawMessage) *entry {
	e := &entry{unpinned: name != ""}
	member := cmp.Or(name, "instructions")
	definition := gateway.JoinMembers([]gateway.Member{{Name: member, Value: value}})
	e.tool = gateway.Tool{Kind: gateway.KindLifecycle, Server: s.cfg.Name, Name: name, Wire: s.cfg.Name + " " + member, Definition: definition, Labels: s.cfg.Labels}
	var err error
	if e.tool.Fingerprint, err = Fingerprint(definition); err != nil {
		e.invalid = "it has no canonical form"
	}
	return e
}

// What a server says of itself, as [gateway.Pin.Name] has it.
const (
	saidInfo         = "serverInfo"
	saidCapabilities = "capabilities"
)

// saidEntries are all of a reading, in an order that is always the same.
func (s *server) saidEntries(l *listed) (entries []*entry) {
	if l.about.Instructions != "" {
		entries = append(entries, s.saidEntry("", quote(l.about.Instructions)))
	}
	if l.about.Info != nil {
		entries = append(entries, s.saidEntry(saidInfo, l.about.Info))
	}
	if l.about.Capabilities != nil {
		entries = append(entries, s.saidEntry(saidCapabilities, l.about.Capabilities))
	}
	for _, spec := range lists {
		if members := l.members[spec.method]; len(members) > 0 {
			entries = append(entries, s.saidEntry(spec.method, gateway.JoinMembers(members)))
		}
	}
	return entries
}

// withhold takes out of the view what the server said and agents must not get.
func (sv *serverView) withhold(name string) {
	switch name {
	case "":
		sv.about.Instructions = ""
	case saidInfo:
		sv.about.Info = nil
	case saidCapabilities:
		sv.about.Capabilities = nil
	default:
		sv.members = maps.Clone(sv.members)
		delete(sv.members, name)
	}
}

// markRepeated quarantines every entry of a name that stands twice, and every
// two names that share a wire name: which one is meant would be a guess.
func markRepeated(entries []*entry) {
	byWire := map[string][]*entry{}
	for _, e := range entries {
		if e.tool.Name == "" {
			continue
		}
		key := string(e.tool.Kind) + " " + e.tool.Wire
		if e.tool.Template {
			key = "template " + e.tool.Wire
		}
		byWire[key] = append(byWire[key], e)
	}
	for _, same := range byWire {
		for i, e := range same {
			if len(same) > 1 && e.invalid == "" {
				e.invalid = "its server lists more than one entry of this name"
			}
			e.repeated = i > 0
		}
	}
}

// inspect asks guard about new definitions. Verdicts are kept by fingerprint,
// so that a list that is read again is not judged again.
func (s *server) inspect(ctx context.Context, entries []*entry) {
	if s.cat.opts.Inspect == nil {
		return
	}
	if now := s.cat.inspection.Load(); s.judged != now {
		s.verdicts, s.judged = nil, now
	}
	verdicts := make(map[string]string, len(entries))
	for _, e := range entries {
		if e.invalid != "" {
			continue
		}
		key := string(e.tool.Kind) + " " + e.tool.Name + " " + e.tool.Fingerprint
		reason, known := s.verdicts[key]
		if !known && ctx.Err() != nil {
			reason = "guard had no time to inspect its definition"
		} else if !known {
			var err error
			if reason, err = s.cat.opts.Inspect(ctx, &e.tool); err != nil {
				s.log.Error("definition could not be inspected", "tool", e.tool.Wire, "err", err)
				reason = "guard could not inspect its definition"
			}
		}
		e.suspect = reason
		verdicts[key] = reason
	}
	s.verdicts = verdicts
}

// judge makes the immutable Tool of an entry, as pins stand now. The caller
// holds c.mu.
func (c *Catalog) judge(e *entry) *gateway.Tool {
	t := e.tool
	pin, ok := c.pins.byKey[e.key()]
	switch {
	case e.invalid != "":
		t.Quarantined = e.invalid
	case ok && pin.Fingerprint == t.Fingerprint && !pin.By.None():
		t.Pinned = true
	case ok && pin.Fingerprint != t.Fingerprint && !c.narrows(pin, e):
		t.Quarantined = changedReason(pin, t.Definition)
	case e.objection() != "":
		t.Quarantined = e.objection()
	case ok && pin.Fingerprint != t.Fingerprint:
		t.Narrower = true
	case !ok && !e.unpinned && c.opts.Strict:
		t.Quarantined = "nobody has accepted it yet"
	case !ok && !e.unpinned && c.pins.first[t.Server] >= maxPinned:
		t.Quarantined = beyondPins
	case !ok && !e.unpinned:
		t.Quarantined = "its definition could not be pinned" // pinNew stores one for each other good entry
	}
	return &t
}

// narrows reports whether an entry is no more than what was accepted. They are compared
// once. The caller holds c.mu.
func (c *Catalog) narrows(pin gateway.Pin, e *entry) bool {
	if c.opts.Narrows == nil || e.tool.Kind != gateway.KindTool {
		return false
	}
	if e.against != pin.Fingerprint {
		e.against, e.narrower = pin.Fingerprint, c.opts.Narrows(pin.Definition, e.tool.Definition)
	}
	return e.narrower
}

// maxPinned is how many definitions of a server are accepted because they are new,
// in all: a server that lists other names each time must fill neither the record nor
// memory. What is beyond waits for a person. It is what one list may hold.
const maxPinned = maxEntries

// beyondPins is why what is beyond is not accepted.
var beyondPins = fmt.Sprintf("nobody has accepted it: %d definitions of this upstream were accepted because they were new, which is as many as may be", maxPinned)

// pinNew pins what is seen for the first time: also what guard objects to for the sake of
// others, which would else depend on who was there first. The caller holds c.mu.
func (c *Catalog) pinNew(ctx context.Context, server string, entries []*entry) {
	if c.opts.Strict {
		return
	}
	var pins []gateway.Pin
	for _, e := range entries {
		if _, ok := c.pins.byKey[e.key()]; !ok && e.invalid == "" && e.suspect == "" && !e.unpinned {
			pins = append(pins, e.pin())
		}
	}
	if len(pins) == 0 {
		return
	}
	if most := max(0, maxPinned-c.pins.first[server]); len(pins) > most {
		pins = pins[:most]
	}
	if err := c.pins.put(ctx, pins); err != nil {
		c.log.Error("definitions could not be pinned; they are quarantined", "server", server, "err", err)
	}
}

// quote is text as a JSON string.
func quote(s string) json.RawMessage {
	raw, _ := json.Marshal(strings.ToValidUTF8(s, "\ufffd")) // strings always encode
	return raw
}
