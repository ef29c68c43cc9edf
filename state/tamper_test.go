package state_test

import (
	"database/sql"
	"testing"

	_ "github.com/mattn/go-sqlite3" // what an attacker with the file has
)

func tamper(t *testing.T, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
