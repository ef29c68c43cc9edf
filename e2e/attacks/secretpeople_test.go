//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// TestSecretsOfPeopleStayOut is [TestSecretsStayOut] for what operators write, what
// stands in policy files, and how an upstream fails beside the answers that MCP has.
// It looks into the record, the log, the metrics, and into what operators are shown.
func TestSecretsOfPeopleStayOut(t *testing.T) {
	kinds := lab.Kinds(t, "testdata/credentials.txt")
	random, planted := rand.New(rand.NewPCG(9, 5)), new(lab.Planted)
	said := new(atomic.Value)
	said.Store("")
	policies := map[string]string{
		"all.rego":   lab.AllowTesters,
		"ask.rego":   "package tools.lab.echo\n\napprove contains \"ask\" if true\n",
		"meter.rego": "package gateway\n\nmeter contains {\"name\": \"calls\", \"window\": \"1h\", \"per\": \"agent\"} if true\n",
	}
	for i, k := range kinds {
		plant := func(where string) string {
			text, secret := k.Make(random)
			planted.Add(secret, k.Name+" in "+where)
			return text
		}
		policies[fmt.Sprintf("more/k%d.rego", i)] = fmt.Sprintf("package more.k%d\n\n# never: %s\nkey := %s\n\nother := {\"token\": %s}\n",
			i, strings.ReplaceAll(plant("a comment of a policy"), "\n", " "), quoted(plant("a policy")), quoted(plant("an object of a policy")))
		policies[fmt.Sprintf("more/k%d/data.json", i)] = fmt.Sprintf(`{"secrets_%d": {"value": %s}}`, i, quoted(plant("policy's data")))
	}
	odd := failing(t, said)
	g := lab.Start(t, lab.Options{Policies: policies, Config: map[string]any{
		"admin":     map[string]any{"admins": []string{"boss"}},
		"approvals": map[string]any{"wait": "0s"}, "log": map[string]any{"level": "debug"},
		"upstreams": map[string]any{"lab": map[string]any{"url": lab.NewUpstream(t).URL()}, "odd": map[string]any{"url": odd}},
	}})
	s := &planting{g: g, said: said, token: g.Tester()}
	_ = ask(t, g, s.token, lab.Text("a session, and a count"))
	all := append(operatorPlaces(), failurePlaces()...)
	for _, p := range all {
		for _, k := range kinds {
			text, secret := k.Make(random)
			if p.fits != nil && !p.fits(text) {
				continue
			}
			planted.Add(secret, k.Name+" in "+p.name)
			p.plant(t, s, text)
		}
	}
	t.Logf("%d places", len(all)+4)
	for _, path := range []string{"health", "approvals?state=all", "blocks", "sessions", "meters", "tools", "changes", "audit/events", "audit/views/people", "audit/views/policies", "audit/export"} {
		a := g.Operate(t, g.Credential(t), http.MethodGet, path, "", nil)
		if a.Status != 200 {
			t.Errorf("%s: %d %s", path, a.Status, a.Text)
		}
		s.check(t, planted, "/v1/admin/"+path, a.Text)
	}
	resp, err := http.Get(g.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	s.check(t, planted, "the metrics", string(metrics))
	written := 0
	for _, name := range []string{"toolward.db", "toolward.db-wal", "toolward.db.journal.0"} {
		s.check(t, planted, name, read(t, filepath.Join(g.Dir, name)))
	}
	for _, row := range g.Rows(t, "", "SELECT type, count(*) AS n FROM events WHERE type IN ('approval.approved', 'approval.denied', 'approval.revoked', 'block.added', 'block.lifted', 'meter.reset', 'guard.excepted', 'audit.erase') GROUP BY type") {
		if n, _ := row["n"].(float64); int(n) < len(kinds) {
			t.Errorf("only %v %v: the test proves nothing", row["n"], row["type"])
		}
		written++
	}
	if written != 8 {
		t.Errorf("%d types of events: the test proves nothing", written)
	}
	g.Stop(t)
	s.check(t, planted, "toolward.db after the end", read(t, filepath.Join(g.Dir, "toolward.db")))
	s.check(t, planted, "the log", g.Log.String())
}

// operatorPlaces are what people write and ask.
func operatorPlaces() []place {
	n := 0
	operate := func(t *testing.T, s *planting, method, path, body string) lab.Answer {
		t.Helper()
		n++ // one operator has a rate
		token := s.g.Token(fmt.Sprint("op", n), "boss")
		if path == "notes" {
			token = s.g.Credential(t)
		}
		return s.g.Operate(t, token, method, path, body, nil)
	}
	post := func(t *testing.T, s *planting, want int, path, body string) lab.Answer {
		t.Helper()
		a := operate(t, s, http.MethodPost, path, body)
		if a.Status != want {
			t.Fatalf("%s %s: %d %s", path, body, a.Status, a.Text)
		}
		return a
	}
	decide := func(name string, verbs ...string) place {
		return place{"the note of " + name, nil, func(t *testing.T, s *planting, text string) {
			id := ask(t, s.g, s.token, lab.Text(lab.Marker()))
			for _, verb := range verbs {
				post(t, s, 200, "approvals/"+id+"/"+verb, `{"note":`+quoted("because "+text)+`}`)
			}
			post(t, s, 409, "approvals/"+id+"/approve", `{"note":`+quoted(text)+`}`) // who decides second
		}}
	}
	ask := func(name string, fits func(string) bool, path func(string) string) place {
		return place{name, fits, func(t *testing.T, s *planting, text string) {
			operate(t, s, http.MethodGet, path(text), "")
		}}
	}
	return []place{
		decide("a yes", "approve"), decide("a no", "deny"), decide("a revoked yes", "approve", "revoke"),
		{"the reason of a block", nil, func(t *testing.T, s *planting, text string) {
			var b struct{ ID string }
			a := post(t, s, 200, "blocks", `{"kind":"agent","name":"nobody","reason":`+quoted("stole "+text)+`}`)
			if err := json.Unmarshal([]byte(a.Text), &b); err != nil {
				t.Fatal(err)
			}
			post(t, s, 200, "blocks/"+b.ID+"/lift", `{"reason":`+quoted("not "+text)+`}`)
		}},
		{"a token where its jti should stand", isJWT, func(t *testing.T, s *planting, text string) {
			post(t, s, 422, "blocks", `{"kind":"token","name":`+quoted(text)+`,"reason":"stolen"}`)
		}},
		{"the reason of clearing a session", nil, func(t *testing.T, s *planting, text string) {
			operate(t, s, http.MethodPost, "sessions/"+s.g.Rows(t, "", "SELECT session FROM calls WHERE session IS NOT NULL LIMIT 1")[0]["session"].(string)+"/clear", `{"reason":`+quoted(text)+`}`)
		}},
		{"the reason of a reset", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tools/odd__plain/call", s.token, `{}`)
			post(t, s, 200, "meters/calls/reset", `{"everyone":true,"reason":`+quoted(text)+`}`)
		}},
		{"the reason of an erasure", nil, func(t *testing.T, s *planting, text string) {
			s.post(t, "/v1/tools/odd__plain/call", s.g.Token("gone", "tester"), `{}`)
			if a := operate(t, s, http.MethodPost, "audit/erase", `{"agent":"gone","why":`+quoted(text)+`}`); a.Status != 200 && a.Code != "log_held" {
				t.Fatalf("%d %s", a.Status, a.Text) // the index of words may be reading
			}
		}},
		{"the reason of a prune", nil, func(t *testing.T, s *planting, text string) {
			operate(t, s, http.MethodPost, "audit/prune", `{"before":"300d","why":`+quoted(text)+`}`)
		}},
		{"a value that is asked for", nil, func(t *testing.T, s *planting, text string) {
			post(t, s, 200, "audit/hash", `{"value":`+quoted(text)+`}`)
		}},
		{"the reason of an exception", nil, func(t *testing.T, s *planting, text string) {
			post(t, s, 200, "notes", `{"what":"guard.excepted","detail":{"id":"x","reason":`+quoted(text)+`}}`)
		}},
		{"a note of no kind", nil, func(t *testing.T, s *planting, text string) {
			post(t, s, 400, "notes", `{"what":`+quoted(text)+`,"detail":{}}`)
		}},
		{"a definition that nobody has", nil, func(t *testing.T, s *planting, text string) {
			operate(t, s, http.MethodPost, "changes/accept", `{"name":`+quoted(text)+`,"fingerprint":`+quoted(text)+`,"note":`+quoted(text)+`}`)
		}},
		{"a member that operations have not", nil, func(t *testing.T, s *planting, text string) {
			post(t, s, 400, "blocks", `{`+quoted(text)+`:1}`)
		}},
		{"a credential that is none", tokenText, func(t *testing.T, s *planting, text string) {
			s.g.Operate(t, "twop_"+strings.ReplaceAll(text, "\n", ""), http.MethodGet, "me", "", nil)
		}},
		ask("a parameter's name", nil, func(text string) string { return "approvals?" + url.QueryEscape(text) + "=1" }),
		ask("a parameter's value", nil, func(text string) string { return "approvals?state=" + url.QueryEscape(text) }),
		ask("a filter of the record", nil, func(text string) string {
			return "audit/calls?agent=" + url.QueryEscape(text) + "&text=" + url.QueryEscape(text)
		}),
		ask("a filter that cannot be", nil, func(text string) string { return "audit/calls?since=" + url.QueryEscape(text) }),
		ask("an approval that there is not", pathText, func(text string) string { return "approvals/" + url.PathEscape(text) }),
		ask("an operation that there is not", pathText, func(text string) string { return url.PathEscape(text) }),
		ask("a tool that there is not", pathText, func(text string) string { return "tools/" + url.PathEscape(text) }),
	}
}

// failurePlaces are how an upstream fails.
func failurePlaces() []place {
	var all []place
	for _, tool := range failures {
		all = append(all, place{"an upstream's " + tool, nil, func(t *testing.T, s *planting, text string) {
			s.said.Store(text)
			s.post(t, "/v1/tools/odd__"+tool+"/call", s.token, `{}`)
		}})
	}
	return all
}

func isJWT(text string) bool { return strings.HasPrefix(text, "eyJ") }

var failures = []string{"body", "plain", "type", "location", "challenge", "name", "result", "header", "session", "list"}

// failing is an MCP server whose tools answer with what is no answer, and has what
// was said in it.
func failing(t *testing.T, said *atomic.Value) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			ID     json.RawMessage
			Method string
			Params struct{ Name string }
		}
		_ = json.NewDecoder(r.Body).Decode(&m)
		text := said.Load().(string)
		line := strings.Map(func(r rune) rune { // what can stand in a header
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, text)
		answer := func(body string) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, body)
		}
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case m.ID == nil:
			w.WriteHeader(http.StatusAccepted)
		case m.Method == "initialize":
			answer(`"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"odd","version":"1"}}`)
		case m.Method == "tools/list":
			var tools []string
			for _, name := range failures {
				tools = append(tools, `{"name":"`+name+`","inputSchema":{"type":"object"}}`)
			}
			answer(`"result":{"tools":[` + strings.Join(tools, ",") + `]}`)
		case m.Method != "tools/call":
			answer(`"error":{"code":-32601,"message":"no"}`)
		default:
			failAs(w, m.Params.Name, text, line, answer)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func failAs(w http.ResponseWriter, how, text, line string, answer func(string)) {
	switch how {
	case "body":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"error":{"message":%s}}`, quoted("cannot log in with "+text))
	case "plain":
		http.Error(w, "cannot log in with "+text, http.StatusBadGateway)
	case "type":
		w.Header().Set("Content-Type", "text/x; v=\""+line+"\"")
		fmt.Fprint(w, text)
	case "location":
		w.Header().Set("Location", "http://127.0.0.1:1/?key="+url.QueryEscape(text))
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "challenge":
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="not `+line+`"`)
		w.WriteHeader(http.StatusUnauthorized)
	case "name":
		answer(quoted(text) + `:1`)
	case "result":
		answer(`"result":` + quoted(text))
	case "header":
		w.Header().Set("Mcp-Protocol-Version", line)
		w.Header().Set("Retry-After", line)
		w.WriteHeader(http.StatusServiceUnavailable)
	case "session":
		w.Header().Set("Mcp-Session-Id", line)
		w.WriteHeader(http.StatusNotFound)
	case "list":
		answer(`"result":{"content":[{"type":` + quoted(text) + `,"text":"x"},` + quoted(text) + `]}`)
	}
}
