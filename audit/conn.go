package audit

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/mattn/go-sqlite3"

	"toolward/audit/schema"
)

// conn is the writer's connection. It is used by one goroutine at a time, and
// goes to the driver directly: database/sql would add its locks and copies to
// each of a million inserts.
type conn struct {
	c                     *sqlite3.SQLiteConn
	begin, insert, commit driver.Stmt
	keep, intern          driver.Stmt
	source, tally, more   driver.Stmt
	empty, sweep          driver.Stmt
	counting              counting
	args                  []driver.NamedValue // of the statement that runs
	blobs                 [6]blob             // who, what, digest, hash and mac of an event, and its salt
	common                map[string]driver.Value
	interned              map[string]int64 // by digest, the event for which it was last written
}

// pageSize is of the database, in bytes. Of a page with texts of a KiB a fifth stays empty
// where it has 4 KiB, and a twelfth where it has 8; but a transaction writes the last page of
// every index, whole, and with 16 KiB a call alone takes a third more of the processor than with 4.
const pageSize = 8 << 10

// dial opens the database for writing and checks that it is ours. With fresh,
// the file is empty and the schema is made.
func dial(opts Options, fresh bool) (*conn, error) {
	raw, err := (&sqlite3.SQLiteDriver{}).Open(schema.DSN(opts.Path, "rw", opts.Busy, "&_mutex=no"))
	if err != nil {
		return nil, err
	}
	c := &conn{c: raw.(*sqlite3.SQLiteConn), interned: map[string]int64{}, common: map[string]driver.Value{}, counting: newCounting()}
	if err := c.setUp(opts, fresh); err != nil {
		return nil, errors.Join(err, c.c.Close())
	}
	return c, nil
}

func (c *conn) setUp(opts Options, fresh bool) error {
	if fresh {
		// In one transaction, without a write-ahead log: the file is whole when
		// it is committed, and can be moved into place alone.
		return c.create()
	}
	if err := c.checkSchema(); err != nil {
		return err
	}
	if mode, err := c.text("PRAGMA journal_mode = WAL"); err != nil {
		return err
	} else if mode != "wal" {
		return fmt.Errorf("the file system does not do WAL (journal mode %q): put the database on a local disk", mode)
	}
	if err := c.synchronous(opts.Durability); err != nil {
		return err
	}
	for _, pragma := range []string{
		"PRAGMA trusted_schema = OFF",
		"PRAGMA cell_size_check = ON",
		"PRAGMA temp_store = MEMORY",           // once a statement changed more than 64 KiB, what it and all after it would undo goes to a temporary file, page by page
		"PRAGMA journal_size_limit = 67108864", // give the log's space back after a long reader
		"PRAGMA wal_autocheckpoint = " + ownFold,
	} {
		if err := c.exec(pragma); err != nil {
			return err
		}
	}
	return c.prepare()
}

func (c *conn) prepare() error {
	for _, p := range []struct {
		stmt *driver.Stmt
		text string
	}{
		{&c.begin, "BEGIN IMMEDIATE"},
		{&c.commit, "COMMIT"},
		{&c.insert, "INSERT INTO events (" + eventColumns + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&c.keep, "INSERT OR REPLACE INTO bodies (seq, salt, text, beside) VALUES (?, ?, ?, ?)"},
		{&c.source, "INSERT OR IGNORE INTO sources (source, seq) VALUES (?, ?)"},
		{&c.tally, `INSERT INTO counts (span, hour, facet, slot, calls, first, last) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, first = min(first, excluded.first), last = max(last, excluded.last)`},
		{&c.more, "UPDATE counts SET calls = calls + ?5, first = min(first, ?6), last = max(last, ?7) WHERE span = ?1 AND hour = ?2 AND facet = ?3 AND slot = ?4"},
		{&c.sweep, "DELETE FROM counts WHERE span = ? AND calls = 0"},
		{&c.empty, "DELETE FROM counts WHERE span = ? AND hour = ? AND facet = ? AND slot = ? AND calls = 0"},
		{&c.intern, "INSERT INTO interned (digest, salt, text, last) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET last = excluded.last"},
	} {
		stmt, err := c.c.Prepare(p.text)
		if err != nil {
			return err
		}
		*p.stmt = stmt
	}
	for i, size := range [...]int{sharedSize, sharedSize, digestSize, sha256.Size, macSize, saltSize} {
		c.blobs[i] = newBlob(size)
	}
	return nil
}

// synchronous sets what a commit waits for, and reads it back: the driver's
// build sets NORMAL for WAL databases by itself, and a setting that did not
// take would be a promise that is not kept.
func (c *conn) synchronous(d Durability) error {
	want, name := "1", "NORMAL"
	if d == DurabilityPower {
		want, name = "2", "FULL"
	}
	if err := c.exec("PRAGMA synchronous = " + name); err != nil {
		return err
	}
	got, err := c.text("PRAGMA synchronous")
	if err == nil && got != want {
		err = fmt.Errorf("synchronous is %s, want %s (%s)", got, want, name)
	}
	return err
}

func (c *conn) create() error {
	// Pages that a prune frees can be given back to the disk, a few at a time.
	if err := c.exec("PRAGMA page_size = " + strconv.Itoa(pageSize) + "; PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
		return err
	}
	return c.exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", schema.Text, schema.ApplicationID, schema.Version))
}

// checkSchema refuses what is not a record of this version, and one whose
// tables, indexes, views and triggers are not exactly those that this program
// makes: a trigger more can drop each event before it is written.
func (c *conn) checkSchema() error {
	id, err := c.text("PRAGMA application_id")
	if err != nil {
		return err
	}
	if id != strconv.Itoa(schema.ApplicationID) {
		return errors.New("this is not an audit record of toolward (application_id " + id + ")")
	}
	version, err := c.text("PRAGMA user_version")
	if err != nil {
		return err
	}
	if n, _ := strconv.Atoi(version); n > schema.Version {
		return fmt.Errorf("its schema is version %s, newer than this program's %d: use the newer program", version, schema.Version)
	} else if n < schema.Version {
		return fmt.Errorf("its schema is version %s, and this program knows no way from there to %d", version, schema.Version)
	}
	rows, err := c.rows("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return err
	}
	want := schema.Statements()
	for _, row := range rows {
		kind, name := fmt.Sprint(row[0]), fmt.Sprint(row[1])
		sql, ours := want[name]
		switch {
		case ours && sql != fmt.Sprint(row[2]):
			return fmt.Errorf("its %s %s was changed", kind, name)
		case !ours && !schema.OwnOfSQLite(kind, name):
			return fmt.Errorf("it has the %s %q, which this program did not make: what that does to the record is unknown; DROP it", kind, name)
		}
		delete(want, name)
	}
	for name := range want {
		return fmt.Errorf("its %s is missing", name)
	}
	return nil
}

func (c *conn) exec(query string, args ...driver.Value) error {
	_, err := c.c.Exec(query, args)
	return err
}

// text returns the only value of a query as text.
func (c *conn) text(query string) (string, error) {
	rows, err := c.rows(query)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 || len(rows[0]) == 0 {
		return "", fmt.Errorf("%s: no answer", query)
	}
	return fmt.Sprint(rows[0][0]), nil
}

// rows returns what a query yields; for queries with bounded answers.
func (c *conn) rows(query string, args ...driver.Value) ([][]driver.Value, error) {
	r, err := c.c.Query(query, args)
	if err != nil {
		return nil, err
	}
	var all [][]driver.Value
	for {
		row := make([]driver.Value, len(r.Columns()))
		if err := r.Next(row); errors.Is(err, io.EOF) {
			return all, r.Close()
		} else if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		all = append(all, row)
	}
}

// add inserts an event inside the open transaction.
func (c *conn) add(e *Event, hash, mac []byte) error {
	if err := c.addKept(e); err != nil {
		return err
	}
	c.args = c.args[:0]
	c.bind(e.Seq)
	c.bind(e.TimeUnixMs)
	c.bind(c.boxed(e.Type))
	if e.Of != 0 {
		c.bind(e.Of)
	} else {
		c.bind(word(e.Call))
	}
	for _, s := range [...]string{e.Agent, e.Server, e.Tool, e.Kind, e.Effect, e.Code, e.Session, e.Outcome} {
		c.bind(c.boxed(s))
	}
	for _, n := range [...]int64{e.Us, e.Bytes} {
		if n != 0 {
			c.bind(n)
		} else {
			c.bind(nil)
		}
	}
	c.bind(c.blobs[0].of(e.Who))
	c.bind(c.blobs[1].of(e.What))
	c.bind(string(e.Body))
	c.bind(c.blobs[2].of(e.Digest))
	c.bind(c.blobs[3].of(hash))
	c.bind(c.blobs[4].of(mac))
	err := run(c.insert, c.args)
	if err != nil && e.Digest != nil {
		err = errors.Join(err, c.exec("DELETE FROM bodies WHERE seq = ?", e.Seq))
	}
	if err != nil {
		return err
	}
	if err := c.count(e); err != nil {
		return fmt.Errorf("count calls: %v", err) // the event is in: it cannot be rejected alone
	}
	return nil
}

// boxed is word for what many events have in common: making a value of a text takes
// memory.
func (c *conn) boxed(s string) driver.Value {
	v, ok := c.common[s]
	if !ok {
		if len(c.common) >= 1<<12 {
			clear(c.common)
		}
		v = word(s)
		c.common[s] = v
	}
	return v
}

// word is the value of a column, which NULL is for none.
func word(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

// blob is the value of a column of bytes that are so many as a rule: making a value
// of bytes takes memory. SQLite copies it.
type blob struct {
	bytes []byte
	value driver.Value // of bytes
}

func newBlob(size int) blob {
	b := make([]byte, size)
	return blob{b, b}
}

// of is the value of some bytes, until the next; NULL of none.
func (b *blob) of(bytes []byte) driver.Value {
	switch len(bytes) {
	case 0:
		return nil
	case len(b.bytes):
		copy(b.bytes, bytes)
		return b.value
	}
	return bytes
}

// at is the chain at an event: the zero head before the first, and for one
// that is not there.
func (c *conn) at(seq int64) (head, error) {
	rows, err := c.rows("SELECT hash FROM events WHERE seq = ?", seq)
	if err != nil || len(rows) == 0 {
		return head{}, err
	}
	h := head{seq: seq}
	hash, _ := rows[0][0].([]byte)
	copy(h.hash[:], hash)
	return h, nil
}

// bind adds the value of the next parameter to those of the statement that runs next.
func (c *conn) bind(v driver.Value) {
	c.args = append(c.args, driver.NamedValue{Ordinal: len(c.args) + 1, Value: v})
}

// do executes a prepared statement with a few values.
func (c *conn) do(stmt driver.Stmt, values ...driver.Value) error {
	c.args = c.args[:0]
	for _, v := range values {
		c.bind(v)
	}
	return run(stmt, c.args)
}

// change executes a prepared statement and returns how many rows it changed.
func (c *conn) change(stmt driver.Stmt, values ...driver.Value) (int64, error) {
	c.args = c.args[:0]
	for _, v := range values {
		c.bind(v)
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), c.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// run executes a prepared statement that yields no rows. It asks for some all the same: then
// the driver hands over all values in one call into C, and not each in one of its own. It
// keeps a buffer for that, of the size of the longest, so what is very long goes the other way.
func run(stmt driver.Stmt, args []driver.NamedValue) error {
	for i := range args {
		if text, ok := args[i].Value.(string); ok && len(text) > maxBuffer {
			_, err := stmt.(driver.StmtExecContext).ExecContext(context.Background(), args)
			return err
		}
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// close closes the connection.
func (c *conn) close() error {
	var errs []error
	for _, stmt := range []driver.Stmt{c.begin, c.insert, c.commit, c.keep, c.intern, c.source, c.tally, c.more, c.empty, c.sweep} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(append(errs, c.c.Close())...)
}

func values(v ...driver.Value) []driver.Value { return v }
