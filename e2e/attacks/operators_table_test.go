//go:build e2e

package attacks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// The table of the operators' API is what the running gateway says it is, and each of
// its operations has a row here: one that is added fails until it has.

// operation is what the description has of one.
type operation struct {
	id, method, path, role string
	query                  []parameter
	body                   map[string]any // properties of it, by their schemas; nil for none
	takesBody              bool
}

type parameter struct {
	name string
	enum []string
	in   string
}

// row is what is known of an operation besides.
type row struct {
	commands []string // command lines that use it; NAMES in capitals are of what there is
	event    string   // that it writes
	body     string   // one that is good
	long     []string // members that may be long
	why      string   // there is no command, or no event
}

var rows = map[string]row{
	"me":                 {why: "who they are is for consoles to ask; commands are told when they may not"},
	"describe":           {why: "for programs"},
	"health":             {commands: []string{"block add --upstream lab --for 1h --why a-test"}},
	"approvals.list":     {commands: []string{"approvals list"}},
	"approvals.show":     {commands: []string{"approvals show OPEN"}},
	"approvals.approve":  {commands: []string{"approvals approve OPEN"}, event: "approval.approved", body: `{"note":"x"}`},
	"approvals.deny":     {commands: []string{"approvals deny OPEN2"}, event: "approval.denied", body: `{"note":"x"}`},
	"approvals.revoke":   {commands: []string{"approvals revoke OPEN"}, event: "approval.revoked", body: `{"note":"x"}`},
	"tools.list":         {commands: []string{"tools list"}},
	"tools.show":         {commands: []string{"tools show lab__echo"}},
	"changes.list":       {commands: []string{"tools diff --all"}},
	"changes.accept":     {commands: []string{"tools pin DEFINITION"}, event: "pin.accepted", body: `{"name":"lab__echo","fingerprint":"` + strings.Repeat("0", 64) + `"}`},
	"blocks.list":        {commands: []string{"block list"}},
	"blocks.add":         {commands: []string{"block add --agent nobody --why a-test"}, event: "block.added", body: `{"kind":"agent","name":"nobody","reason":"x","until":"2001-01-01T00:00:00Z"}`},
	"blocks.lift":        {commands: []string{"block lift BLOCK --why a-test"}, event: "block.lifted", body: `{"reason":"x"}`},
	"notes.add":          {event: "token.minted", body: `{"what":"token.minted","detail":{}}`, why: "commands on the gateway's machine say so, with the credential beside the record"},
	"config.reload":      {why: "`toolward upstreams` asks for it once it has edited the file, and only a change writes an event: TestUpstreamsByCommand and TestConfigChangesWhileItRuns of e2e/field"},
	"sessions.list":      {commands: []string{"sessions list"}},
	"sessions.show":      {commands: []string{"sessions show SESSION"}},
	"sessions.clear":     {commands: []string{"sessions clear SESSION --why a-test"}, event: "session.cleared", body: `{"reason":"x"}`},
	"meters.list":        {commands: []string{"meters list"}},
	"meters.reset":       {commands: []string{"meters reset calls --everyone --why a-test"}, event: "meter.reset", body: `{"everyone":true,"reason":"x"}`},
	"tokens.list":        {commands: []string{"token list"}},
	"tokens.create":      {commands: []string{"token create laptop --role reader"}, event: "token.created", body: `{"name":"old","subject":"x"}`},
	"tokens.revoke":      {commands: []string{"token revoke laptop"}, event: "token.revoked", body: `{}`},
	"audit.calls":        {commands: []string{"audit list"}},
	"audit.show":         {commands: []string{"audit show CALL"}},
	"audit.trace":        {commands: []string{"audit trace CALL"}},
	"audit.explain":      {commands: []string{"policy explain CALL"}},
	"audit.diff":         {commands: []string{"audit diff CALL CALL"}},
	"audit.stats":        {commands: []string{"audit stats"}},
	"audit.series":       {commands: []string{"audit stats --by agent"}},
	"audit.changes":      {commands: []string{"audit stats --by agent --since 1h --compare"}},
	"audit.view":         {commands: []string{"audit view people"}},
	"audit.events":       {commands: []string{"audit events"}},
	"audit.export":       {commands: []string{"audit export"}},
	"audit.tail":         {commands: []string{"audit tail --after 0"}},
	"audit.hash":         {commands: []string{"audit hash x"}, body: `{"value":"x"}`, long: []string{"value"}, why: "it changes nothing"},
	"audit.erase":        {commands: []string{"audit erase --agent tester --why a-test"}, event: "audit.erase", body: `{"agent":"nobody","why":"x"}`},
	"audit.prune":        {commands: []string{"audit prune --before 2001-01-01 --why a-test"}, body: `{"before":"2001-01-01","why":"x"}`, why: "nothing is so old"},
	"audit.verify":       {commands: []string{"audit verify"}, body: `{}`, why: "it changes nothing"},
	"audit.verification": {commands: []string{"audit verify"}},
	"audit.cancel":       {why: "audit verify sends it when it is interrupted; it changes nothing"},
	"policy.revisions":   {commands: []string{"policy revisions"}},
	"policy.show":        {commands: []string{"policy show REVISION"}},
	"policy.diff":        {commands: []string{"policy diff REVISION REVISION"}},
}

// described are the operations of a running gateway.
func described(t *testing.T, g *lab.Gateway) (all []operation) {
	t.Helper()
	a := g.Operate(t, g.Credential(t), http.MethodGet, "openapi.json", "", nil)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Description string
			Parameters  []struct {
				Name, In string
				Schema   struct{ Enum []string }
			}
			RequestBody struct {
				Content map[string]struct {
					Schema struct{ Properties map[string]any }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(a.Text), &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method, o := range methods {
			op := operation{id: o.OperationID, method: strings.ToUpper(method), path: strings.TrimPrefix(path, "/v1/admin/"), role: strings.TrimSuffix(strings.TrimPrefix(o.Description, "For the role "), ".")}
			for _, p := range o.Parameters {
				op.query = append(op.query, parameter{p.Name, p.Schema.Enum, p.In})
			}
			if c, ok := o.RequestBody.Content["application/json"]; ok {
				op.body, op.takesBody = c.Schema.Properties, true
			}
			all = append(all, op)
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return all
}

// operated is a gateway with operators, where calls run.
func operated(t *testing.T) *lab.Gateway {
	t.Helper()
	return lab.Start(t, lab.Options{Local: true, Config: map[string]any{"admin": map[string]any{"viewers": []string{"viewer"}, "approvers": []string{"approver"}, "admins": []string{"admin"}}}})
}

// at is the path with every name in it replaced.
func (o operation) at(name string) string {
	parts := strings.Split(o.path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = url.PathEscape(name)
		}
	}
	return strings.Join(parts, "/")
}

func (o operation) hasName() bool { return strings.Contains(o.path, "{") }

func TestEveryOperationHasItsRow(t *testing.T) {
	g := asking(t, nil)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operators.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, op := range described(t, g) {
		seen[op.id] = true
		r, ok := rows[op.id]
		if !ok {
			t.Errorf("the operation %s has no row", op.id)
			continue
		}
		if len(r.commands) == 0 && r.why == "" {
			t.Errorf("%s: no command uses it, and why is not said", op.id)
		}
		if op.method == http.MethodPost && r.event == "" && r.why == "" {
			t.Errorf("%s: it writes no event, and why is not said", op.id)
		}
		if !documented(string(page), op) {
			t.Errorf("docs/operators.md does not have %s %s", op.method, op.path)
		}
	}
	for id := range rows {
		if !seen[id] {
			t.Errorf("there is no operation %s", id)
		}
	}
}

// documented looks for the words of a path in one row of the page: several operations
// may share one.
func documented(page string, op operation) bool {
	for line := range strings.SplitSeq(page, "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) < 3 || !strings.Contains(cells[1], op.method) {
			continue
		}
		if op.method == http.MethodGet && strings.Contains(cells[1], "`POST ") && !strings.Contains(cells[1], "`GET ") {
			continue
		}
		all := true
		for _, word := range strings.Split(op.path, "/") {
			all = all && strings.Contains(cells[1], word)
		}
		if all {
			return true
		}
	}
	return false
}

// TestOperationsByLowerRoles asks each operation as everybody who may not. It is
// refused and on record, and what it would have changed is as it was.
func TestOperationsByLowerRoles(t *testing.T) {
	g := operated(t)
	ranks := []string{"viewer", "approver", "admin"}
	tokens := map[string]string{"": g.Tester(), "viewer": g.Token("vera", "viewer"), "approver": g.Token("apu", "approver"), "admin": g.Token("ada", "admin")}
	tried := 0
	for _, op := range described(t, g) {
		lower := append([]string{""}, ranks[:slices.Index(ranks, op.role)]...)
		if op.id == "notes.add" {
			lower = append(lower, "admin") // it is for who runs commands there
		}
		for _, role := range lower {
			before := g.Count(t, "", "method = 'admin."+op.id+"' AND code = 'forbidden'")
			if a := g.Operate(t, tokens[role], op.method, op.at("x"), rows[op.id].body, nil); a.Status != http.StatusForbidden {
				t.Errorf("%s by %q: %d %s", op.id, role, a.Status, a.Text)
			}
			if after := g.Count(t, "", "method = 'admin."+op.id+"' AND code = 'forbidden'"); after != before+1 {
				t.Errorf("%s by %q: %d refusals are on record", op.id, role, after-before)
			}
			tried++
		}
		if a := g.Operate(t, "", op.method, op.at("x"), rows[op.id].body, nil); a.Status != http.StatusUnauthorized {
			t.Errorf("%s by nobody: %d", op.id, a.Status)
		}
	}
	if tried < 60 {
		t.Errorf("only %d were tried", tried)
	}
	for _, e := range rows {
		if e.event != "" && e.event != "token.minted" && len(g.Rows(t, "", "SELECT seq FROM events WHERE type = '"+e.event+"' AND body ->> '$.by' IS NOT NULL")) > 0 {
			t.Errorf("%s: it was done all the same", e.event)
		}
	}
	g.CheckAlive(t)
}

// TestOperationsByBadInput sends each operation what it cannot mean: a parameter or
// member that it does not have, values that cannot be, names of nothing, and too much.
func TestOperationsByBadInput(t *testing.T) {
	g := operated(t)
	long := strings.Repeat("x", 5000)
	tried := 0
	for _, op := range described(t, g) {
		token := g.Token("ada-"+op.id, "admin") // each has a rate
		if op.id == "notes.add" {
			token = g.Credential(t)
		}
		good := rows[op.id].body
		bad := func(what, path, body string, want ...int) {
			tried++
			if a := g.Operate(t, token, op.method, path, body, nil); !slices.Contains(want, a.Status) || !strings.Contains(a.Text, `"code"`) {
				t.Errorf("%s with %s: %d %s, want %v", op.id, what, a.Status, a.Text, want)
			}
		}
		bad("an unknown parameter", op.at("x")+"?nosuch=1", good, 400)
		bad("a query that is none", op.at("x")+"?%zz", good, 400)
		for _, p := range op.query {
			if p.in == "query" && p.enum != nil {
				bad(p.name+" of another kind", op.at("x")+"?"+p.name+"=bogus", good, 400, 404)
			}
		}
		if op.hasName() {
			bad("the name of nothing", op.at("nosuch"), good, 404, 409)
			bad("a long name", op.at(long), good, 400, 404)
			bad("a name with bytes of its own", op.at("\x00\u202e"), good, 400, 404)
		}
		if !op.takesBody {
			bad("a body", op.at("x"), `{"x":1}`, 400)
			continue
		}
		for what, body := range map[string]string{
			"a list": "[]", "null": "null", "a text": `"x"`, "two documents": good + good, "an open end": `{"`, "a member it has not": having(good, "nosuch", 1), "who did it": having(good, "by", "ceo"),
			"deep nesting": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		} {
			bad(what, op.at("x"), body, 400)
		}
		bad("a giant", op.at("x"), having(good, "nosuch", strings.Repeat("x", 65<<10)), 413)
		for name, schema := range op.body {
			kind, _ := schema.(map[string]any)["type"].(string)
			bad(name+" twice", op.at("x"), strings.Replace(having(good, name, 1), "{", fmt.Sprintf(`{%q:1,`, name), 1), 400)
			bad(name+" of another type", op.at("x"), having(good, name, wrong(kind)), 400)
			if kind == "string" && !slices.Contains(rows[op.id].long, name) {
				bad("a long "+name, op.at("x"), having(good, name, long), 400, 404, 409, 422)
			}
		}
	}
	if tried < 250 {
		t.Errorf("only %d were tried", tried)
	}
	g.CheckAlive(t)
}

// having is a body with another value of a member.
func having(body, name string, value any) string {
	m := map[string]any{}
	_ = json.Unmarshal([]byte(body), &m)
	m[name] = value
	raw, _ := json.Marshal(m)
	return string(raw)
}

func wrong(kind string) any {
	if kind == "object" || kind == "array" {
		return "x"
	}
	return map[string]any{"x": 1}
}

// between stands between commands and a gateway, and notes which operations are used.
type between struct {
	*httptest.Server
	mu   sync.Mutex
	used map[string]int
	met  chan struct{} // gets one for each
}

func standBetween(t *testing.T, g *lab.Gateway, ops []operation) *between {
	t.Helper()
	to, err := url.Parse(g.URL)
	if err != nil {
		t.Fatal(err)
	}
	b := &between{used: map[string]int{}, met: make(chan struct{}, 1000)}
	mux := http.NewServeMux()
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	for _, op := range ops {
		mux.HandleFunc(op.method+" /v1/admin/"+op.path, func(w http.ResponseWriter, r *http.Request) {
			b.mu.Lock()
			b.used[op.id]++
			b.mu.Unlock()
			b.met <- struct{}{}
			proxy.ServeHTTP(w, r)
		})
	}
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

// TestEveryOperationHasACommand runs the commands of the rows through somebody who
// notes what they ask, with an admin's token and none of the gateway's files, and looks
// for the events.
func TestEveryOperationHasACommand(t *testing.T) {
	g := asking(t, nil)
	g.Write(t, "policies/all.rego", "package gateway\n\napprove contains \"ask\" if input.args.text == \"ask\"\n\napprove contains \"ask\" if input.args.text == \"ask2\"\n\nallow if true\n\n"+
		"label contains \"private\" if input.args.text == \"secret\"\n\nmeter contains {\"name\": \"calls\", \"per\": \"agent\", \"window\": \"1h\"} if true\n")
	g.Until(t, "the policy is not read again", func() bool { return strings.Contains(g.Log.String(), "policy reloaded") })
	call := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("secret"))
	ops := described(t, g)
	names := map[string]string{
		"OPEN": ask(t, g, g.Tester(), lab.Text("ask")), "OPEN2": ask(t, g, g.Tester(), lab.Text("ask2")), "CALL": call.ID,
		"SESSION":  fmt.Sprint(g.Rows(t, "", "SELECT session FROM calls WHERE id = '"+call.ID+"'")[0]["session"]),
		"REVISION": fmt.Sprint(g.Rows(t, "", "SELECT body ->> '$.revision' AS r FROM events WHERE type = 'policy.loaded' ORDER BY seq DESC LIMIT 1")[0]["r"]),
	}
	between := standBetween(t, g, ops)
	dir, home, token := t.TempDir(), t.TempDir(), g.Token("ada", "admin")
	run := func(line string) (string, string) {
		for len(between.met) > 0 {
			<-between.met
		}
		args := strings.Fields(line)
		for i := range args {
			if name, ok := names[args[i]]; ok {
				args[i] = name
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cmd := exec.CommandContext(ctx, lab.Binary(), append(args, "--url", between.URL)...)
		cmd.Dir, cmd.Env = dir, []string{"TOOLWARD_TOKEN=" + token, "HOME=" + home}
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "audit tail") { // it goes on
			<-between.met
			cancel()
			_ = cmd.Wait()
			return "", ""
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() > 1 {
			t.Errorf("%s: %v\n%s%s", line, err, &out, &talk)
		}
		return out.String(), talk.String()
	}
	order := slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return strings.Compare(turn(a), turn(b)) })
	for _, id := range order {
		r := rows[id]
		before := events(t, g, r.event)
		for _, line := range r.commands {
			out, talk := run(line)
			switch id {
			case "changes.list":
				if _, rest, ok := strings.Cut(out, "tools pin '"); ok {
					names["DEFINITION"], _, _ = strings.Cut(rest, "'")
				}
			case "blocks.add":
				if _, rest, ok := strings.Cut(talk, "block lift "); ok {
					names["BLOCK"] = strings.Trim(rest[:strings.IndexAny(rest, "`\n")], "` ")
				}
			}
		}
		if len(r.commands) > 0 && between.used[id] == 0 {
			t.Errorf("%s: %q do not use it", id, r.commands)
		}
		if r.event != "" && len(r.commands) > 0 {
			after := events(t, g, r.event)
			if len(after) != len(before)+1 || !strings.Contains(fmt.Sprint(after[len(after)-1]), "ada") {
				t.Errorf("%s: %d events %s before, and then %v", id, len(before), r.event, after)
			}
		}
	}
	g.CheckChain(t, "")
}

// turn orders what has to come after something else.
func turn(id string) string {
	for i, after := range []string{"approvals.revoke", "blocks.lift", "changes.accept", "sessions.clear", "meters.reset", "tokens.revoke", "audit.verify", "audit.erase", "audit.prune"} {
		if id == after {
			return fmt.Sprintf("z%d", i)
		}
	}
	return id
}

func events(t *testing.T, g *lab.Gateway, of string) []map[string]any {
	t.Helper()
	return g.Rows(t, "", "SELECT body ->> '$.by' AS who FROM events WHERE type = '"+of+"' AND body ->> '$.by' IS NOT NULL ORDER BY seq")
}
