package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A list that two branches added to can hold an item twice, in the words of before and of
// after: no two items or rows of a page begin with the same words.
func TestPagesSayThingsOnce(t *testing.T) {
	const words = 60 // in bytes
	items := 0
	for _, glob := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", "../../examples/*/README.md", "../../examples/*/*/README.md"} {
		pages, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			raw, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			first, code := map[string]int{}, false
			for i, line := range strings.Split(string(raw), "\n") {
				if strings.HasPrefix(line, "```") {
					code = !code
				}
				if code || len(line) < words || line[0] != '-' && line[0] != '|' && line[0] != '*' {
					continue
				}
				items++
				if at, twice := first[line[:words]]; twice {
					t.Errorf("%s:%d begins like line %d: %s", page, i+1, at, line)
				}
				first[line[:words]] = i + 1
			}
		}
	}
	if items < 500 {
		t.Errorf("only %d items", items)
	}
}
