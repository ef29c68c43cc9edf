package audit

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite what is generated in docs")

// The table in docs/audit.md is made from [Types].
func TestTypesAreDocumented(t *testing.T) {
	const page, begin, end = "../docs/audit.md", "<!-- types of events -->\n", "<!-- end -->\n"
	text := read(t, page)
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table", page)
	}
	var b strings.Builder
	fmt.Fprint(&b, "| `type` | says that | in its body |\n|---|---|---|\n")
	for _, typ := range Types {
		fields := strings.Join(typ.Fields, ", ")
		if typ.Texts != nil {
			fields += "; beside it " + strings.Join(typ.Texts, ", ")
		}
		if strings.HasPrefix(typ.Name, "call.") {
			fields = "see `calls`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", typ.Name, typ.Means, fields)
	}
	want := before + begin + b.String() + end + after
	if *update {
		must(t, os.WriteFile(page, []byte(want), 0o644))
	} else if text != want {
		t.Errorf("%s says something else than the table: go test ./audit -run Types -update", page)
	}
}

// Every type has a name of its own and says something, and nothing else is recorded.
func TestTypesAreAll(t *testing.T) {
	var names []string
	for _, typ := range Types {
		if typ.Means == "" || slices.Contains(names, typ.Name) {
			t.Errorf("%+v", typ)
		}
		names = append(names, typ.Name)
	}
	s := openStore(t)
	before := column1(t, s, "SELECT count(*) FROM events")[0]
	for _, name := range []string{"", "approval.aproved", "call", "CALL.ATTEMPT", forgery} {
		if err := s.Note(t.Context(), name, nil); err == nil {
			t.Errorf("an event of type %q is on record", name)
		}
	}
	if after := column1(t, s, "SELECT count(*) FROM events")[0]; after != before {
		t.Errorf("%s events, were %s", after, before)
	}
}
