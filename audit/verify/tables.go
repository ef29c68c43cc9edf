package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"toolward/audit/schema"
)

// checkTables looks for triggers, views, tables and indexes that were removed,
// changed or added: the triggers keep a well-meaning hand from changing events,
// and one that was added may keep an event from being written.
func (v *verifier) checkTables(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	want := schema.Statements()
	for rows.Next() {
		var kind, name, got string
		if err := rows.Scan(&kind, &name, &got); err != nil {
			return fmt.Errorf("read the schema: %w", err)
		}
		text, ours := want[name]
		switch {
		case ours && got != text:
			v.problem(0, "", "%s was changed in the database", name)
		case !ours && !schema.OwnOfSQLite(kind, name):
			v.problem(0, "", "%s %q was added to the database", kind, name)
		}
		delete(want, name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v.problem(0, "", "%s is missing from the database", name)
	}
	return rows.Err()
}

// checkIntegrity lets SQLite look whether tables and indexes agree: an index
// that lacks a row hides the event from whoever searches by it, though the
// chain, which is read in the order of the table, holds.
func (v *verifier) checkIntegrity(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, "PRAGMA integrity_check(10)")
	if err != nil {
		v.problem(0, "", "SQLite cannot check the database: %v", err)
		v.damaged = true
		return ctx.Err()
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var said string
		if err := rows.Scan(&said); err != nil {
			return fmt.Errorf("check the database: %w", err)
		}
		if said != "ok" {
			v.problem(0, "", "the database is damaged or was tampered with: %s", said)
			v.damaged = true
		}
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		v.problem(0, "", "SQLite cannot check the database: %v", err)
	}
	return ctx.Err()
}

// Derived is a table that holds nothing that events do not say, for the sake of
// speed. Its check computes it anew and says where the two differ. The tables are
// the writer's own business, so whoever verifies brings the check along.
type Derived struct {
	Table string
	Check func(context.Context) (differences []string, err error)
}

// checkDerived compares derived tables with the events that they come from: a row
// less there hides events from whoever asks by it. Where the events are not what
// was recorded there is nothing to compare with.
func (v *verifier) checkDerived(ctx context.Context, _ *sql.DB) error {
	if len(v.Problems) > 0 {
		return nil
	}
	for _, d := range v.opts.Derived {
		differences, err := d.Check(ctx)
		if err != nil {
			return fmt.Errorf("compare %s: %w", d.Table, err)
		}
		for _, what := range differences {
			v.problem(0, "table "+d.Table, "%s differs from the events: %s", d.Table, what)
		}
	}
	return nil
}
