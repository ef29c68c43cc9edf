package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"toolward/guard/eval"
)

// Bounds on a file of the corpus, in bytes.
const (
	shortest = 200       // less only names something
	longest  = 128 << 10 // of more the beginning is taken, to the end of a line
)

// file is one that may be taken.
type file struct {
	pkg  *pkg
	path string // below the package's folder
	kind int
	rank string // the order in which files are taken, which is none that means anything
}

// collect takes files of each package. It returns rows in the order of kinds and
// of what was hashed of the paths, and how many of each package there are.
func collect(packages []pkg, kinds []kind) ([]eval.Row, map[string]int, error) {
	var files []file
	for i := range packages {
		some, err := list(&packages[i], kinds)
		if err != nil {
			return nil, nil, err
		}
		files = append(files, some...)
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.rank, b.rank)) })
	var rows []eval.Row
	count, taken := make([]int, len(kinds)), map[string]int{}
	known := map[[sha256.Size]byte]bool{}
	for _, f := range files {
		if count[f.kind] >= kinds[f.kind].most {
			continue
		}
		text, err := read(filepath.Join(f.pkg.dir, f.path))
		if err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256([]byte(text))
		if len(text) < shortest || known[sum] {
			continue
		}
		known[sum] = true
		count[f.kind]++
		taken[f.pkg.name]++
		rows = append(rows, eval.Row{ID: f.pkg.name + ":" + f.path, Source: "ordinary/" + kinds[f.kind].name, License: f.pkg.licence, Surface: "tool_result",
			Label: eval.Benign, Variant: language(f.path), Group: f.pkg.name, Text: text})
	}
	return rows, taken, nil
}

// list lists files of a package, of each kind as many as may be of one.
func list(p *pkg, kinds []kind) ([]file, error) {
	byKind := make([][]file, len(kinds))
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		path, err = filepath.Rel(p.dir, path)
		if err != nil {
			return err
		}
		if k := of(kinds, path); k >= 0 && !strings.HasPrefix(path, "DEBIAN/") {
			sum := sha256.Sum256([]byte(p.name + ":" + path))
			byKind[k] = append(byKind[k], file{p, path, k, string(sum[:])})
		}
		return nil
	})
	var all []file
	for k, files := range byKind {
		slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.rank, b.rank) })
		all = append(all, files[:min(len(files), kinds[k].each)]...)
	}
	return all, err
}

// read reads a file as the text that a tool returns of it; "" for what is no text.
func read(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if bytes.HasPrefix(raw, []byte("\x1f\x8b")) {
		zr, err := gzip.NewReader(bytes.NewReader(raw))
		if err != nil {
			return "", nil //nolint:nilerr // not what it looks like: no text
		}
		if raw, err = io.ReadAll(io.LimitReader(zr, 4<<20)); err != nil {
			return "", nil //nolint:nilerr // likewise
		}
	}
	text := string(raw)
	if strings.HasSuffix(path, ".mo") {
		text = catalog(raw)
	}
	if len(text) > longest {
		text = text[:longest]
		if end := strings.LastIndexByte(text, '\n'); end > longest/2 {
			text = text[:end+1]
		}
		text = strings.ToValidUTF8(text, "")
	}
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return "", nil
	}
	return text, nil
}
