package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
)

// State is what the database holds beside the record: approvals and pins. It
// may be open in several processes at once: the gateway waits for an approval
// that a command gives. It is safe for concurrent use.
type State struct {
	db    *sql.DB
	clean func(definition json.RawMessage) json.RawMessage // without credentials; nil for commands
}

// OpenState opens the approvals and pins of an existing record, for commands.
// The gateway's are in its [Store]. Whoever decides for a gateway has to be able
// to read its keys (keysPath; "": path + ".keys"): a copy of the database that
// was made for reviewers does not do.
func OpenState(path, keysPath string) (*State, error) {
	if keysPath == "" {
		keysPath = path + ".keys"
	}
	if _, err := LoadKeys(keysPath); err != nil {
		return nil, err
	}
	reader, err := OpenReader(path) // says exactly what is wrong with the file
	if err != nil {
		return nil, err
	}
	if err := reader.Close(); err != nil {
		return nil, err
	}
	return openState(path, DurabilityPower)
}

// Close closes the connection.
func (s *State) Close() error { return s.db.Close() }

func openState(path string, d Durability) (*State, error) {
	sync := "NORMAL"
	if d == DurabilityPower {
		sync = "FULL"
	}
	db, err := sql.Open("sqlite3", dsn(path, "rw", 5*time.Second, "&_txlock=immediate&_synchronous="+sync))
	if err != nil {
		return nil, fmt.Errorf("audit database %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	return &State{db: db}, nil
}

// Pins returns every accepted definition, ordered by server, kind and name.
func (s *State) Pins(ctx context.Context) (pins []gateway.Pin, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT server, kind, name, fingerprint, definition, accepted_by, time_unix_ms FROM pins ORDER BY server, kind, name")
	if err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p gateway.Pin
		var definition string
		var at int64
		if err := rows.Scan(&p.Server, &p.Kind, &p.Name, &p.Fingerprint, &definition, &p.By, &at); err != nil {
			return nil, fmt.Errorf("read pins: %w", err)
		}
		p.Definition, p.Time = []byte(definition), time.UnixMilli(at).UTC()
		pins = append(pins, p)
	}
	return pins, rows.Err()
}

// PutPins stores accepted definitions, all or none, replacing those of the same
// server, kind and name.
func (s *State) PutPins(ctx context.Context, pins ...gateway.Pin) error {
	return s.tx(ctx, "store pins", func(tx *sql.Tx) error {
		for _, p := range pins {
			if s.clean != nil {
				p.Definition = s.clean(p.Definition)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO pins (server, kind, name, fingerprint, definition, accepted_by, time_unix_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (server, kind, name) DO UPDATE SET fingerprint = excluded.fingerprint, definition = excluded.definition,
				accepted_by = excluded.accepted_by, time_unix_ms = excluded.time_unix_ms`,
				p.Server, string(p.Kind), p.Name, p.Fingerprint, string(p.Definition), p.By, p.Time.UnixMilli()); err != nil {
				return err
			}
		}
		return nil
	})
}

// tx runs f in a transaction that holds the write lock from the start.
func (s *State) tx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := f(tx); err != nil {
		return fmt.Errorf("%s: %w", what, errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
