package audit

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// Reader reads a record. It cannot change it: its connections are read-only,
// and a review cannot lock the gateway out. It is safe for concurrent use.
type Reader struct{ db *sql.DB }

// OpenReader opens a record for reading, also while a gateway writes it.
func OpenReader(path string) (*Reader, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("audit database: %w", err)
	}
	db, err := openReadOnly(path, "&_query_only=1")
	if err != nil && !exists(path+"-wal") {
		// On a disk that cannot be written, SQLite cannot make the files it
		// shares with a writer. There is none, so it may do without.
		db, err = openReadOnly(path, "&_query_only=1&immutable=1")
	}
	if err != nil {
		return nil, fmt.Errorf("audit database %s: %w", path, err)
	}
	return &Reader{db: db}, nil
}

func openReadOnly(path, more string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", dsn(path, "ro", 5*time.Second, more))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	var id, version int
	err = db.QueryRow("SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&id, &version)
	switch {
	case err != nil:
	case id != applicationID:
		err = errors.New("this is not an audit record of toolward (application_id " + strconv.Itoa(id) + ")")
	case version != schemaVersion:
		err = fmt.Errorf("its schema is version %d; this program reads %d: move the file away to begin a new record", version, schemaVersion)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Close closes the connections.
func (r *Reader) Close() error { return r.db.Close() }
