package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
)

// Ways of putting a text's words apart, which leave it readable. What guard makes
// of them is either the words alone (guard/classify, "words apart") or the words
// with what is left between them; both have to be known.
var scatterings = []method{
	{"words alone", false, func(_ *rand.Rand, s string) string { return strings.Join(wordsOf(s), " ") }},
	{"words and ends", false, func(_ *rand.Rand, s string) string {
		return strings.Join(strings.Fields(each(s, func(c rune) string {
			if c == '.' || c == ':' || c == '!' || !unicode.IsPunct(c) {
				return string(c)
			}
			return " "
		})), " ")
	}},
	{"a sign after each word", false, func(r *rand.Rand, s string) string {
		return strings.Join(strings.Fields(s), " "+pick(r, []string{"|", "·", "•", "/", "—", "~", "*", "+", "::", "✓", "…", "\u2022", "🙂", "-"})+" ")
	}},
	{"a number after each word", false, func(_ *rand.Rand, s string) string {
		n := 0
		return strings.TrimSpace(eachWord(s, func(w string) string { n++; return fmt.Sprintf("%s %d ", w, n) }))
	}},
	{"a line a word", false, func(r *rand.Rand, s string) string {
		return strings.Join(strings.Fields(s), pick(r, []string{"\n", "\n\n", "\r\n", "\n- ", "\n  "}))
	}},
	{"a tag round words", false, func(r *rand.Rand, s string) string {
		tag := pick(r, []string{"b", "span", "td", "li", "code", "em", "w"})
		return eachWord(s, func(w string) string { return "<" + tag + ">" + w + "</" + tag + ">" })
	}},
	{"emphasis", false, func(r *rand.Rand, s string) string {
		sign := pick(r, []string{"*", "**", "_", "`", "~~", "\"", "'"})
		return strings.TrimSpace(eachWord(s, func(w string) string { return sign + w + sign + " " }))
	}},
	{"a sign for spaces", false, func(r *rand.Rand, s string) string {
		return strings.Join(strings.Fields(s), pick(r, []string{"_", "-", "+", ".", "  ", "\t", "\u3000", " , ", "; "}))
	}},
	{"capitals", false, func(_ *rand.Rand, s string) string { return strings.ToUpper(s) }},
	{"the same word between", false, func(r *rand.Rand, s string) string {
		return strings.Join(strings.Fields(s), " "+pick(r, []string{"la", "ok", "x", "foo", "um", "stop", "and"})+" ")
	}},
}

// eachWord writes every word of s anew.
func eachWord(s string, f func(string) string) string {
	var b strings.Builder
	for w := range strings.FieldsSeq(s) {
		b.WriteString(f(w))
	}
	return b.String()
}

// wordsOf are the words of a text without what stands beside them.
func wordsOf(s string) []string {
	return strings.FieldsFunc(s, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsPunct(c) && c != '@' && c != '.' && c != '/' && c != ':' && c != '-'
	})
}
