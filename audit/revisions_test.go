package audit

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestRevisions(t *testing.T) {
	s := openStore(t)
	load := func(revision, shadow string) {
		t.Helper()
		_, err := s.Append(t.Context(), Event{
			Type: TypePolicy, Body: Raw(fmt.Sprintf(`{"revision":%q,"shadow":%q,"digests":{"z.rego":"1","a.rego":"2"}}`, revision, shadow)),
			Kept: Kept{Text: Raw(fmt.Sprintf(`{"files":[{"name":%q}],"shadow_files":[{"name":%q}]}`, revision, shadow))},
		})
		must(t, err)
	}
	if list, next, err := s.Revisions(t.Context(), 10, 0); err != nil || len(list) != 0 || next != 0 {
		t.Errorf("of none: %v %d %v", list, next, err)
	}
	for _, r := range [][2]string{{"abc1", ""}, {"abd2", "fff1"}, {"abc1", "fff2"}, {"eee3", "abc1"}, {"abd2", ""}, {"abd2", ""}} {
		load(r[0], r[1])
	}
	var all []string
	for before := int64(0); ; {
		list, next, err := s.Revisions(t.Context(), 1, before)
		must(t, err)
		for _, v := range list {
			all = append(all, fmt.Sprint(v.Revision, " ", v.Loads, " ", v.Shadow, " ", strings.Join(v.Files, ","), " ", v.InForce))
		}
		if before = next; next == 0 {
			break
		}
	}
	if want := "abd2 3  a.rego,z.rego true\neee3 1 abc1 a.rego,z.rego false\nabc1 2 fff2 a.rego,z.rego false"; strings.Join(all, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(all, "\n"), want)
	}
	for beginning, want := range map[string]string{"abc1": "abc1", "abc": "abc1", "e": "eee3", "fff2": "fff2", "fff": "ambiguous", "ab": "ambiguous", "": "none", "abc12": "none", "%": "none", "ABC1": "none"} {
		got, err := s.PolicyNamed(t.Context(), beginning)
		switch {
		case want == "ambiguous":
			if !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%q: %v, %v", beginning, got, err)
			}
		case want == "none":
			if !errors.Is(err, ErrNoRevision) {
				t.Errorf("%q: %v, %v", beginning, got, err)
			}
		case err != nil || got.Revision != want || !strings.Contains(string(got.Files), want) || got.Loaded == "":
			t.Errorf("%q: %+v, %v", beginning, got, err)
		}
	}
}
