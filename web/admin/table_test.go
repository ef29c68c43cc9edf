package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// requests are a request that works for each operation of the table.
var requests = map[string]struct{ path, body string }{
	"me": {"me", ""}, "describe": {"openapi.json", ""}, "health": {"health", ""},
	"approvals.list": {"approvals", ""}, "approvals.show": {"approvals/a1", ""},
	"approvals.approve": {"approvals/a1/approve", `{"note":"fine"}`}, "approvals.deny": {"approvals/a1/deny", ""}, "approvals.revoke": {"approvals/a2/revoke", ""},
	"config.reload": {"config/reload", ""},
	"tools.list":    {"tools", ""}, "tools.show": {"tools/bank__read", ""},
	"notes.add":   {"notes", `{"what":"token.minted","detail":{"subject":"bot","by":"ceo"}}`},
	"tokens.list": {"tokens", ""}, "tokens.create": {"tokens", `{"name":"laptop","subject":"bot"}`}, "tokens.revoke": {"tokens/old/revoke", ""},
	"audit.verify": {"audit/verify", `{"strict":true}`}, "audit.verification": {"audit/verify/JOB", ""}, "audit.cancel": {"audit/verify/JOB/cancel", ""},
	"changes.list": {"changes?all=true", ""}, "changes.accept": {"changes/accept", `{"name":"bank__pay","fingerprint":"` + shown + `"}`},
}

// TestTableByRole walks every operation with everybody who could ask. One that
// is added without a request here fails.
func TestTableByRole(t *testing.T) {
	for _, op := range verifiers(t).operations() {
		req, ok := requests[op.id]
		if !ok {
			t.Errorf("no request for the operation %s", op.id)
			continue
		}
		for _, who := range []struct {
			token string
			role  Role
		}{{"", -1}, {"nobody's", -1}, {"twop_" + strings.Repeat("A", 43), -1}, {"agent", 0}, {"viewer", Viewer}, {"approver", Approver}, {"admin", Admin}, {"local", Admin}} {
			t.Run(op.id+" by "+who.token, func(t *testing.T) {
				d := verifiers(t)
				defer d.Close()
				path := req.path
				if strings.Contains(path, "JOB") {
					_, job := d.do(t, "admin", "POST", "audit/verify", "")
					path = strings.Replace(path, "JOB", job["id"].(string), 1)
				}
				d.room.ask("a1", "bot")
				d.room.ask("a2", "bot")
				d.room.all[0].State = gateway.ApprovalGiven
				token := who.token
				if token == "local" {
					token = d.local
				}
				status, m := d.do(t, token, op.method, path, req.body)
				want := http.StatusOK
				switch {
				case who.role < 0:
					want = http.StatusUnauthorized
				case who.role < op.role, op.local && who.token != "local":
					want = http.StatusForbidden
				}
				if (len(d.notes) > 0) != (op.id == "notes.add" && want == http.StatusOK) {
					t.Errorf("on record: %q", d.notes)
				}
				if changed := len(d.named.all) != 1; changed != (want == http.StatusOK && (op.id == "tokens.create" || op.id == "tokens.revoke")) {
					t.Errorf("tokens: %v", d.named.all)
				}
				if status != want {
					t.Fatalf("status %d, want %d: %v", status, want, m)
				}
				if decided := d.room.all[1].State != gateway.ApprovalOpen || d.room.all[0].State != gateway.ApprovalGiven; decided && want != http.StatusOK {
					t.Error("it was done all the same")
				}
				if want == http.StatusForbidden && !slices.Contains(d.road.recorded, "admin."+op.id+" "+who.token+" forbidden") {
					t.Errorf("not recorded: %q", d.road.recorded)
				}
			})
		}
	}
}

// TestDescriptionIsTheTable compares the OpenAPI document with the table: each
// operation is in it, and nothing else.
func TestDescriptionIsTheTable(t *testing.T) {
	d := newDesk(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Description string
			RequestBody any
		}
	}
	if err := json.Unmarshal(d.openAPI, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatal(doc.OpenAPI, err)
	}
	n := 0
	for path, methods := range doc.Paths {
		n += len(methods)
		for method, o := range methods {
			i := slices.IndexFunc(d.operations(), func(op operation) bool { return op.id == o.OperationID })
			if i < 0 {
				t.Fatalf("%s %s is not in the table", method, path)
			}
			op := d.operations()[i]
			if Prefix+op.path != path || !strings.EqualFold(op.method, method) || !strings.Contains(o.Description, op.role.String()) || (o.RequestBody != nil) != (op.body != nil) {
				t.Errorf("%s %s: %+v", method, path, o)
			}
		}
	}
	if n != len(d.operations()) {
		t.Errorf("%d operations are described, of %d", n, len(d.operations()))
	}
}

// What is sent is parsed strictly, and small.
func TestBodiesAreStrict(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"none":             {"", 200},
		"empty":            {"{}", 200},
		"a note":           {`{"note":"ok"}`, 200},
		"twice":            {`{"note":"a","note":"b"}`, 400},
		"in another case":  {`{"note":"a","Note":"b"}`, 400},
		"unknown":          {`{"by":"ceo"}`, 400},
		"who decides":      {`{"decider":{"issuer":"x","subject":"ceo"}}`, 400},
		"a list":           {`[]`, 400},
		"a number":         {`{"note":1}`, 400},
		"two documents":    {`{}{}`, 400},
		"not UTF-8":        {"{\"note\":\"\xff\"}", 400},
		"a long note":      {`{"note":"` + strings.Repeat("x", 2001) + `"}`, 400},
		"a giant":          {`{"note":"` + strings.Repeat("x", 65<<10) + `"}`, 413},
		"a giant of blank": {strings.Repeat(" ", 65<<10), 413},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.room.ask("a1", "bot")
			if status, m := d.do(t, "approver", "POST", "approvals/a1/approve", tt.body); status != tt.want {
				t.Errorf("%d %v, want %d", status, m, tt.want)
			}
			if open := d.room.all[0].State == gateway.ApprovalOpen; open != (tt.want != 200) {
				t.Errorf("pending: %v", open)
			}
		})
	}
	d := newDesk(t)
	if status, _ := d.do(t, "viewer", "GET", "me", `{"x":1}`); status != 400 {
		t.Errorf("a body that nobody reads: %d", status)
	}
}
