package verify

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"toolward/audit"
	"toolward/audit/schema"
	"toolward/gateway"
)

// newRecord makes a closed record with n calls and returns its path.
func newRecord(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	s, err := audit.Open(audit.Options{Path: path})
	must(t, err)
	agent := &gateway.Agent{ID: "ann", Issuer: "https://id.test", Roles: []string{"dev"}, Session: "s-1"}
	tool := &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: "read_file", Wire: "files__read_file"}
	for i := range n {
		args, err := gateway.ParseArgs(fmt.Appendf(nil, `{"n":%d}`, i))
		must(t, err)
		c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
		c.Agent, c.Name, c.Args, c.Tool = agent, tool.Wire, args, tool
		c.Session = gateway.Session{ID: "5e55", Calls: 1}
		c.Decision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "r1"}
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		c.Result = &gateway.Result{Raw: []byte(`{"content":[]}`)}
		must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
	}
	must(t, s.Close())
	return path
}

// tamper changes a record as an attacker with the file would: the triggers go,
// and come back afterwards.
func tamper(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	must(t, err)
	db.SetMaxOpenConns(1)
	var drop, restore []string
	for name, text := range schema.Statements() {
		switch name {
		case "events_refuse_update", "events_refuse_delete", "events_refuse_replace":
			drop, restore = append(drop, "DROP TRIGGER "+name), append(restore, text)
		}
	}
	for _, statement := range append(append(drop, statements...), restore...) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	must(t, db.Close())
}

// rebuildChain makes the chain anew over whatever is in the table, as an attacker
// without the signing key can.
func rebuildChain(t *testing.T, path string) {
	t.Helper()
	db := open(t, path)
	var statements []string
	last := make([]byte, 32)
	must(t, readRows(t.Context(), db, "true", nil, func(r *rowView) error {
		last = chained(last, r)
		statements = append(statements, fmt.Sprintf("UPDATE events SET hash = x'%x' WHERE seq = %d", last, r.seq))
		return nil
	}))
	tamper(t, path, statements...)
}

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := schema.Open(path)
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return db
}

func verified(t *testing.T, path string, checkpoints ...string) Report {
	t.Helper()
	v, err := Record(t.Context(), Options{Path: path, Checkpoints: checkpoints})
	must(t, err)
	return v
}

// verifyAlone verifies without the file of checkpoints beside it.
func verifyAlone(t *testing.T, path string) Report {
	t.Helper()
	must(t, os.Rename(path+".checkpoints", path+".aside"))
	v := verified(t, path)
	must(t, os.Rename(path+".aside", path+".checkpoints"))
	return v
}

// bare is a problem without what the event says of itself.
func bare(p Problem) string {
	p.Time = ""
	return p.String()
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
