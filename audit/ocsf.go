package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"toolward/gateway"
)

// The export in the Open Cybersecurity Schema Framework 1.5.0 (schema.ocsf.io) with
// its profile security_control:
//
//	a call                            API Activity          6003
//	a call of who did not get in      Authentication        3002
//	each finding of guard, after it   Detection Finding     2004
//	a policy, pin, block, consent …   Entity Management     3004
//	a start or stop of the gateway    Application Lifecycle 6002
//	any other event                   Base Event            0
//
// Attributes that have no value are left out. What has no attribute there is in
// unmapped, named as in calls and events.

// attrs is an object of OCSF.
type attrs map[string]any

// put sets what has a value.
func (a attrs) put(name string, v any) attrs {
	switch v := v.(type) {
	case nil:
		return a
	case string:
		if v == "" {
			return a
		}
	case Raw:
		if v == "" {
			return a
		}
	case float64:
		if v == 0 {
			return a
		}
	case attrs:
		if len(v) == 0 {
			return a
		}
	}
	a[name] = v
	return a
}

// class is a class of events.
type class struct {
	uid, category     int
	name, in          string
	activities        map[int]string
	activity          int
	otherActivityName string
}

var (
	ocsfOther     = 99
	apiActivities = map[int]string{1: "Create", 2: "Read", 3: "Update", 4: "Delete", 99: "Other"}
	severities    = map[int]string{1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
	statuses      = map[int]string{0: "Unknown", 1: "Success", 2: "Failure"}
	actions       = map[int]string{1: "Allowed", 2: "Denied", 3: "Observed", 4: "Modified"}
	dispositions  = map[int]string{1: "Allowed", 2: "Blocked", 3: "Quarantined", 8: "Approved", 11: "Corrected", 17: "Logged", 25: "Rejected", 26: "Unauthorized", 27: "Error"}
)

func apiActivity(activity int, method string) class {
	return class{6003, 6, "API Activity", "Application Activity", apiActivities, activity, method}
}

func authentication(activity int) class {
	return class{3002, 3, "Authentication", "Identity & Access Management", map[int]string{1: "Logon", 2: "Logoff", 99: "Other"}, activity, ""}
}

func detection(activity int) class {
	return class{2004, 2, "Detection Finding", "Findings", map[int]string{1: "Create"}, activity, ""}
}

// event begins an event of a class.
func (c class) event(timeUnixMs int64, severity int, metadata attrs) attrs {
	name := c.activities[c.activity]
	shown := name
	if c.activity == ocsfOther && c.otherActivityName != "" {
		shown = c.otherActivityName
	}
	return attrs{
		"class_uid": c.uid, "class_name": c.name, "category_uid": c.category, "category_name": c.in,
		"activity_id": c.activity, "activity_name": shown, "type_uid": c.uid*100 + c.activity, "type_name": c.name + ": " + name,
		"time": timeUnixMs, "severity_id": severity, "severity": severities[severity], "metadata": metadata,
	}
}

// verdict sets status, action and disposition with their captions.
func (a attrs) verdict(status, action, disposition int) {
	a["status_id"], a["status"] = status, statuses[status]
	a["action_id"], a["action"] = action, actions[action]
	a["disposition_id"], a["disposition"] = disposition, dispositions[disposition]
}

func ocsfMetadata(uid string, seq int64) attrs {
	return attrs{
		"version": "1.5.0", "uid": uid, "sequence": seq, "profiles": []string{"security_control"},
		"product": attrs{"name": "toolward", "vendor_name": "toolward"},
	}
}

// line writes an event; the cursor is in unmapped.
func (a attrs) line() line {
	return func(w *bufio.Writer, cursor string) error {
		if cursor != "" {
			unmapped, _ := a["unmapped"].(attrs)
			if unmapped == nil {
				unmapped = attrs{}
			}
			a["unmapped"] = unmapped.put("cursor", cursor)
		}
		text, err := json.Marshal(a)
		if err != nil {
			return err
		}
		w.Write(text)
		return w.WriteByte('\n')
	}
}

// broken is a line that cannot be written.
func broken(err error) line { return func(*bufio.Writer, string) error { return err } }

// ocsfOfCall are the events of a call: what it was, and what guard saw in it.
func ocsfOfCall(c *Call) []line {
	findings, err := c.findings()
	if err != nil {
		return []line{broken(fmt.Errorf("call %s: %w", c.ID, err))}
	}
	event := ocsfCall(c)
	if c.Code == string(gateway.Unauthenticated) {
		event = ocsfLogon(c)
	}
	lines := []line{event.line()}
	for i := range findings {
		lines = append(lines, ocsfFinding(c, &findings[i], i).line())
	}
	return lines
}

func ocsfCall(c *Call) attrs {
	e := apiActivity(activityOf(c), c.Method).event(c.TimeUnixMs, severityOf(c), ocsfMetadata(c.ID, c.Seq).put("event_code", c.Code))
	e.verdict(ocsfVerdict(c))
	e["duration"] = int64(c.Ms)
	e["actor"] = attrs{"user": ocsfUser(c)}.put("session", ocsfSession(c))
	e["api"] = ocsfAPI(c)
	e["src_endpoint"] = ocsfPeer(c)
	e["unmapped"] = attrs{"outcome": c.Outcome, "surface": c.Surface}.put("protocol", c.Protocol).put("kind", c.Kind).put("effect", c.Effect).put("rules", c.Rules).
		put("score", c.Score).put("labels", c.Labels).put("session_labels", c.SessionLabels).put("upstream_ms", c.UpstreamMs).put("approval", c.Approval).
		put("decided_by", c.DecidedBy).put("shown", c.Shown).put("trace_id", c.TraceID)
	if c.Surface != "" && c.Surface != string(gateway.SurfaceStdio) {
		e["http_request"] = attrs{"uid": c.ID}
	}
	if c.Tool != "" {
		e["resources"] = []attrs{ocsfTool(c)}
	}
	if c.Revision != "" {
		e["policy"] = attrs{"name": "toolward", "uid": c.Revision}
	}
	if ip, err := netip.ParseAddr(c.Peer); err == nil {
		e["observables"] = []attrs{{"name": "src_endpoint.ip", "type_id": 2, "type": "IP Address", "value": ip.String()}}
	}
	return e.put("status_code", c.Code).put("status_detail", textOf(c.Reasons))
}

// ocsfLogon is a call of somebody who did not get in.
func ocsfLogon(c *Call) attrs {
	e := authentication(1).event(c.TimeUnixMs, 3, ocsfMetadata(c.ID, c.Seq).put("event_code", c.Code))
	e.verdict(2, 2, 26)
	e["user"] = ocsfUser(c)
	e["service"] = attrs{"name": "toolward"}
	e["src_endpoint"] = ocsfPeer(c)
	e["auth_protocol_id"], e["auth_protocol"] = 6, "OAUTH 2.0"
	e["unmapped"] = attrs{"surface": c.Surface}.put("tool", c.Tool)
	return e.put("status_code", c.Code).put("status_detail", textOf(c.Reasons))
}

// ocsfFinding is what guard saw in a call.
func ocsfFinding(c *Call, f *gateway.Finding, n int) attrs {
	severity := map[gateway.Severity]int{gateway.SeverityLow: 2, gateway.SeverityMedium: 3, gateway.SeverityHigh: 4}[f.Severity]
	e := detection(1).event(c.TimeUnixMs, max(severity, 1), ocsfMetadata(fmt.Sprintf("%s.%d", c.ID, n), c.Seq).put("correlation_uid", c.ID))
	action, disposition := 3, 17
	switch f.Action {
	case gateway.ActionBlock:
		action, disposition = 2, 2
	case gateway.ActionQuarantine:
		action, disposition = 2, 3
	case gateway.ActionRedact, gateway.ActionTokenize:
		action, disposition = 4, 11
		if c.Step == "guard" && (c.Code == string(gateway.GuardBlocked) || c.Code == string(gateway.Withheld)) {
			action, disposition = 2, 2 // nothing went on: of what an agent sends nothing is taken out
		}
	}
	e.verdict(1, action, disposition)
	e["status_id"], e["status"] = 1, "New"
	place := "arguments"
	if f.Stage == gateway.StageResult {
		place = "result"
	}
	e["finding_info"] = attrs{
		"uid": fmt.Sprintf("%s.%d", c.ID, n), "title": fmt.Sprintf("%s in the %s of %s", f.Kind, place, operationOf(c)), "types": []string{string(f.Kind)},
		"analytic": attrs{"name": f.Rule, "uid": f.Rule, "type_id": 1, "type": "Rule"}, "created_time": c.TimeUnixMs,
	}
	e["evidences"] = []attrs{{"actor": attrs{"user": ocsfUser(c)}.put("session", ocsfSession(c)), "api": ocsfAPI(c), "src_endpoint": ocsfPeer(c)}}
	if c.Tool != "" {
		e["resources"] = []attrs{ocsfTool(c)}
	}
	e["unmapped"] = attrs{"where": f.Where}.put("via", f.Via).put("from", f.From).put("print", f.Print)
	return e
}

func ocsfUser(c *Call) attrs {
	if c.Agent == "" {
		return attrs{"name": "unknown", "type_id": 0, "type": "Unknown"}
	}
	return attrs{"uid": c.Agent, "name": c.Agent, "type_id": ocsfOther, "type": "AI agent"}.put("domain", c.Issuer).put("credential_uid", c.TokenID)
}

func ocsfSession(c *Call) attrs {
	if c.Session == "" {
		return nil
	}
	return attrs{"uid": c.Session}.put("uid_alt", c.SessionName).put("issuer", c.Issuer)
}

// operationOf is what was called: every request has a name for it.
func operationOf(c *Call) string {
	for _, name := range []string{c.Tool, c.Method, c.Kind} {
		if name != "" {
			return name
		}
	}
	return "unknown"
}

func ocsfAPI(c *Call) attrs {
	service := attrs{"name": "toolward"} // a request that never found its upstream
	if c.Server != "" {
		service = attrs{"name": c.Server}
	}
	response := attrs{}.put("error", c.Code).put("message", c.Outcome).put("data", c.Result)
	return attrs{"operation": operationOf(c), "service": service, "request": attrs{"uid": c.ID}.put("data", c.Args), "response": response}.put("version", c.Protocol)
}

func ocsfTool(c *Call) attrs {
	tool := attrs{"name": c.Tool}.put("type", c.Kind).put("uid", c.Fingerprint)
	var labels []string
	if c.ToolLabels != "" && json.Unmarshal([]byte(c.ToolLabels), &labels) == nil {
		tool["labels"] = labels
	}
	return tool.put("group", attrs{}.put("name", c.Server))
}

// ocsfPeer is where a request came from: an address, or the way in of who sits on the
// same machine.
func ocsfPeer(c *Call) attrs {
	if ip, err := netip.ParseAddr(c.Peer); err == nil {
		return attrs{"ip": ip.String()}
	}
	for _, name := range []string{c.Peer, c.Surface} {
		if name != "" {
			return attrs{"name": name}
		}
	}
	return attrs{"name": "unknown"}
}

// activityOf says what a call did, as far as its server says so (MCP, ToolAnnotations).
func activityOf(c *Call) int {
	if c.Kind != "" && c.Kind != string(gateway.KindTool) {
		if c.Kind == string(gateway.KindResource) || c.Kind == string(gateway.KindPrompt) || c.Kind == string(gateway.KindCompletion) || c.Kind == string(gateway.KindList) {
			return 2
		}
		return ocsfOther
	}
	var hints struct{ ReadOnlyHint, DestructiveHint *bool }
	if c.Annotations == "" || json.Unmarshal([]byte(c.Annotations), &hints) != nil {
		return ocsfOther
	}
	switch {
	case hints.ReadOnlyHint != nil && *hints.ReadOnlyHint:
		return 2
	case hints.DestructiveHint != nil && *hints.DestructiveHint:
		return 3
	case hints.DestructiveHint != nil: // only additive updates
		return 1
	}
	return ocsfOther
}

func severityOf(c *Call) int {
	switch c.Outcome {
	case "refused", "withheld":
		return 3
	case "ok", "running":
		return 1
	}
	return 2
}

// refusedAs is the disposition of what was refused, by its code.
var refusedAs = func() map[gateway.Code]int {
	all := map[gateway.Code]int{}
	for _, code := range gateway.Codes {
		all[code] = 2
	}
	for code, disposition := range map[gateway.Code]int{
		gateway.RateLimited: 25, gateway.Overloaded: 25, gateway.Malformed: 25, gateway.TooLarge: 25, gateway.InvalidArguments: 25, gateway.UnknownTool: 25,
		gateway.InsufficientScope: 26, gateway.Forbidden: 26, gateway.Quarantined: 3, gateway.Internal: 27, gateway.Unrecorded: 27,
	} {
		all[code] = disposition
	}
	return all
}()

// ocsfVerdict is status, action and disposition of a call. Withheld is a result that
// was not shown; the call was made.
func ocsfVerdict(c *Call) (status, action, disposition int) {
	switch {
	case c.Outcome == "refused":
		return 2, 2, refusedAs[gateway.Code(c.Code)]
	case c.Outcome == "withheld":
		return 2, 2, 2
	case c.Outcome == "running", c.Outcome == "interrupted":
		return 0, 1, 1
	case c.Outcome != "ok":
		return 2, 1, 27
	case c.Redacted != 0:
		return 1, 4, 11
	case c.DecidedBy != "":
		return 1, 1, 8
	}
	return 1, 1, 1
}

// textOf is a JSON array of texts in one.
func textOf(reasons Raw) string {
	var all []string
	if err := json.Unmarshal([]byte(reasons), &all); err != nil {
		return string(reasons)
	}
	return strings.Join(all, "; ")
}
