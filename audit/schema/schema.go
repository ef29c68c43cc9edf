// Package schema is what makes a SQLite file a record of toolward: its tables,
// indexes, views and triggers, which schema.sql explains, and the two marks in the
// file's header. Who writes a record and who verifies one have nothing else in
// common.
package schema

import (
	_ "embed"
	"strings"
)

// What makes a SQLite file a record of ours (PRAGMA application_id, the bytes
// "tool") and which schema it has (PRAGMA user_version).
const (
	ApplicationID = 0x746f6f6c
	Version       = 5
)

// Text is the statements that make an empty record.
//
//go:embed schema.sql
var Text string

// Statements is the schema by object name, as SQLite stores it: the text of each
// CREATE statement up to its semicolon.
func Statements() map[string]string {
	all := map[string]string{}
	for _, part := range strings.Split("\n"+Text, "\nCREATE ")[1:] {
		text := "CREATE " + part + "\n"
		end := strings.Index(text, ";\n")
		if strings.HasPrefix(text, "CREATE TRIGGER") {
			end = strings.Index(text, "END;") + len("END")
		}
		all[strings.Fields(text)[2]] = text[:end]
	}
	return all
}

// OwnOfSQLite reports whether an object is one that SQLite makes for itself: the
// statistics that ANALYZE and PRAGMA optimize write.
func OwnOfSQLite(kind, name string) bool {
	return kind == "table" && (name == "sqlite_stat1" || name == "sqlite_stat4")
}
