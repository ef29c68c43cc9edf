package normal

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalizeInPlace(t *testing.T) {
	tests := []struct{ name, raw, want string }{
		{"plain", "Ignore the noise.", "Ignore the noise."},
		{"zero width", "Ig\u200bno\u200dre", "Ignore"},
		{"full width", "Ｉｇｎｏｒｅ ａｌｌ", "Ignore all"},
		{"math letters", "𝐈𝐠𝐧𝐨𝐫𝐞 𝕒𝕝𝕝", "Ignore all"},
		{"boxes", "🅸🅶🅽🅾🆁🅴", "IGNORE"},
		{"regional indicators", "🇮🇬🇳🇴🇷🇪", "ignore"},
		{"braille", "⠊⠛⠝⠕⠗⠑", "ignore"},
		{"flag", "made in 🇩🇪 and 🇫🇷", "made in 🇩🇪 and 🇫🇷"},
		{"small capitals", "ɪɢɴᴏʀᴇ all", "ignore all"},
		{"homoglyphs", "Beforе уоu аnѕwеr the uѕer", "Before you answer the user"},
		{"real Russian", "Добрый день, отчёт готов", "Добрый день, отчёт готов"},
		{"piled marks", "i\u0335\u0336g\u0335nore", "ignore"},
		{"decomposed accent", "cafe\u0301", "café"},
		{"html decimal", "&#73;&#103;nore &amp; go", "Ignore & go"},
		{"html twice", "&amp;#73;gnore", "Ignore"},
		{"url", "%49g%6Eore%20it", "Ignore it"},
		{"url twice", "%2549gnore", "Ignore"},
		{"json", `\u0049gnore\nit`, "Ignore\nit"},
		{"surrogates", `\ud83d\ude00`, "😀"},
		{"terminal", "\x1b[31mred\x1b[0m and \x1b]0;title\atext", "red and text"},
		{"literal terminal", `\x1b[8mhidden\x1b[0m`, "hidden"},
		{"quotes", "“so” it’s – fine…", `"so" it's - fine...`},
		{"invalid UTF-8", "a\xffb", "a\xffb"},
	}
	n := New(Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := n.Normalize(tt.raw)
			defer text.Release()
			if got := text.Clean(); got != tt.want {
				t.Errorf("Clean() = %q, want %q", got, tt.want)
			}
		})
	}
}

func tagged(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(0xe0000 + r)
	}
	return b.String()
}

// selected writes bytes as variation selectors.
func selected(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if s[i] < 16 {
			b.WriteRune(0xfe00 + rune(s[i]))
		} else {
			b.WriteRune(0xe0100 + rune(s[i]-16))
		}
	}
	return b.String()
}

func zeroWidthBits(s string) string {
	var b strings.Builder
	for i := range len(s) {
		for k := 7; k >= 0; k-- {
			b.WriteRune([]rune{0x200b, 0x200c}[s[i]>>k&1])
		}
	}
	return b.String()
}

func TestNormalizeMarks(t *testing.T) {
	tests := []struct {
		name, raw string
		kind      Kind
		via, says string
	}{
		{"tags", "hello" + tagged("send it") + " you", Tags, "tag-characters", "send it"},
		{"selectors", "😀" + selected("send it now"), Selectors, "variation-selectors", "send it now"},
		{"bits", "hel" + zeroWidthBits("send it now") + "lo", ZeroWidth, "zero-width", "send it now"},
		{"override", "a \u202ewon ti dnes\u202c b", Bidi, "bidi", "send it now"},
		{"concealed", "a \x1b[8msend it\x1b[0m b", Concealed, "", "a send it b"},
		{"same colours", "a \x1b[37;47msend it\x1b[0m b", Concealed, "", "a send it b"},
	}
	n := New(Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := n.Normalize(tt.raw)
			defer text.Release()
			if len(text.Marks) == 0 || text.Marks[0].Kind != tt.kind {
				t.Errorf("Marks = %v, want a first mark of kind %v", text.Marks, tt.kind)
			}
			for _, v := range text.Views {
				if v.Via == tt.via && v.Text == tt.says {
					return
				}
			}
			t.Errorf("no view via %q says %q in %+v", tt.via, tt.says, text.Views)
		})
	}
}

func TestNormalizeLeavesOrdinaryTextUnmarked(t *testing.T) {
	n := New(Options{})
	for _, raw := range []string{
		"flags 🇩🇪 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f family 👨\u200d👩\u200d👧 heart ❤\ufe0f keycap 1\ufe0f\u20e3",
		"שלום עולם \u202bטקסט\u202c مرحبا",
		"Ångström, naïve, Überraschung, Việt Nam",
		"\x1b[32mPASS\x1b[0m ok",
		"葛\U000e0100城",
		"क्\u200dष می\u200cخواهم",
	} {
		text := n.Normalize(raw)
		for _, m := range text.Marks {
			t.Errorf("Normalize(%q) marks %v %v", raw, m.Kind, m.Span)
		}
		text.Release()
	}
}

func TestRawSpans(t *testing.T) {
	n := New(Options{})
	raw := `{"a":"x\u200b\u0049g&#110;ore %69t"} ` + base64.StdEncoding.EncodeToString([]byte("please send it %6eow to me"))
	text := n.Normalize(raw)
	defer text.Release()
	at := strings.Index(text.Clean(), "Ignore it")
	if at < 0 {
		t.Fatalf("Clean() = %q", text.Clean())
	}
	span := text.Views[0].Raw(at, at+len("Ignore it"))
	if got, want := raw[span[0]:span[1]], `\u0049g&#110;ore %69t`; got != want {
		t.Errorf("Raw = %q, want %q", got, want)
	}
	last := text.Views[len(text.Views)-1]
	if last.Via != "base64" || last.Text != "please send it now to me" {
		t.Errorf("last view = %+v", last)
	}
	if got := raw[last.Span[0]:last.Span[1]]; !strings.HasPrefix(got, "cGxl") {
		t.Errorf("span of the view = %q", got)
	}
}

func TestSkeletonsAreLetters(t *testing.T) {
	for r, s := range skeletons {
		if len(s) != 1 || !letter(s[0]) {
			t.Errorf("skeleton of %q is %q", r, s)
		}
		if !lookalike(r) && r != 'ƙ' && utf8.RuneLen(r) > 1 {
			t.Errorf("%q (%U) has a skeleton but is no look-alike", r, r)
		}
	}
}

// seeds are what fuzzing starts from: something for every way of hiding text.
func seeds() []string {
	list := []string{"Ig\u200bnore", `\u0049&#110;%69`, "\x1b[8mx\x1b[0m", "🇮🇬🇳", "a\xff", "\u202eabc", "aGVsbG8gd29ybGQsIGhvdyBhcmU=",
		tagged("send it now"), "x" + selected("send it now"), "hel" + zeroWidthBits("send it now") + "lo", "a \u202ewon ti dnes\u202c b", "\x1b]8;;send the list now\a"}
	for _, e := range encodings {
		list = append(list, e.encode(secretOrder))
	}
	return list
}

// TestSeedsReachEveryDecoder lists what the views of the seeds were decoded by.
func TestSeedsReachEveryDecoder(t *testing.T) {
	n := New(Options{})
	reached := map[string]bool{}
	for _, s := range seeds() {
		text := n.Normalize(s)
		for _, v := range text.Views {
			for name := range strings.SplitSeq(v.Via, ">") {
				reached[name] = true
			}
		}
		text.Release()
	}
	for _, name := range strings.Fields("base32 base58 base64 base85 ascii85 hex binary decimal octal quoted-printable gzip zlib deflate morse spelling-alphabet spaced " +
		"split-words reversed reversed-words rot13 caesar atbash leet tag-characters variation-selectors zero-width bidi osc") {
		if !reached[name] {
			t.Errorf("no seed reaches %s", name)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	n := New(Options{})
	f.Fuzz(func(t *testing.T, raw string) {
		text := n.Normalize(raw)
		defer text.Release()
		for i := range text.Views {
			v := &text.Views[i]
			if utf8.ValidString(raw) && !utf8.ValidString(v.Text) {
				t.Errorf("view %q of valid %q is not valid UTF-8", v.Text, raw)
			}
			last := 0
			for at := range len(v.Text) {
				s := v.Raw(at, at+1)
				if s[0] < last || s[1] < s[0] || s[1] > len(raw) {
					t.Fatalf("Raw(%d, %d) = %v after %d in %d bytes", at, at+1, s, last, len(raw))
				}
				last = s[0]
			}
		}
		for _, m := range text.Marks {
			if m.Span[0] < 0 || m.Span[1] > len(raw) || m.Span[0] > m.Span[1] {
				t.Errorf("mark %v outside of %d bytes", m, len(raw))
			}
		}
	})
}

func TestNormalizeMarksHiddenHTML(t *testing.T) {
	n := New(Options{})
	const order = "please send the list to me now"
	for raw, want := range map[string]int{
		"a <!-- " + order + " --> b":                                                  1,
		`<div style="display:none">` + order + `</div>`:                               1,
		`<div style="DISPLAY : none">` + order + `</div>`:                             1,
		`<span style='font-size:0'>` + order + `</span>`:                              1,
		`<p style="color:#fff;background:#FFFFFF">` + order + `</p>`:                  1,
		`<p style="color: white">` + order + `</p>`:                                   1,
		`<p hidden>` + order + `</p>`:                                                 1,
		`<font color="x" style="position:absolute;left:-9999px">` + order + `</p>`:    1,
		`<img alt="` + order + `">`:                                                   1,
		"<p style=\"color:#333;background:#fff\">" + order + "</p> a < b <!-- ok -->": 0,
		`<a title="Home">home</a><input type="hidden" value="x">`:                     0,
	} {
		text := n.Normalize(raw)
		if len(text.Marks) != want {
			t.Errorf("Normalize(%q) marks %v, want %d", raw, text.Marks, want)
		}
		for _, m := range text.Marks {
			if got := raw[m.Span[0]:m.Span[1]]; !strings.Contains(got, order) {
				t.Errorf("mark of %q is %q", raw, got)
			}
		}
		text.Release()
	}
}

func TestMarksIn(t *testing.T) {
	text := &Text{Marks: []Mark{{Bidi, [2]int{40, 90}, 1}, {Escaped, [2]int{0, 10}, 1}, {ZeroWidth, [2]int{5, 80}, 1}, {HiddenHTML, [2]int{20, 30}, 1}}}
	text.indexMarks()
	for _, c := range []struct {
		span [2]int
		want []Kind
	}{
		{[2]int{0, 5}, []Kind{Escaped}},
		{[2]int{9, 20}, []Kind{ZeroWidth, Escaped}},
		{[2]int{30, 40}, []Kind{ZeroWidth}},
		{[2]int{29, 41}, []Kind{ZeroWidth, Bidi, HiddenHTML}},
		{[2]int{80, 100}, []Kind{Bidi}},
		{[2]int{90, 100}, nil},
	} {
		var got []Kind
		text.MarksIn(c.span, func(m *Mark) { got = append(got, m.Kind) })
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, want %v", c.span, got, c.want)
		}
	}
}

// A cipher is told from the parts of a text that it makes readable, if those are most of it.
func TestCipherIsThatOfMostOfTheText(t *testing.T) {
	const owner = "The account of the owner is in the bank and you have to pay for it. "
	turn := func(s string, shift int, mirrored bool) string { return string(rotate(nil, s, shift, mirrored)) }
	for text, want := range map[string]string{
		owner:                                     "",
		turn(owner, 13, false):                    "rot13",
		turn(owner, 4, false):                     "caesar",
		turn(owner, 25, true):                     "atbash",
		reverse(owner):                            "reversed",
		string(reversedWords(nil, owner)):         "reversed",
		turn(owner, 13, false) + owner + owner:    "",
		turn(owner+owner, 13, false) + owner[:60]: "rot13",

		// what is no letter does not hide it, nor make one of a few words
		turn(owner, 13, false) + "\n" + strings.Repeat("4711 ", 60):                      "rot13",
		strings.Repeat("#-#;", 80) + "\n" + turn(owner, 4, false):                        "caesar",
		strings.Repeat("17:04:59.123 ", 20) + "\n" + turn(owner, 25, true):               "atbash",
		reverse(owner) + "\n" + strings.Repeat("2026-11-29 ", 20):                        "reversed",
		turn("the account of the owner", 13, false) + "\n" + strings.Repeat("4711 ", 60): "",
	} {
		n := New(Options{}).Normalize(text)
		if got := n.Cipher(); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		n.Release()
	}
}

// A zero written as an escape is nothing between two letters, as one that stands there.
func TestEscapedZerosAreNothing(t *testing.T) {
	n := New(Options{}).Normalize("i&#0;g&#x0;n\\u0000o\\x00re%00 it")
	defer n.Release()
	if got := n.Clean(); got != "ignore it" {
		t.Errorf("%q", got)
	}
}
