package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"toolward/gateway"
)

// framework is testdata/ocsf.json: what OCSF asks of the classes and objects that
// exports use.
type framework struct {
	Attributes map[string]string            `json:"attributes"` // of every class
	Enums      map[string]map[string]string `json:"enums"`
	Classes    map[string]*kind             `json:"classes"`
	Objects    map[string]*kind             `json:"objects"`
}

type kind struct {
	Caption      string                       `json:"caption"`
	CategoryUID  int                          `json:"category_uid"`
	CategoryName string                       `json:"category_name"`
	Attributes   map[string]string            `json:"attributes"` // name to type, ! if required, [] for a list
	Enums        map[string]map[string]string `json:"enums"`
	AtLeastOne   []string                     `json:"at_least_one"`
}

func loadFramework(t *testing.T) *framework {
	t.Helper()
	var f framework
	must(t, json.Unmarshal([]byte(read(t, "testdata/ocsf.json")), &f))
	for _, c := range f.Classes {
		maps.Copy(c.Attributes, f.Attributes)
		enums := maps.Clone(f.Enums)
		maps.Copy(enums, c.Enums)
		c.Enums = enums
	}
	return &f
}

// event checks one event, and says what is wrong with it.
func (f *framework) event(line string) (problems []string) {
	var e map[string]any
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		return []string{err.Error()}
	}
	uid, _ := e["class_uid"].(float64)
	c := f.Classes[strconv.Itoa(int(uid))]
	if c == nil {
		return []string{fmt.Sprintf("class_uid %v is no class", e["class_uid"])}
	}
	problems = f.object(c, e, c.Caption)
	activity, _ := e["activity_id"].(float64)
	for name, want := range map[string]any{
		"class_name": c.Caption, "category_uid": float64(c.CategoryUID), "category_name": c.CategoryName, "type_uid": uid*100 + activity,
		"type_name": c.Caption + ": " + c.Enums["activity_id"][strconv.Itoa(int(activity))],
	} {
		if e[name] != want {
			problems = append(problems, fmt.Sprintf("%s: %s is %v, want %v", c.Caption, name, e[name], want))
		}
	}
	return problems
}

// object checks one object: names, types, what is required, and that each number of
// an enumeration has its caption beside it.
func (f *framework) object(k *kind, o map[string]any, at string) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, at+": "+fmt.Sprintf(format, args...)) }
	for name, v := range o {
		of, known := k.Attributes[name]
		if !known {
			wrong("has no attribute %s", name)
			continue
		}
		of = strings.TrimSuffix(of, "!")
		one, isList := strings.CutSuffix(of, "[]")
		list := []any{v}
		if isList {
			var ok bool
			if list, ok = v.([]any); !ok || len(list) == 0 {
				wrong("%s is %T, want a list of some", name, v)
			}
		}
		for _, v := range list {
			problems = append(problems, f.value(one, v, at+"."+name)...)
		}
		captions := k.Enums[name]
		if captions == nil {
			continue
		}
		id, _ := v.(float64)
		caption, known := captions[strconv.Itoa(int(id))]
		sibling := map[string]string{"activity_id": "activity_name"}[name]
		if sibling == "" {
			sibling = strings.TrimSuffix(name, "_id")
		}
		switch said := o[sibling]; {
		case !known:
			wrong("%s is %v, which is none of them", name, v)
		case id != 99 && said != caption:
			wrong("%s is %v, want %q", sibling, said, caption)
		case id == 99 && (said == nil || said == ""):
			wrong("%s is Other, and %s does not say which", name, sibling)
		}
	}
	for name, of := range k.Attributes {
		if strings.HasSuffix(of, "!") && o[name] == nil {
			wrong("%s is required", name)
		}
	}
	if len(k.AtLeastOne) > 0 && !slices.ContainsFunc(k.AtLeastOne, func(name string) bool { return o[name] != nil }) {
		wrong("has none of %v", k.AtLeastOne)
	}
	return problems
}

func (f *framework) value(of string, v any, at string) []string {
	if k := f.Objects[of]; k != nil {
		if o, ok := v.(map[string]any); ok {
			return f.object(k, o, at)
		}
		return []string{fmt.Sprintf("%s is %T, want %s", at, v, of)}
	}
	ok := true
	switch of {
	case "json_t":
	case "integer_t", "long_t", "timestamp_t", "port_t":
		n, isNumber := v.(float64)
		ok = isNumber && n == float64(int64(n))
	case "boolean_t":
		_, ok = v.(bool)
	case "ip_t":
		s, _ := v.(string)
		_, err := netip.ParseAddr(s)
		ok = err == nil
	default:
		if strings.HasSuffix(of, "_t") {
			s, isText := v.(string)
			ok = isText && s != ""
		} else {
			_, ok = v.(map[string]any)
		}
	}
	if !ok {
		return []string{fmt.Sprintf("%s is %v, want %s", at, v, of)}
	}
	return nil
}

// everyOutcome records a call of each outcome and code, of each surface, with and
// without whatever calls may lack, and an event of each type.
func everyOutcome(t *testing.T) *Store {
	t.Helper()
	s := openStore(t)
	for _, code := range gateway.Codes {
		for _, bare := range []bool{false, true} {
			c := newCall(t, `{"path":"/a"}`)
			c.Refusal = gateway.Refuse("policy", code, "for a reason")
			if bare { // refused before anything was known of it
				c = gateway.NewCall(gateway.SurfaceStdio, "", "")
				c.Refusal = gateway.Refuse("surface", code, "")
			}
			must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
		}
	}
	for _, surface := range []gateway.Surface{gateway.SurfaceMCP, gateway.SurfaceSSE, gateway.SurfaceREST, gateway.SurfaceStdio, gateway.SurfaceCLI} {
		for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource, gateway.KindList, gateway.KindTask, gateway.KindSampling} {
			for i, annotations := range []string{``, `{"readOnlyHint":true}`, `{"destructiveHint":true}`, `{"destructiveHint":false}`, `{"title":"x"}`} {
				c := newCall(t, `{"path":"/a"}`)
				tool := *testTool
				tool.Annotations, tool.Kind = json.RawMessage(annotations), kind
				c.Surface, c.Kind, c.Tool = surface, kind, &tool
				if surface == gateway.SurfaceStdio {
					c.Peer = ""
				}
				for j, action := range []gateway.Action{gateway.ActionObserve, gateway.ActionRedact, gateway.ActionBlock, gateway.ActionQuarantine, gateway.ActionPolicy} {
					c.Findings = append(c.Findings, gateway.Finding{Kind: gateway.FindingInjection, Rule: "injection.x", Stage: gateway.StageRequest, Where: "/path", Action: action,
						Severity: []gateway.Severity{"", gateway.SeverityLow, gateway.SeverityMedium, gateway.SeverityHigh}[j%4]})
				}
				must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
				if i == 4 {
					continue // it runs
				}
				respond(c, `{"content":[]}`)
				c.Result.IsError = i == 1
				if i == 2 {
					c.Refusal = gateway.Refuse("guard", gateway.Withheld, "kept back")
				}
				if i == 3 {
					c.Result, c.Refusal = nil, gateway.Refuse("upstream", gateway.UpstreamTimeout, "slow")
				}
				must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
			}
		}
	}
	for _, by := range []any{nil, "local:rita", map[string]any{"issuer": "https://id.test", "subject": "rita"}} {
		for _, e := range Types {
			if strings.HasPrefix(e.Name, "call.") || strings.HasPrefix(e.Name, "audit.") || e.Name == "state.snapshot" {
				continue // written by the record itself, or by what follows it
			}
			body := map[string]any{"by": by, "id": "x", "name": "n", "revision": "r", "peer": "192.0.2.7", "n": 3, "server": "crm", "reason": "because"}
			if by == nil {
				body = map[string]any{}
			}
			must(t, s.Note(t.Context(), e.Name, body))
		}
	}
	return s
}

// TestOCSF holds what is exported of a record with every outcome, code, surface, kind
// and event against the framework.
func TestOCSF(t *testing.T) {
	s := everyOutcome(t)
	f := loadFramework(t)
	var out strings.Builder
	n, _, err := s.Ship(t.Context(), &out, FormatOCSF, Filter{}, Cursor{}, true)
	must(t, err)
	var plain strings.Builder
	_, err = s.Export(t.Context(), &plain, FormatOCSF, Filter{})
	must(t, err)
	seen, wrong, uids := map[string]int{}, map[string]int{}, map[string]bool{}
	for line := range strings.Lines(out.String() + plain.String()) {
		for _, problem := range f.event(line) {
			if wrong[problem]++; wrong[problem] == 1 {
				t.Errorf("%s\n%s", problem, line)
			}
		}
	}
	for line := range strings.Lines(out.String()) {
		var e struct {
			Class    string `json:"class_name"`
			Activity string `json:"activity_name"`
			Metadata struct{ UID string }
		}
		must(t, json.Unmarshal([]byte(line), &e))
		seen[e.Class]++
		if uids[e.Metadata.UID] {
			t.Errorf("%s comes twice", e.Metadata.UID)
		}
		uids[e.Metadata.UID] = true
	}
	if len(seen) != len(f.Classes) || n < 600 {
		t.Errorf("%d events, of %v", n, seen)
	}
}

// TestOCSFSaysWhatBecameOfAFinding: what would have been taken out of what an agent sends
// refused it.
func TestOCSFSaysWhatBecameOfAFinding(t *testing.T) {
	for _, test := range []struct {
		code, step string
		action     gateway.Action
		want       string
	}{
		{"", "", gateway.ActionRedact, "Modified, Corrected"},
		{"policy", "policy", gateway.ActionTokenize, "Modified, Corrected"},
		{"guard", "guard", gateway.ActionRedact, "Denied, Blocked"},
		{"withheld", "guard", gateway.ActionTokenize, "Denied, Blocked"},
		{"guard", "guard", gateway.ActionObserve, "Observed, Logged"},
	} {
		c := Call{ID: "1", Outcome: "ok", Agent: "ann", Tool: "files__read", Kind: "tool", Code: test.code, Step: test.step}
		event := ocsfFinding(&c, &gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.x", Action: test.action}, 0)
		if got := fmt.Sprintf("%v, %v", event["action"], event["disposition"]); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// TestOCSFSaysWhatHappened checks what the framework cannot: that it is the right one
// of its captions.
func TestOCSFSaysWhatHappened(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Call)
		want   string
	}{
		"allowed":   {func(*Call) {}, "API Activity: Read, Success, Allowed, Allowed"},
		"redacted":  {func(c *Call) { c.Redacted = 1 }, "API Activity: Read, Success, Modified, Corrected"},
		"consented": {func(c *Call) { c.DecidedBy = "rita" }, "API Activity: Read, Success, Allowed, Approved"},
		"refused":   {func(c *Call) { c.Outcome, c.Code = "refused", "policy" }, "API Activity: Read, Failure, Denied, Blocked"},
		"limited":   {func(c *Call) { c.Outcome, c.Code = "refused", "rate_limited" }, "API Activity: Read, Failure, Denied, Rejected"},
		"withheld":  {func(c *Call) { c.Outcome, c.Code = "withheld", "withheld" }, "API Activity: Read, Failure, Denied, Blocked"},
		"failed":    {func(c *Call) { c.Outcome, c.Code = "timeout", "upstream_timeout" }, "API Activity: Read, Failure, Allowed, Error"},
		"died":      {func(c *Call) { c.Outcome = "interrupted" }, "API Activity: Read, Unknown, Allowed, Allowed"},
		"writes":    {func(c *Call) { c.Annotations = `{"destructiveHint":true}` }, "API Activity: Update, Success, Allowed, Allowed"},
		"unknown":   {func(c *Call) { c.Annotations = "" }, "API Activity: Other, Success, Allowed, Allowed"},
		"stranger":  {func(c *Call) { c.Outcome, c.Code, c.Agent = "refused", "unauthenticated", "" }, "Authentication: Logon, Failure, Denied, Unauthorized"},
	} {
		c := Call{ID: "1", Outcome: "ok", Agent: "ann", Tool: "files__read", Server: "files", Kind: "tool", Method: "tools/call", Peer: "192.0.2.7", Annotations: `{"readOnlyHint":true}`}
		test.change(&c)
		event := ocsfCall(&c)
		if c.Code == "unauthenticated" {
			event = ocsfLogon(&c)
		}
		got := fmt.Sprintf("%v, %v, %v, %v", event["type_name"], event["status"], event["action"], event["disposition"])
		if got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
