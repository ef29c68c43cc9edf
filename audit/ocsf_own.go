package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"toolward/gateway"
)

// entity is what an event of the gateway's own did to something.
type entity struct {
	activity int    // of Entity Management
	kind     string // what it is
	name     string // member of the body that names it, "" for the kind
	uid      string // member of the body that identifies it
}

var entityActivities = map[int]string{1: "Create", 3: "Update", 4: "Delete", 8: "Enable", 9: "Disable", 10: "Activate", 11: "Deactivate", 99: "Other"}

// entities are the events that change what decides about calls, or what is on record.
var entities = map[string]entity{
	TypePolicy: {10, "Policy", "", "revision"}, TypeReloadFailed: {3, "Policy", "", ""},
	TypeConfig: {10, "Configuration", "", "config_digest"}, TypeConfigFailed: {3, "Configuration", "", ""},
	"pin.accepted": {3, "tool definition", "name", "fingerprint"}, TypeQuarantined: {9, "tool definition", "tool", "fingerprint"}, TypeNarrower: {3, "tool definition", "tool", "fingerprint"}, TypeQuarantinedMore: {9, "tool definition", "server", ""},
	"block.added": {9, "block", "name", "id"}, "block.lifted": {8, "block", "", "id"},
	"approval.asked": {1, "approval", "tool", "id"}, "approval.approved": {8, "approval", "", "id"}, "approval.denied": {9, "approval", "", "id"},
	"approval.revoked": {11, "approval", "", "id"}, "approval.used": {99, "approval", "", "id"}, "approval.expired": {11, "approval", "", "id"},
	"session.cleared": {3, "session", "", "session"}, "token.minted": {1, "token", "subject", "jti"},
	"grant.given": {1, "grant", "name", "id"}, "grant.refreshed": {3, "grant", "", "id"}, "grant.revoked": {4, "grant", "", "id"},
	"token.created": {1, "token", "name", "digest"}, "token.revoked": {4, "token", "name", "digest"}, "token.used": {99, "token", "name", "digest"},
	"guard.excepted": {1, "guard exception", "rule", "id"}, "guard.exception_removed": {4, "guard exception", "rule", "id"},
	TypeKeys: {3, "key", "new", ""}, TypePrune: {4, "record", "", ""}, TypeErase: {4, "record", "", ""}, TypeExpire: {4, "record", "", ""}, TypeSegment: {3, "record", "", ""},
}

// ocsfOfEvent is an event of the gateway's own.
func ocsfOfEvent(e *Event) line {
	body := map[string]any{}
	var err error
	if e.Body != "" {
		err = json.Unmarshal([]byte(e.Body), &body)
	}
	if err != nil {
		return broken(fmt.Errorf("event %d: %w", e.Seq, err))
	}
	text := func(name string) string { s, _ := body[name].(string); return s }
	metadata := ocsfMetadata(fmt.Sprintf("event-%d", e.Seq), e.Seq).put("event_code", e.Type)
	var out attrs
	switch what, isEntity := entities[e.Type]; {
	case isEntity:
		out = class{3004, 3, "Entity Management", "Identity & Access Management", entityActivities, what.activity, e.Type}.event(e.TimeUnixMs, 1, metadata)
		thing := attrs{"name": what.kind, "type": what.kind, "type_id": ocsfOther}.put("uid", text(what.uid)).put("name", text(what.name))
		if what.kind == "Policy" {
			thing["type_id"] = 5
		}
		out["entity"] = thing
		out.put("actor", ocsfDecider(body["by"]))
		out.verdict(1, 1, 1)
		if e.Type == TypeReloadFailed || e.Type == TypeConfigFailed {
			out.verdict(2, 2, 27)
		}
		out.put("comment", text("note")).put("comment", text("why")).put("comment", text("reason"))
	case e.Type == "auth.failures" || e.Type == "auth.success_after_failures":
		out = authentication(1).event(e.TimeUnixMs, 3, metadata)
		out["user"] = attrs{"name": "unknown", "type_id": 0, "type": "Unknown"}
		out.verdict(2, 2, 26)
		if agent := text("agent"); agent != "" {
			out["user"] = attrs{"uid": agent, "name": agent, "type_id": ocsfOther, "type": "AI agent"}.put("domain", text("issuer"))
			out.verdict(1, 1, 1)
		}
		out["service"] = attrs{"name": "toolward"}
		out["src_endpoint"] = ocsfPeer(&Call{Peer: text("peer")})
		if n, ok := body["n"].(float64); ok {
			out["count"] = int64(n)
		}
	case e.Type == "upstream.login" || e.Type == "upstream.login_lost":
		activity := 1
		if e.Type == "upstream.login_lost" {
			activity = 2
		}
		out = authentication(activity).event(e.TimeUnixMs, 1, metadata)
		out["user"] = attrs{"name": "toolward", "type_id": 3, "type": "System"}
		out["service"] = attrs{"name": "upstream"}.put("name", text("server"))
		out.put("actor", ocsfDecider(body["by"]))
		out.verdict(1, 1, 1)
	case e.Type == TypeStart || e.Type == TypeClose || e.Type == TypeHangup:
		activity := map[string]int{TypeStart: 3, TypeClose: 4, TypeHangup: 8}[e.Type]
		out = class{6002, 6, "Application Lifecycle", "Application Activity", map[int]string{3: "Start", 4: "Stop", 8: "Update"}, activity, ""}.event(e.TimeUnixMs, 1, metadata)
		out["app"] = attrs{"name": "toolward", "vendor_name": "toolward"}.put("version", text("version"))
		out.verdict(1, 1, 1)
	default:
		out = class{0, 0, "Base Event", "Uncategorized", map[int]string{99: "Other"}, ocsfOther, e.Type}.event(e.TimeUnixMs, 1, metadata)
		out.verdict(1, 3, 17)
	}
	out["unmapped"] = attrs{"type": e.Type, "time": time.UnixMilli(e.TimeUnixMs).UTC().Format(time.RFC3339Nano), "body": e.Body}
	return out.line()
}

// ocsfDecider is the person who decided: an operator, or a text of who it was.
func ocsfDecider(by any) attrs {
	switch by := by.(type) {
	case string:
		if by != "" {
			return attrs{"user": attrs{"name": by, "type_id": 1, "type": "User"}}
		}
	case map[string]any:
		var who gateway.Operator
		who.Issuer, _ = by["issuer"].(string)
		who.Subject, _ = by["subject"].(string)
		if who.Subject != "" {
			return attrs{"user": attrs{"name": who.Subject, "uid": who.Subject, "type_id": 1, "type": "User"}.put("domain", who.Issuer)}
		}
	}
	return nil
}
