package server

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"toolward/gateway"
	"toolward/mcp"
)

func itoa(n int) string { return strconv.Itoa(n) }

// addMissing puts members that an object lacks at its beginning; the rest
// stays byte for byte.
func addMissing(object json.RawMessage, members []gateway.Member) json.RawMessage {
	o, err := gateway.Split(object)
	if err != nil {
		return object // an upstream's result that is no object passes as it is
	}
	missing := slices.DeleteFunc(members, func(m gateway.Member) bool {
		_, has := o.Get(m.Name)
		return has
	})
	if len(missing) == 0 {
		return object
	}
	head := gateway.JoinMembers(missing)
	rest := bytes.TrimSpace(object)[1:]
	if len(o.Members()) == 0 {
		return head
	}
	out := make([]byte, 0, len(head)+len(rest))
	out = append(out, head[:len(head)-1]...)
	out = append(out, ',')
	return append(out, rest...)
}

// replaceMember is the object with another value for a member that it has.
func replaceMember(object json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	o, err := gateway.Split(object)
	if err != nil {
		return object
	}
	members := slices.Clone(o.Members())
	for i := range members {
		if members[i].Name == name {
			members[i].Value = value
		}
	}
	return gateway.JoinMembers(members)
}

// W3C Trace Context §3.2.2, version 00; later versions may be longer.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)

const (
	maxTrace   = 512  // bytes of tracestate that W3C wants passed on
	maxBaggage = 8192 // bytes, W3C Baggage §3.3.2
)

// cleanMeta takes out of an agent's _meta what it may not say: members of ours,
// and trace context that is not valid. It returns the bytes as they came if
// there is nothing to take out.
func cleanMeta(meta gateway.Object) json.RawMessage {
	drop := func(m gateway.Member) bool {
		switch {
		case strings.HasPrefix(m.Name, mcp.MetaOwnPrefix):
			return true
		case m.Name == "traceparent":
			return len(m.Value) > maxTrace || !traceparent.MatchString(mcp.Unquote(m.Value))
		case m.Name == "tracestate":
			return len(m.Value) > maxTrace || m.Value[0] != '"'
		case m.Name == "baggage":
			return len(m.Value) > maxBaggage || m.Value[0] != '"'
		}
		return false
	}
	if !slices.ContainsFunc(meta.Members(), drop) {
		return meta.Raw()
	}
	return gateway.JoinMembers(slices.DeleteFunc(slices.Clone(meta.Members()), drop))
}

// mapResult gives the URIs in an upstream's result the form they have on /mcp.
// On /mcp/{server} the result stays as it is.
func (x *exchange) mapResult(c *gateway.Call, of *gateway.Result) json.RawMessage {
	result := of.Raw
	if x.server != "" || c.Tool == nil {
		return result
	}
	if meta, _ := of.Member("_meta"); !gateway.MayName(result, "uri") && !mayNameView(meta) {
		return result
	}
	o, err := gateway.Split(result)
	if err != nil {
		return result
	}
	edits := viewURIs(o, c.Tool.Server)
	at := func(place string, holder gateway.Object) {
		if uri, ok, err := holder.String("uri"); ok && err == nil {
			edits = append(edits, gateway.Edit{Where: place + "/uri", With: gateway.WireURI(c.Tool.Server, uri)})
		}
	}
	switch c.Kind {
	case gateway.KindTool, gateway.KindTask:
		each(o, "content", "", func(place string, block gateway.Object) { contentURI(place, block, at) })
	case gateway.KindPrompt:
		each(o, "messages", "", func(place string, message gateway.Object) {
			if block, err := message.Object("content"); err == nil {
				contentURI(place+"/content", block, at)
			}
		})
	case gateway.KindResource:
		each(o, "contents", "", at)
	}
	return edit(result, edits...)
}

// views are the places in a definition and in a result that name the view which
// shows a tool's results: MCP Apps 2026-01-26, its older spelling, and that of
// the OpenAI Apps SDK.
var views = []struct {
	within string // an object in _meta, "" for _meta itself
	name   string
	place  string // RFC 6901
}{
	{"ui", "resourceUri", "/_meta/ui/resourceUri"},
	{"", "ui/resourceUri", "/_meta/ui~1resourceUri"},
	{"", "openai/outputTemplate", "/_meta/openai~1outputTemplate"},
}

// mayNameView is cheap, and wrong only in saying yes.
func mayNameView(raw json.RawMessage) bool {
	return gateway.MayName(raw, "resourceUri") || gateway.MayName(raw, "outputTemplate")
}

// viewURIs gives the URIs at these places the form that they have on /mcp.
func viewURIs(o gateway.Object, server string) (edits []gateway.Edit) {
	meta, err := o.Object("_meta")
	if err != nil {
		return nil
	}
	for _, v := range views {
		holder := meta
		if v.within != "" {
			if holder, err = meta.Object(v.within); err != nil {
				continue
			}
		}
		if uri, ok, err := holder.String(v.name); ok && err == nil {
			edits = append(edits, gateway.Edit{Where: v.place, With: gateway.WireURI(server, uri)})
		}
	}
	return edits
}

// edit replaces values that the caller has just read from the same JSON; the
// rest stays byte for byte.
func edit(raw json.RawMessage, edits ...gateway.Edit) json.RawMessage {
	edited, err := gateway.Redact(raw, edits)
	if err != nil {
		panic("mcp/server: a value is not where it was read: " + err.Error())
	}
	return edited
}

// contentURI visits the URI of a resource link or an embedded resource.
func contentURI(place string, block gateway.Object, at func(string, gateway.Object)) {
	switch kind, _, _ := block.String("type"); kind {
	case "resource_link":
		at(place, block)
	case "resource":
		if r, err := block.Object("resource"); err == nil {
			at(place+"/resource", r)
		}
	}
}

// each visits the objects in an array member.
func each(o gateway.Object, name, place string, visit func(place string, item gateway.Object)) {
	raw, ok := o.Get(name)
	if !ok {
		return
	}
	items, _ := gateway.Elements(raw)
	for i, item := range items {
		if sub, err := gateway.Split(item); err == nil {
			visit(place+"/"+name+"/"+itoa(i), sub)
		}
	}
}
