package sums

import "testing"

func TestWithin(t *testing.T) {
	if !Within(1, 2) || Within(9, 2) || Within(9, -1) {
		t.Error("it is not")
	}
}

func TestEither(t *testing.T) {
	for name, got := range map[string]string{"<none>": Either(false, true, "x"), "<x>": Either(true, true, "x"), "<y>": Either(false, false, "y")} {
		if got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}
