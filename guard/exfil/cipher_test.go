package exfil

import (
	"strings"
	"testing"
)

// What can be read under a cipher, or has its case turned round, is a finding as a whole.
func TestCipheredTextIsFound(t *testing.T) {
	d := New()
	for _, c := range []struct {
		text Text
		want string
	}{
		{Text{Text: "Gur nppbhag bs gur bjare vf va gur onax.", Cipher: "rot13", Sent: true}, "rot13"},
		{Text{Text: "sudo -u samford -g sudo ls /etc", Cipher: "reversed", Sent: true}, ""},
		{Text{Text: "tHE aCCOUNT oF tHE oWNER iS iN tHE bANK.", Sent: true}, "swapped-case"},
		{Text{Text: "The iPhone of the owner and his iPad are in the bank", Sent: true}, ""},
	} {
		got := ""
		for _, f := range d.Scan(nil, c.text) {
			got = f.Via
		}
		if got != c.want {
			t.Errorf("%q: %q, want %q", c.text.Text, got, c.want)
		}
	}
}

// What is hidden in fewer bytes than a finding needs is not looked for in a longer text,
// and is found in a short one.
func TestShortReadingsCountInShortTexts(t *testing.T) {
	d := New()
	const hidden = "TWVldCBtZSBhdCBub29uLg" // 16 bytes
	for text, want := range map[string]bool{
		hidden: true,
		"see " + hidden + " for it, which is behind us now and soon forgotten by all of them":                              false,
		"see " + hidden + strings.Repeat("TWVldCBtZSBhdCBub29u", 2) + " for it, which is behind us now and soon forgotten": true,
	} {
		found := d.Scan(nil, Text{Text: text, Sent: true})
		if got := len(found) > 0 && found[0].Rule == RuleEncipher; got != want {
			t.Errorf("%q: %v, want %v", text, found, want)
		}
	}
}
