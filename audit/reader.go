package audit

import (
	"database/sql"
	"os"

	"toolward/audit/schema"
)

// Reader reads a record. It cannot change it: its connections are read-only,
// and a review cannot lock the gateway out. It is safe for concurrent use.
type Reader struct{ db *sql.DB }

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
