package main

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
)

// Every character, alone and within text, written at once and byte by byte: none
// that a terminal obeys comes through, and JSON stays the same value.
func TestTerminalObeysNothing(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		if !obeyed(r) && r%97 != 0 {
			continue // what is drawn passes as it is; some of it is enough
		}
		in := "a" + string(r) + "b"
		out := throughTerminal(t, in)
		if i := strings.IndexFunc(strings.NewReplacer("\n", "", "\t", "").Replace(out), obeyed); i >= 0 {
			t.Fatalf("%U came through: %q", r, out)
		}
		if !obeyed(r) && out != in {
			t.Fatalf("%U became %q", r, out)
		}
		quoted, _ := json.Marshal(in)
		var back string
		if err := json.Unmarshal([]byte(throughTerminal(t, string(quoted))), &back); err != nil || back != in {
			t.Fatalf("%U in JSON: %q, %v", r, back, err)
		}
		if cell := printable(in); strings.ContainsFunc(cell, obeyed) {
			t.Fatalf("%U in a cell: %q", r, cell)
		}
	}
	for _, in := range []string{"\x9b31m", "a\xff", "\xe2\x80", "ok \xf0\x9f\x98"} {
		if out := throughTerminal(t, in+"."); strings.ContainsFunc(out, func(r rune) bool { return r == unicode.ReplacementChar || r > 0x7f }) {
			t.Errorf("%q became %q", in, out)
		}
	}
}

func throughTerminal(t *testing.T, in string) string {
	t.Helper()
	var whole, pieces strings.Builder
	if _, err := (&terminal{w: &whole}).Write([]byte(in)); err != nil {
		t.Fatal(err)
	}
	one, r, b := &terminal{w: &pieces}, iotest.OneByteReader(strings.NewReader(in)), make([]byte, 1)
	for range len(in) {
		if _, err := r.Read(b); err != nil {
			t.Fatal(err)
		}
		if _, err := one.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if whole.String() != pieces.String() {
		t.Fatalf("%q at once, %q byte by byte", whole.String(), pieces.String())
	}
	return whole.String()
}

// A line of CSV ends as RFC 4180 §2.1 has it; a carriage return alone would go back
// in the line, and hide what was there.
func TestTerminalEndsLinesOfCSV(t *testing.T) {
	for in, want := range map[string]string{
		"\"a\"\r\n\"b\"\r\n": "\"a\"\r\n\"b\"\r\n", "a\rb\n": `a\u000db` + "\n", "a\r\r\nb": `a\u000d` + "\r\nb", "\r\n": "\r\n",
	} {
		if got := throughTerminal(t, in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
