// Package audit owns the SQLite file.
package audit
