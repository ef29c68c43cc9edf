package schema

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"
)

// DSN names a database for the driver. The path is escaped: `?`, `#` and `%` are
// legal in file names and mean something in a URI.
func DSN(path, mode string, busy time.Duration, more string) string {
	u := url.URL{Path: path}
	return "file:" + u.EscapedPath() + "?mode=" + mode + "&_busy_timeout=" + strconv.FormatInt(busy.Milliseconds(), 10) + more
}

// Real is where a database stands that a link may lead to. SQLite has its log there, and
// what belongs to the database, by whatever name it is opened, has to stand there too.
func Real(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path // it is to be made, or whoever opens it says what is wrong
}

// Open opens a record for reading, also while a gateway writes it: its connections
// cannot change it, and cannot lock the gateway out.
func Open(path string) (*sql.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("audit database: %w", err)
	}
	db, err := openReadOnly(path, "&_query_only=1")
	if _, noLog := os.Stat(path + "-wal"); err != nil && noLog != nil {
		// On a disk that cannot be written, SQLite cannot make the files it
		// shares with a writer. There is none, so it may do without.
		db, err = openReadOnly(path, "&_query_only=1&immutable=1")
	}
	if err != nil {
		return nil, fmt.Errorf("audit database %s: %w", path, err)
	}
	return db, nil
}

func openReadOnly(path, more string) (*sql.DB, error) {
	db, err := sql.Open("sqlite3", DSN(path, "ro", 5*time.Second, more))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	var id, version int
	err = db.QueryRow("SELECT application_id, user_version FROM pragma_application_id, pragma_user_version").Scan(&id, &version)
	switch {
	case err != nil:
	case id != ApplicationID:
		err = errors.New("this is not an audit record of toolward (application_id " + strconv.Itoa(id) + ")")
	case version != Version:
		err = fmt.Errorf("its schema is version %d; this program reads %d: move the file away to begin a new record", version, Version)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}
