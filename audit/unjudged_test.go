package audit

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"toolward/gateway"
)

var synthetic = regexp.MustCompile(`synthetic-[0-9]+`)

// findSynthetic finds what the tests below plant, in texts and in the names of
// members, and fails where a text says so.
func findSynthetic(raw json.RawMessage) ([]gateway.Finding, error) {
	var found []gateway.Finding
	var walk func(at string, v any)
	look := func(at, text string, key bool) {
		for _, span := range synthetic.FindAllStringIndex(text, -1) {
			found = append(found, gateway.Finding{Kind: gateway.FindingSecret, Rule: "secret.x", Stage: gateway.StageRequest, Where: at, Key: key, Span: [2]int(span)})
		}
	}
	walk = func(at string, v any) {
		switch v := v.(type) {
		case string:
			look(at, v, false)
		case []any:
			for i, e := range v {
				walk(at+"/"+string(rune('0'+i)), e)
			}
		case map[string]any:
			for name, e := range v {
				look(at+"/"+name, name, true)
				walk(at+"/"+name, e)
			}
		}
	}
	walk("", gateway.Decode(raw))
	if strings.Contains(string(raw), "guard fails") {
		return nil, errors.New("guard fails")
	}
	return found, nil
}

// What is recorded without having been judged is looked at for credentials, and
// the gateway's own are known: none of them gets into an event, whole or clipped.
func TestAttackSecretInWhatNobodyJudges(t *testing.T) {
	const secret, own = "synthetic-3141592653589793", "own-credential-of-the-gateway"
	agent, tool := *testAgent, *testTool
	for name, change := range map[string]func(*gateway.Call){
		"method":           func(c *gateway.Call) { c.Tool, c.Method = nil, "no/"+secret },
		"name":             func(c *gateway.Call) { c.Tool, c.Name = nil, secret },
		"endpoint":         func(c *gateway.Call) { c.Tool, c.Server = nil, secret },
		"protocol":         func(c *gateway.Call) { c.Tool, c.Protocol = nil, secret },
		"what was dropped": func(c *gateway.Call) { c.Dropped = []string{secret} },
		"reason":           func(c *gateway.Call) { c.Refusal = gateway.Refuse("surface", gateway.Unsupported, "no "+secret) },
		"clipped reason": func(c *gateway.Call) {
			c.Tool, c.Method, c.Refusal = nil, secret, gateway.Refuse("surface", gateway.Unsupported, "no "+secret[:20]+"…")
		},
		"cause": func(c *gateway.Call) {
			c.Refusal = gateway.Refuse("x", gateway.Internal, "no").Because(errors.New("bad " + secret))
		},
		"cause behind much": func(c *gateway.Call) {
			c.Refusal = gateway.Refuse("x", gateway.Internal, "no").Because(errors.New(strings.Repeat("x", maxText-40) + secret))
		},
		"name that guard fails on": func(c *gateway.Call) { c.Tool, c.Name = nil, "guard fails "+secret },
		"role":                     func(c *gateway.Call) { agent.Roles = []string{secret}; c.Agent = &agent },
		"scope": func(c *gateway.Call) {
			agent.Scopes, agent.Claims = []string{"a", secret}, map[string]any{"scope": "a " + secret}
			c.Agent = &agent
		},
		"claim": func(c *gateway.Call) {
			agent.Claims = map[string]any{"a": map[string]any{secret: []any{secret}}}
			c.Agent = &agent
		},
		"claims that guard fails on": func(c *gateway.Call) {
			agent.Claims = map[string]any{"a": "guard fails", "b": secret}
			c.Agent = &agent
		},
		"annotations": func(c *gateway.Call) {
			tool.Annotations = json.RawMessage(`{"title":"` + secret + `"}`)
			c.Tool = &tool
		},
		"own, in a cause": func(c *gateway.Call) {
			c.Refusal = gateway.Refuse("x", gateway.UpstreamDown, "no").Because(errors.New("Post http://x/?key=" + own))
		},
		"own, in a name": func(c *gateway.Call) { c.Tool, c.Name = nil, own },
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, func(o *Options) { o.Find, o.Own = findSynthetic, []gateway.Secret{{Text: own, Token: "${KEY}"}} })
			c := newCall(t, `{}`)
			change(c)
			must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
			rows := strings.Join(column1(t, s, "SELECT concat_ws('|', server, tool, body) FROM events WHERE call IS NOT NULL UNION ALL SELECT text FROM bodies UNION ALL SELECT text FROM interned"), "\n")
			if strings.Contains(rows, secret[:12]) || strings.Contains(rows, own) {
				t.Errorf("it is in %.2000s", rows)
			}
			if !strings.Contains(rows, "hmac:") && !strings.Contains(rows, "${KEY}") && !strings.Contains(rows, "left out") {
				t.Errorf("nothing stands in its place: %.2000s", rows)
			}
		})
	}
}

// In the gateway's own events only what others say is looked at: what events are
// found by stays as it is.
func TestNotesHideWhatOthersSay(t *testing.T) {
	const secret = "synthetic-3141592653589793"
	s := openStore(t, func(o *Options) { o.Find = findSynthetic })
	must(t, s.Note(t.Context(), "pin.accepted", map[string]any{"name": secret, "definition": map[string]any{"description": "use " + secret}}))
	got := strings.Join(column1(t, s, "SELECT body FROM events WHERE type = 'pin.accepted'"), "")
	if want := `{"definition":{"description":"use [secret.x ` + s.Hash(secret) + `]"},"name":"` + secret + `"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What guard fails on is left out of such an event, and what decides stays.
func TestNotesDecideWhereGuardFails(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Find = findSynthetic })
	must(t, s.Note(t.Context(), "pin.accepted", map[string]any{"name": "a", "definition": map[string]any{"description": "guard fails"}}))
	got := strings.Join(column1(t, s, "SELECT body FROM events WHERE type = 'pin.accepted'"), "")
	if want := `{"definition":"left out, it could not be redacted: guard fails","name":"a"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
