package clients

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Names are the clients that are known, as [Connect] takes them.
func Names() []string {
	names := make([]string, len(all()))
	for i := range all() {
		names[i] = all()[i].ID
	}
	return names
}

// lookUp finds a client by its name as people write it.
//
//	"VS Code", "vs-code" → vscode
func lookUp(id string) (*client, error) {
	want := plain(id)
	for i := range all() {
		c := &all()[i]
		if want != "" && (plain(c.ID) == want || plain(c.Title) == want) {
			return c, nil
		}
		for _, name := range c.Also {
			if want == plain(name) {
				return c, nil
			}
		}
	}
	if near := nearest(want); len(near) > 0 {
		return nil, fmt.Errorf("unknown client %q; did you mean %s?", id, strings.Join(near, " or "))
	}
	return nil, fmt.Errorf("unknown client %q; known are %s; `toolward connect generic` prints an entry for any other", id, strings.Join(Names(), ", "))
}

// plain is a name without what people write in one way or another.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// nearest are the clients whose names begin with what was written, or which it
// misses by no more than a third of its letters.
func nearest(want string) []string {
	var begin, near []string
	least := max(len(want)/3, 1)
	for _, c := range all() {
		if len(want) > 1 && (strings.HasPrefix(plain(c.ID), want) || strings.HasPrefix(plain(c.Title), want)) {
			begin = append(begin, c.ID)
		}
		distance := least + 1
		for _, name := range append([]string{c.ID, c.Title}, c.Also...) {
			distance = min(distance, levenshtein.ComputeDistance(want, plain(name)))
		}
		switch {
		case distance < least:
			near, least = []string{c.ID}, distance
		case distance == least && len(want) > 1:
			near = append(near, c.ID)
		}
	}
	if len(begin) > 0 {
		return begin
	}
	return near
}
