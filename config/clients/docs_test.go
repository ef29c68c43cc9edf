package clients

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The page names every client that is known, and where its file is.
func TestPageNamesTheClients(t *testing.T) {
	want := "| Client | `connect` | File (Linux) | Of a project |\n| --- | --- | --- | --- |\n"
	for i := range all() {
		c := &all()[i]
		file, _, err := c.place(Options{Home: "~", OS: "linux", Env: func(string) string { return "" }})
		if err != nil {
			t.Fatal(err)
		}
		code := func(s string) string {
			if s == "" {
				return "–"
			}
			return "`" + s + "`"
		}
		want += fmt.Sprintf("| %s | `%s` | %s | %s |\n", c.Title, c.ID, code(file), code(c.Project))
	}
	const page = "../../docs/clients.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), want) {
		t.Errorf("%s has another table; it is\n%s", page, want)
	}
}
