package guardtest

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"unicode"
)

//go:embed orders.txt
var orderLines string

// Order is an order to a model.
type Order struct{ Language, Text string }

// Latin reports whether it is written in Latin letters.
func (o Order) Latin() bool { return strings.Contains("de en es fr it pt", o.Language) }

// Orders are what is dressed up: each is found as it stands.
func Orders() []Order {
	var orders []Order
	for line := range strings.Lines(orderLines) {
		if language, text, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && !strings.HasPrefix(line, "#") {
			orders = append(orders, Order{language, text})
		}
	}
	return orders
}

// Reader says what it takes to read an order in its dress.
type Reader uint8

// The readers.
const (
	Plain   Reader = iota // the words stand there: whoever reads the text reads them
	Decoder               // a model decodes it in its head, or is told to
)

// Dressing is a way to write an order so that a detector may not see it.
type Dressing struct {
	Name  string
	Reads Reader
	Latin bool // it only changes Latin letters: of other orders it makes nothing new
	Apply func(order string) string
}

// Dressings are all of them, fillers included.
func Dressings() []Dressing {
	return append(append(append(letters(), encodings()...), markup()...), fillers()...)
}

// between writes a sign after each letter.
func between(sign string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteRune(r)
			if unicode.IsLetter(r) {
				b.WriteString(sign)
			}
		}
		return b.String()
	}
}

// mapped writes each character as f does.
func mapped(f func(rune) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(f(r))
		}
		return b.String()
	}
}

// moved writes printable ASCII as the characters so far on.
func moved(from, to, first rune) func(string) string {
	return mapped(func(r rune) string {
		if r >= from && r <= to {
			r = first + r - from
		}
		return string(r)
	})
}

// replaced writes letters as others.
func replaced(from, to string) func(string) string {
	signs := []rune(to)
	return mapped(func(r rune) string {
		for i, f := range []rune(from) {
			if r == f {
				return string(signs[i])
			}
		}
		return string(r)
	})
}

// letters are dressings of the letters themselves.
func letters() []Dressing {
	var d []Dressing
	for _, r := range []rune{0xad, 0x34f, 0x61c, 0x115f, 0x17b4, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x202a, 0x202d, 0x2060, 0x2061,
		0x2064, 0x2066, 0x206a, 0x2800, 0x3164, 0xfe00, 0xfe0f, 0xfeff, 0xffa0, 0xfff9, 0x1d173, 0xe0001, 0xe0020, 0xe0100, 0xe01ef} {
		d = append(d, Dressing{fmt.Sprintf("U+%04X between letters", r), Plain, false, between(string(r))})
	}
	return append(d,
		Dressing{"two kinds of nothing between letters", Plain, false, between("\u200b\u2060")},
		Dressing{"many U+200B between letters", Plain, false, between(strings.Repeat("\u200b", 20))},
		Dressing{"a mark on each letter", Plain, true, between("\u0335")},
		Dressing{"piles of marks", Plain, true, between("\u0335\u0321\u0315\u0300\u0316")},
		Dressing{"full width", Plain, true, moved('!', '~', 0xff01)},
		Dressing{"mathematical bold", Plain, true, func(s string) string { return moved('A', 'Z', 0x1d400)(moved('a', 'z', 0x1d41a)(s)) }},
		Dressing{"double-struck", Plain, true, moved('a', 'z', 0x1d552)},
		Dressing{"in circles", Plain, true, moved('a', 'z', 0x24d0)},
		Dressing{"in boxes", Plain, true, func(s string) string { return moved('A', 'Z', 0x1f130)(strings.ToUpper(s)) }},
		Dressing{"in dark boxes", Plain, true, func(s string) string { return moved('A', 'Z', 0x1f170)(strings.ToUpper(s)) }},
		Dressing{"in dark circles", Plain, true, func(s string) string { return moved('A', 'Z', 0x1f150)(strings.ToUpper(s)) }},
		Dressing{"Braille letters", Decoder, true, func(s string) string {
			return replaced(ascii, "⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵")(strings.ToLower(s))
		}},
		Dressing{"upside down", Decoder, true, func(s string) string {
			return backwards(replaced(ascii, "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz")(strings.ToLower(s)))
		}},
		Dressing{"Morse", Decoder, true, morse},
		Dressing{"Cyrillic look-alikes", Plain, true, replaced("aeopcxyisACEHKMOPTX", "аеорсхуіѕАСЕНКМОРТХ")},
		Dressing{"Greek look-alikes", Plain, true, replaced("aoivuABEHIKMNOPTXYZ", "αοινυΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")},
		Dressing{"small capitals", Plain, true, replaced("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")},
		Dressing{"tag characters", Decoder, true, func(s string) string { return "ok" + moved(' ', '~', 0xe0020)(s) }},
		Dressing{"capitals", Plain, true, strings.ToUpper},
		Dressing{"alternating case", Plain, true, alternating},
		Dressing{"leet", Plain, true, replaced("aeiost", "431057")},
		Dressing{"spaced", Plain, true, func(s string) string { return strings.TrimSpace(between(" ")(s)) }},
		Dressing{"dots between letters", Plain, true, joinedBy(".")},
		Dressing{"hyphens between letters", Plain, true, joinedBy("-")},
		Dressing{"underscores for spaces", Plain, true, func(s string) string { return strings.ReplaceAll(s, " ", "_") }},
		Dressing{"hyphens for spaces", Plain, true, func(s string) string { return strings.ReplaceAll(s, " ", "-") }},
		Dressing{"no-break spaces", Plain, false, func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }},
		Dressing{"a line a word", Plain, false, func(s string) string { return strings.ReplaceAll(s, " ", "\n") }},
		Dressing{"a blank line a word", Plain, false, func(s string) string { return strings.ReplaceAll(s, " ", "\n\n") }},
		Dressing{"tabs and many spaces", Plain, false, func(s string) string { return strings.ReplaceAll(s, " ", " \t      ") }},
		Dressing{"reversed", Decoder, false, backwards},
		Dressing{"bidi override", Plain, false, func(s string) string { return "\u202e" + backwards(s) + "\u202c" }},
		Dressing{"ROT13", Decoder, true, rot13},
		Dressing{"Atbash", Decoder, true, mapped(func(r rune) string {
			switch {
			case r >= 'a' && r <= 'z':
				r = 'a' + 'z' - r
			case r >= 'A' && r <= 'Z':
				r = 'A' + 'Z' - r
			}
			return string(r)
		})},
	)
}

const ascii = "abcdefghijklmnopqrstuvwxyz"

// morse writes letters in Morse code, words apart by slashes; other signs are left out.
func morse(s string) string {
	codes := strings.Fields(".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --..")
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteString(codes[r-'a'] + " ")
		case r == ' ':
			b.WriteString("/ ")
		}
	}
	return b.String()
}

func alternating(s string) string {
	up := false
	return mapped(func(r rune) string {
		if up = !up; up {
			return string(unicode.ToUpper(r))
		}
		return string(unicode.ToLower(r))
	})(s)
}

// joinedBy writes a sign between the letters of each word.
func joinedBy(sign string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		last := ' '
		for _, r := range s {
			if unicode.IsLetter(r) && unicode.IsLetter(last) {
				b.WriteString(sign)
			}
			b.WriteRune(r)
			last = r
		}
		return b.String()
	}
}

func backwards(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func rot13(s string) string {
	return mapped(func(r rune) string {
		switch {
		case r >= 'a' && r <= 'z':
			r = 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			r = 'A' + (r-'A'+13)%26
		}
		return string(r)
	})(s)
}

// encodings are dressings that have a decoder in every library.
func encodings() []Dressing {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	all := func(format string) func(string) string {
		return mapped(func(r rune) string { return fmt.Sprintf(format, r) })
	}
	bytewise := func(format string) func(string) string {
		return func(s string) string {
			var b strings.Builder
			for i := range len(s) {
				fmt.Fprintf(&b, format, s[i])
			}
			return b.String()
		}
	}
	return []Dressing{
		{"base64", Decoder, false, b64},
		{"base64 with a prefix", Decoder, false, func(s string) string { return "payload=" + b64(s) }},
		{"base64 with a label", Decoder, false, func(s string) string { return "data: " + b64(s) + " (end)" }},
		{"base64 in lines", Decoder, false, func(s string) string { return inLines(b64(s), 76, "\n") }},
		{"base64 in quoted lines", Decoder, false, func(s string) string { return "> " + inLines(b64(s), 60, "\n> ") }},
		{"base64 in short lines", Decoder, false, func(s string) string { return inLines(b64(s), 32, "\n") }},
		{"base64 for URLs", Decoder, false, func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
		{"base64 in base64", Decoder, false, func(s string) string { return b64(b64(s)) }},
		{"a data URI", Decoder, false, func(s string) string { return "data:text/plain;base64," + b64(s) }},
		{"gzip in base64", Decoder, false, func(s string) string {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			w.Write([]byte(s)) // a bytes.Buffer takes all
			w.Close()
			return b64(b.String())
		}},
		{"hex", Decoder, false, func(s string) string { return hex.EncodeToString([]byte(s)) }},
		{"hex in pairs", Decoder, false, func(s string) string { return strings.TrimSpace(bytewise("%02x ")(s)) }},
		{"\\x escapes", Decoder, false, bytewise(`\x%02x`)},
		{"octal escapes", Decoder, false, bytewise(`\%03o`)},
		{"\\u escapes", Decoder, false, all(`\u%04x`)},
		{"\\u{} escapes", Decoder, false, all(`\u{%x}`)},
		{"U+ numbers", Decoder, false, all("U+%04X ")},
		{"decimal entities", Decoder, false, all("&#%d;")},
		{"hex entities", Decoder, false, all("&#x%x;")},
		{"entities without semicolons", Decoder, false, all("&#%d")},
		{"entities with zeros", Decoder, false, all("&#%010d;")},
		{"entities of entities", Decoder, false, all("&amp;#%d;")},
		{"per cent", Decoder, false, bytewise("%%%02X")},
		{"per cent, twice", Decoder, false, bytewise("%%25%02X")},
		{"a query", Decoder, false, func(s string) string { return "https://example.com/search?q=" + url.QueryEscape(s) }},
		{"a path", Decoder, false, func(s string) string { return "https://example.com/p/" + url.PathEscape(s) }},
		{"quoted-printable", Decoder, false, quotedPrintable},
		{"quoted-printable of every byte", Decoder, false, func(s string) string { return inLines(bytewise("=%02X")(s), 72, "=\r\n") }},
		{"decimal numbers", Decoder, false, func(s string) string { return strings.TrimSpace(bytewise("%d ")(s)) }},
		{"binary", Decoder, false, func(s string) string { return strings.TrimSpace(bytewise("%08b ")(s)) }},
		{"UTF-16 in base64", Decoder, false, func(s string) string {
			var b []byte
			for _, r := range s {
				b = append(b, byte(r), byte(r>>8))
			}
			return b64(string(b))
		}},
	}
}

func quotedPrintable(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(s)) // a strings.Builder takes all
	w.Close()
	return b.String()
}

func inLines(s string, width int, sep string) string {
	var lines []string
	for len(s) > width {
		lines, s = append(lines, s[:width]), s[width:]
	}
	return strings.Join(append(lines, s), sep)
}

// markup are dressings that a page, a document or a program puts text in.
func markup() []Dressing {
	put := func(format string) func(string) string {
		return func(s string) string { return strings.Replace(format, "%s", s, 1) }
	}
	attribute := func(format string) func(string) string {
		return func(s string) string { return strings.Replace(format, "%s", html.EscapeString(s), 1) }
	}
	return []Dressing{
		{"plain", Plain, false, put("%s")},
		{"an HTML comment", Plain, false, put("<p>Opening hours</p><!-- %s --><p>9 to 5</p>")},
		{"display:none", Plain, false, put(`<p>Hello</p><div style="display: none">%s</div>`)},
		{"white on white", Plain, false, put(`<span style="color:#fff;background:#ffffff">%s</span>`)},
		{"size 0", Plain, false, put(`<font style="font-size:0px">%s</font> Welcome.`)},
		{"off screen", Plain, false, put(`<div style="position:absolute;left:-9999px">%s</div>`)},
		{"an alt text", Plain, false, attribute(`<img src="logo.png" alt="%s">`)},
		{"a meta element", Plain, false, attribute(`<meta name="description" content="%s">`)},
		{"a title attribute", Plain, false, attribute(`<a href="/" title="%s">home</a>`)},
		{"a script", Plain, false, put("<script>/* %s */ var a = 1;</script>")},
		{"tags in words", Plain, true, func(s string) string { return joinedBy("<b></b>")(s) }},
		{"tags round words", Plain, false, func(s string) string {
			return "<i>" + strings.ReplaceAll(s, " ", "</i> <i>") + "</i>"
		}},
		{"comments between words", Plain, false, func(s string) string { return strings.ReplaceAll(s, " ", " <!-- x --> ") }},
		{"a Markdown image", Plain, false, put("![%s](logo.png)")},
		{"a Markdown link title", Plain, false, put(`[home](https://example.com "%s")`)},
		{"a Markdown comment", Plain, false, put("[//]: # (%s)")},
		{"Markdown emphasis", Plain, false, func(s string) string { return "**" + strings.ReplaceAll(s, " ", "** **") + "**" }},
		{"a code fence", Plain, false, put("Output:\n```text\n%s\n```\n")},
		{"a code comment", Plain, false, put("func main() {\n\t// %s\n\tfmt.Println(1)\n}\n")},
		{"a block comment", Plain, false, func(s string) string { return "/*\n * " + strings.ReplaceAll(s, ". ", ".\n * ") + "\n */\nint x;" }},
		{"a table cell", Plain, false, put("| id | note |\n|---|---|\n| 1 | %s |\n| 2 | fine |\n")},
		{"a table, a cell a word", Plain, false, func(s string) string { return "| " + strings.ReplaceAll(s, " ", " | ") + " |" }},
		{"a CSV row, a cell a word", Plain, false, func(s string) string { return `"` + strings.ReplaceAll(s, " ", `","`) + `"` }},
		{"a block quote", Plain, false, func(s string) string { return "> " + strings.ReplaceAll(s, ". ", ".\n> ") }},
		{"a log line", Plain, false, put("2026-11-28T10:00:00Z INFO worker[17]: msg=\"%s\" took=12ms")},
		{"YAML", Plain, false, put("id: 7\nnotes: >\n  %s\nstate: open\n")},
		{"JSON", Plain, false, func(s string) string { return `{"id":7,"note":` + quote(s) + `}` }},
		{"JSON in JSON", Plain, false, func(s string) string { return `{"body":` + quote(`{"note":`+quote(s)+`}`) + `}` }},
		{"JSON, a word a value", Plain, false, func(s string) string {
			return `["` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `'`), " ", `", "`) + `"]`
		}},
		{"JSON, a word a member", Plain, false, func(s string) string {
			var b strings.Builder
			for i, w := range strings.Fields(s) {
				fmt.Fprintf(&b, `"w%d": %s, `, i, quote(w))
			}
			return "{" + strings.TrimSuffix(b.String(), ", ") + "}"
		}},
		{"XML", Plain, false, attribute("<note><to>Tove</to><body>%s</body></note>")},
		{"CDATA", Plain, false, put("<body><![CDATA[%s]]></body>")},
		{"a program's strings", Plain, false, func(s string) string {
			return `s = "` + strings.ReplaceAll(strings.ReplaceAll(s, `"`, `'`), " ", `" + "`+" ") + `"`
		}},
		{"a terminal's colours", Plain, false, func(s string) string { return "\x1b[31m" + strings.ReplaceAll(s, " ", "\x1b[0m \x1b[32m") + "\x1b[0m" }},
		{"concealed on a terminal", Plain, false, put("\x1b[8m%s\x1b[0m")},
	}
}

// fillers are dressings that put something else to an order, so that it is a
// small part of its sentence, its line or its text.
func fillers() []Dressing {
	var d []Dressing
	for _, f := range []struct{ name, unit string }{
		{"digits", " 1"}, {"long numbers", " 4711,"}, {"hex", " 0x3f"}, {"bars", "|"}, {"dashes", "-"}, {"dots", "."}, {"spaced dots", " ."}, {"equals signs", "="},
		{"hashes", "# "}, {"emoji", " 🙂"}, {"stars", "★"}, {"box drawing", "─"}, {"commas", ","}, {"brackets", "[]"}, {"one letter", " x"}, {"letters", "z"},
		{"one word", " data"}, {"blanks", " "}, {"line breaks", "\n"}, {"Braille blanks", "\u2800"}, {"ideographic spaces", "\u3000"}, {"Han", "的"}, {"combining marks", " \u0335\u0301"}, {"nothing", "\u200b"},
		{"slashes", "/"}, {"quotes", `"`}, {"backslashes", `\`}, {"per cent", "%"}, {"ampersands", "&"}, {"keywords", " ignore"},
	} {
		for _, n := range []int{85, 700} {
			row := strings.Repeat(f.unit, n)
			d = append(d,
				Dressing{fmt.Sprintf("%d %s after", n, f.name), Plain, false, func(s string) string { return s + row }},
				Dressing{fmt.Sprintf("%d %s before", n, f.name), Plain, false, func(s string) string { return row + " " + s }},
				Dressing{fmt.Sprintf("%d %s around", n, f.name), Plain, false, func(s string) string { return row + " " + s + row }},
			)
		}
		d = append(d, Dressing{"words with " + f.name + " between", Plain, false, func(s string) string {
			return strings.ReplaceAll(s, " ", " "+strings.TrimSpace(strings.Repeat(f.unit, 3))+" ")
		}})
	}
	for _, at := range []struct {
		name string
		part int
	}{{"start", 0}, {"middle", 1}, {"end", 2}} {
		for _, f := range []struct {
			name string
			text func(n int) string
		}{
			{"prose", func(n int) string { return fill(n, func(int) string { return paragraph }) }},
			{"numbers", func(n int) string {
				return fill(n, func(i int) string { return fmt.Sprintf("%d;%d\n", i, i*7919%1000) })
			}},
			{"one line of words", func(n int) string { return fill(n, func(i int) string { return "value " + serial(i) + " " }) }},
		} {
			d = append(d, Dressing{"the " + at.name + " of 100 KiB of " + f.name, Plain, false, func(s string) string {
				text := f.text(50 << 10)
				return strings.Repeat(text+"\n", at.part) + s + "\n" + strings.Repeat(text+"\n", 2-at.part)
			}})
		}
	}
	return d
}
