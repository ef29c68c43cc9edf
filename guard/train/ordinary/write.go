package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"toolward/guard/eval"
)

// write writes the rows, and of which packages they are.
func write(out string, rows []eval.Row, packages []pkg, taken map[string]int) error {
	f, err := os.Create(filepath.Join(out, "ordinary.jsonl.gz"))
	if err != nil {
		return err
	}
	zw := gzip.NewWriter(f)
	enc := json.NewEncoder(zw)
	enc.SetEscapeHTML(false)
	for i := range rows {
		err = errors.Join(err, enc.Encode(&rows[i]))
	}
	if err := errors.Join(err, zw.Close(), f.Close()); err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range packages {
		if taken[p.name] > 0 {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%d\n", p.name, p.version, p.licence, taken[p.name])
		}
	}
	return os.WriteFile(filepath.Join(out, "NOTICE.tsv"), []byte(b.String()), 0o644)
}
