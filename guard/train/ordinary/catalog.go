package main

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// catalog is a compiled catalog of messages (GNU gettext manual, "The Format of
// GNU MO Files") as the PO file that translators know, "" if it is none:
//
//	msgid "File not found"
//	msgstr "Datei nicht gefunden"
func catalog(mo []byte) string {
	const magic, header = 0x950412de, 28
	if len(mo) < header || binary.LittleEndian.Uint32(mo) != magic {
		return ""
	}
	number := func(at uint32) uint32 {
		if uint64(at)+4 > uint64(len(mo)) {
			return 0
		}
		return binary.LittleEndian.Uint32(mo[at:])
	}
	message := func(table, i uint32) string {
		size, at := number(table+8*i), number(table+8*i+4)
		if uint64(at)+uint64(size) > uint64(len(mo)) {
			return ""
		}
		return string(mo[at : at+size])
	}
	var b strings.Builder
	for i := range min(number(8), uint32(len(mo)/16)) {
		ids := strings.Split(message(number(12), i), "\x00") // the plural follows
		id := ids[0]
		if context, rest, ok := strings.Cut(id, "\x04"); ok {
			fmt.Fprintf(&b, "msgctxt %s\n", quote(context))
			id = rest
		}
		fmt.Fprintf(&b, "msgid %s\n", quote(id))
		if len(ids) > 1 {
			fmt.Fprintf(&b, "msgid_plural %s\n", quote(ids[1]))
		}
		for n, s := range strings.Split(message(number(16), i), "\x00") {
			if len(ids) > 1 {
				fmt.Fprintf(&b, "msgstr[%d] %s\n", n, quote(s))
			} else {
				fmt.Fprintf(&b, "msgstr %s\n", quote(s))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// quote writes a string as PO files do, one line of it a line of the file.
func quote(s string) string {
	if i := strings.IndexByte(s, '\n'); i < 0 || i == len(s)-1 {
		return plainQuote(s)
	}
	var b strings.Builder
	b.WriteString(`""`)
	for line := range strings.Lines(s) {
		b.WriteString("\n" + plainQuote(line))
	}
	return b.String()
}

// plainQuote leaves letters of every script as they are.
func plainQuote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}
