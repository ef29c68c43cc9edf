package main

import (
	"strings"
	"testing"

	"toolward/guard/eval"
)

// What is measured by writer rests on this: every writer wrote as much, no text is
// there twice, and nearly every order has a harmless text of its setting beside it.
func TestWrittenTextsArePairsOfManyWriters(t *testing.T) {
	rows, err := openAll("written")
	if err != nil {
		t.Fatal(err)
	}
	type count struct{ orders, harmless int }
	writers, groups, texts, ids := map[string]count{}, map[string]count{}, map[string]string{}, map[string]bool{}
	genres, languages := map[string]int{}, map[string]int{}
	for _, r := range rows {
		w, g := writers[r.Source], groups[r.Group]
		if r.Label == eval.Injection {
			w.orders, g.orders = w.orders+1, g.orders+1
		} else {
			w.harmless, g.harmless = w.harmless+1, g.harmless+1
		}
		writers[r.Source], groups[r.Group] = w, g
		if other, ok := texts[r.Text]; ok || ids[r.ID] {
			t.Errorf("%s is %s again", r.ID, other)
		}
		texts[r.Text], ids[r.ID] = r.ID, true
		genre, language, _ := strings.Cut(r.Variant, "/")
		genres[genre]++
		languages[language]++
		if !strings.HasPrefix(r.Group, r.Source+"-") {
			t.Errorf("%s of %s is in a group of another writer, %s", r.ID, r.Source, r.Group)
		}
	}
	for name, n := range writers {
		if n != (count{150, 150}) {
			t.Errorf("%s wrote %+v", name, n)
		}
	}
	paired := 0
	for _, n := range groups {
		if n.orders > 0 && n.harmless > 0 {
			paired++
		}
	}
	if len(writers) != 20 || len(genres) < 15 || len(languages) < 20 || paired*10 < len(groups)*9 {
		t.Errorf("%d writers, %d genres, %d languages, %d of %d groups are pairs", len(writers), len(genres), len(languages), paired, len(groups))
	}
}
