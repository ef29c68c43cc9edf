package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"

	"toolward/audit/schema"
)

// Reader reads a record. It cannot change it: its connections are read-only,
// and a review cannot lock the gateway out. It is safe for concurrent use.
type Reader struct {
	db     *sql.DB
	writer *writer // of the gateway that writes the record; nil of somebody else's
}

// now is the record with all that was recorded until now. The connections alone see what
// the database has, which for a quarter of a second is less.
func (r *Reader) now(ctx context.Context) *sql.DB {
	r.CatchUp(ctx)
	return r.db
}

// CatchUp waits until the database has what the gateway has recorded until now, for who
// reads the file itself next. Of a record that somebody else writes it knows nothing.
func (r *Reader) CatchUp(ctx context.Context) {
	if r.writer != nil {
		r.writer.catchUpTo(ctx, r.writer.appended.Load())
	}
}

// OpenReader opens a record for reading, also while a gateway writes it.
func OpenReader(path string) (*Reader, error) {
	db, err := schema.Open(path)
	if err != nil {
		return nil, err
	}
	return &Reader{db: db}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Close closes the connections.
func (r *Reader) Close() error { return r.db.Close() }

// rows returns what a query yields of what the database has; for queries with bounded
// answers.
func (r *Reader) rows(query string, args ...driver.Value) ([][]driver.Value, error) {
	given := make([]any, len(args))
	for i, arg := range args {
		given[i] = arg
	}
	rows, err := r.db.Query(query, given...)
	if err != nil {
		return nil, err
	}
	return scanAll(rows)
}

// scanAll reads all rows.
func scanAll(rows *sql.Rows) (all [][]driver.Value, err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		scanned, dest := make([]any, len(names)), make([]any, len(names))
		for i := range scanned {
			dest[i] = &scanned[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		row := make([]driver.Value, len(names))
		for i, v := range scanned {
			row[i] = v
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
