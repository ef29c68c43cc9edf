package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed kinds.txt
var kindsText string

// kind is a kind of file.
type kind struct {
	name string
	most int // files of the corpus
	each int // files of one package
	path *regexp.Regexp
}

// parseKinds reads the table of kinds.
func parseKinds(text string) ([]kind, error) {
	var kinds []kind
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 4 {
			return nil, fmt.Errorf("kinds: %q is not a name, two numbers and a pattern", line)
		}
		most, err := strconv.Atoi(f[1])
		if err != nil {
			return nil, fmt.Errorf("kinds: %s: %w", f[0], err)
		}
		each, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, fmt.Errorf("kinds: %s: %w", f[0], err)
		}
		path, err := regexp.Compile("(?i)" + f[3])
		if err != nil {
			return nil, fmt.Errorf("kinds: %s: %w", f[0], err)
		}
		kinds = append(kinds, kind{f[0], most, each, path})
	}
	return kinds, nil
}

// of is the place in kinds of a file by its path, -1 if it is of none.
func of(kinds []kind, path string) int {
	path = strings.TrimSuffix(path, ".gz")
	for i := range kinds {
		if kinds[i].path.MatchString(path) {
			return i
		}
	}
	return -1
}

// language is that of a manual page or a catalog of strings, "" if the path does
// not say: "usr/share/man/de/man1/ls.1" is de.
func language(path string) string {
	for _, after := range []string{"/man/", "/locale/", "/locales/", "/translations/", "/i18n/", "/lang/", "/langs/"} {
		_, rest, ok := strings.Cut("/"+path, after)
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(rest, "/")
		name, _, _ = strings.Cut(name, ".")
		if languageName.MatchString(name) {
			return name
		}
	}
	return ""
}

var languageName = regexp.MustCompile(`^[a-z]{2,3}([_-][A-Za-z]{2,4})?$`)
