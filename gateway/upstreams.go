package gateway

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// Pin is a definition that was accepted: the catalog compares what an upstream
// lists with it, and quarantines what differs.
type Pin struct {
	Server      string          `json:"server"`
	Kind        Kind            `json:"kind"`           // KindTool, KindPrompt, KindResource (templates), KindLifecycle (what the server says beside)
	Name        string          `json:"name"`           // the upstream's own name; "" for the instructions, "serverInfo", a list's method for what it says beside
	Fingerprint string          `json:"fingerprint"`    // see [Tool.Fingerprint]
	By          Operator        `json:"by,omitzero"`    // who accepted it, as verified; zero if it was pinned on first use
	Note        string          `json:"note,omitempty"` // what they said about it
	Time        time.Time       `json:"time"`           // when
	Definition  json.RawMessage `json:"definition"`     // as the upstream wrote it, for the diff
	Was         json.RawMessage `json:"was,omitempty"`  // in the record: the definition that was accepted before, nil if there was none
}

// Template reports whether a pin is for a resource template: a server may list a
// resource and a template of one URI, and those are two things.
func (p *Pin) Template() bool {
	if p.Kind != KindResource {
		return false
	}
	o, err := Split(p.Definition)
	if err != nil {
		return false
	}
	_, ok := o.Get("uriTemplate") // required of a template (MCP 2025-11-25 schema, ResourceTemplate)
	return ok
}

// Change is a definition that differs from its pin, or has none.
type Change struct {
	Server      string          `json:"server,omitempty"`
	Kind        Kind            `json:"kind,omitempty"`
	Name        string          `json:"name,omitempty"`        // the upstream's own name; "" for its instructions
	Wire        string          `json:"wire,omitempty"`        // the name on /mcp
	Pinned      json.RawMessage `json:"pinned,omitempty"`      // the accepted definition, nil if there is none
	Current     json.RawMessage `json:"current,omitempty"`     // what the upstream offers now
	Fingerprint string          `json:"fingerprint,omitempty"` // of Current: accepting it accepts exactly that
	Findings    string          `json:"findings,omitempty"`    // what guard objects to in Current, whatever else is the matter; "" if nothing
	Members     []string        `json:"members,omitempty"`     // which members differ, sorted; nil if there is no pin
	Quarantined string          `json:"quarantined,omitempty"` // why it may not be used; "" if it may
	Narrower    bool            `json:"narrower,omitempty"`    // Current is no more than Pinned, and is in use without having been accepted
}

// Errors about definitions, which rooms and commands tell apart.
var (
	ErrNoDefinition = errors.New("nothing of that name is offered now")
	ErrUnseen       = errors.New("the definition changed since it was shown")
	ErrUnfit        = errors.New("the definition cannot be accepted")
)

// About is what an upstream said of itself when it was connected.
type About struct {
	Server       string          // name in toolward.yaml
	Up           bool            // it is connected, and what it lists is in the catalog
	Reason       string          // why it is not up, for people; "" if it is
	Revision     string          // MCP revision spoken with it, "" if it does not speak MCP
	Info         json.RawMessage // serverInfo, nil if it sent none, or if it is quarantined
	Capabilities json.RawMessage // likewise
	Instructions string          // "" if it sent none, or if they are quarantined
	Connects     int64           // how often it was connected since the gateway started
	Breaker      bool            // calls of some agent are refused, since too many of them failed
}

// Event is something an upstream sent that no call caused.
type Event struct {
	Server    string          // name in toolward.yaml
	Session   string          // the agent session that the connection belongs to, "" if it is none's
	Principal string          // … or the principal whose calls have no session; "" for both is a shared connection
	Method    string          // "notifications/tools/list_changed"
	Params    json.RawMessage // as the upstream wrote them, nil if absent
}

// uriPrefix begins the URIs on /mcp, appPrefix those of the views of MCP Apps:
// hosts render a resource only if its scheme is ui (MCP Apps 2026-01-26).
const (
	uriPrefix = "toolward://"
	appPrefix = "ui://"
)

// WireURI is the URI of an upstream's resource, or of a template, on /mcp.
// Server names hold no slash, so the mapping is one to one:
//
//	crm, file:///a         toolward://crm/file:///a
//	crm, ui://map/v1.html  ui://crm/map/v1.html
func WireURI(server, uri string) string {
	if rest, ok := strings.CutPrefix(uri, appPrefix); ok {
		return appPrefix + server + "/" + rest
	}
	return uriPrefix + server + "/" + uri
}

// SplitURI undoes [WireURI]; ok is false for any other URI.
func SplitURI(wire string) (server, uri string, ok bool) {
	if rest, ok := strings.CutPrefix(wire, uriPrefix); ok {
		return strings.Cut(rest, "/")
	}
	rest, ok := strings.CutPrefix(wire, appPrefix)
	if !ok {
		return "", "", false
	}
	server, rest, ok = strings.Cut(rest, "/")
	return server, appPrefix + rest, ok
}
