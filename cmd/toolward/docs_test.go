package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// In a page, a command is a line of code that begins with one, or stands in
// backquotes.
var (
	fenced = regexp.MustCompile("(?ms)^```.*?^```")
	called = regexp.MustCompile("(?m)(?:^ {4,}(?:\\$ )?|^\\$ |`)toolward ([a-z][^`\n|#;&]*)")
)

// TestEveryCommandInTheDocsExists looks up every command that a page names, and its
// flags: one that a page promises and that is not registered, or goes by another
// name, is not there.
func TestEveryCommandInTheDocsExists(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, "../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		indented := fenced.ReplaceAllStringFunc(string(text), func(code string) string { return strings.ReplaceAll(code, "\n", "\n    ") })
		for _, m := range called.FindAllStringSubmatch(indented, -1) {
			words := strings.Fields(m[1])
			for i, w := range words {
				if strings.ContainsAny(w, "|…") || strings.HasPrefix(w, "(") {
					words = words[:i]
					break
				}
			}
			root := newRoot(&terminal{w: io.Discard})
			cmd, rest, err := root.Find(words)
			if err != nil || cmd == root || cmd.HasSubCommands() && len(rest) > 0 {
				t.Errorf("%s: there is no `toolward %s`", page, m[1])
				continue
			}
			found++
			for _, w := range rest {
				name, ok := strings.CutPrefix(w, "--")
				if name, _, _ = strings.Cut(name, "="); ok && name != "" && cmd.Flag(name) == nil && name != "help" {
					t.Errorf("%s: `toolward %s` has no --%s", page, m[1], name)
				}
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d commands were found", found)
	}
}
