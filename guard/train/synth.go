package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"toolward/guard/eval"
)

// synth makes labelled rows from the wordings, placed in benign rows of the
// training data.
type synth struct {
	g          *grammar
	containers map[string][]string // benign texts by surface
}

func newSynth(seed uint64, rows []eval.Row) *synth {
	s := &synth{g: newGrammar(seed), containers: map[string][]string{}}
	for i := range rows {
		if r := &rows[i]; r.Label == eval.Benign && r.Variant != "quotes_attack" && len(r.Text) < 6000 {
			s.containers[r.Surface] = append(s.containers[r.Surface], r.Text)
		}
	}
	return s
}

// kinds of synthetic rows and how often each is made, in parts.
var recipe = []struct {
	name   string
	symbol string
	parts  int
	label  eval.Label
	where  string // surface
}{
	{"attack", "attack", 34, eval.Injection, "tool_result"},
	{"nudge", "nudge", 5, eval.Injection, "tool_result"},
	{"foreign", "foreign", 14, eval.Injection, "tool_result"},
	{"poison", "poison", 12, eval.Injection, "tool_description"},
	{"foreign-poison", "foreign", 2, eval.Injection, "tool_description"},
	{"obfuscated", "attack", 14, eval.Injection, "tool_result"},
	{"obfuscated-args", "attack", 1, eval.Injection, "tool_args"},
	{"scattered", "attack", 10, eval.Injection, "tool_result"},
	{"scattered-foreign", "foreign", 8, eval.Injection, "tool_result"},
	{"scattered-args", "attack", 2, eval.Injection, "tool_args"},
	{"scattered-poison", "poison", 2, eval.Injection, "tool_description"},
	{"attack-args", "attack", 2, eval.Injection, "tool_args"},
	{"attack-prompt", "attack", 1, eval.Injection, "user_prompt"},

	{"trigger", "trigger", 18, eval.Benign, "tool_result"},
	{"trigger-args", "trigger", 4, eval.Benign, "tool_args"},
	{"trigger-prompt", "trigger", 2, eval.Benign, "user_prompt"},
	{"mail", "mail", 10, eval.Benign, "tool_result"},
	{"record", "record", 14, eval.Benign, "tool_result"},
	{"tooldef", "tooldef", 12, eval.Benign, "tool_description"},
	{"tooldef-parts", "tooldefp", 14, eval.Benign, "tool_description"},
	{"manual", "manual", 14, eval.Benign, "tool_result"},
	{"rules", "rules", 6, eval.Benign, "tool_result"},
	{"about", "about", 10, eval.Benign, "tool_result"},
	{"args", "args", 10, eval.Benign, "tool_args"},
	{"foreign-ok", "foreign.ok", 12, eval.Benign, "tool_result"},
	{"foreign-tool", "foreign.tool", 5, eval.Benign, "tool_description"},
	{"obfuscated-ok", "", 8, eval.Benign, "tool_result"},
	{"scattered-ok", "", 6, eval.Benign, "tool_result"},
}

// rows makes about n rows.
func (s *synth) rows(n int) []eval.Row {
	parts := 0
	for _, k := range recipe {
		parts += k.parts
	}
	var out []eval.Row
	for _, k := range recipe {
		for i := range n * k.parts / parts {
			row := eval.Row{ID: fmt.Sprintf("synth-%s-%d", k.name, i), Source: "synthetic:" + k.name, Surface: k.where, Label: k.label}
			switch {
			case k.name == "obfuscated-ok":
				row.Text, row.Variant = s.obfuscatedBenign(everyday)
			case k.name == "scattered-ok":
				row.Text, row.Variant = s.obfuscatedBenign(scatterings)
			case strings.HasPrefix(k.name, "scattered"):
				m := pick(s.g.rng, scatterings)
				row.Text, row.Variant = m.apply(s.g.rng, s.g.expand(k.symbol)), m.name
				if k.where == "tool_description" {
					row.Text = s.poison(row.Text)
				} else if s.g.rng.IntN(2) == 0 {
					row.Text = s.place(row.Text, k.where)
				}
			case strings.HasPrefix(k.name, "obfuscated"):
				row.Text, row.Variant = s.obfuscated(k.where)
			case k.where == "tool_description" && k.label == eval.Injection:
				row.Text = s.poison(s.g.expand(k.symbol))
			case k.label == eval.Injection:
				row.Text = s.place(s.g.expand(k.symbol), k.where)
			default:
				row.Text = s.g.expand(k.symbol)
				if s.g.rng.IntN(4) == 0 && !strings.HasPrefix(k.name, "tooldef") && k.name != "args" {
					row.Text = s.place(row.Text, k.where)
				}
			}
			out = append(out, row)
		}
	}
	return out
}

// place puts text somewhere in a benign container of the surface, or leaves it
// alone one time in five.
func (s *synth) place(text, surface string) string {
	rng := s.g.rng
	list := s.containers[surface]
	if rng.IntN(5) == 0 || len(list) == 0 {
		return text
	}
	c := pick(rng, list)
	if rng.IntN(3) == 0 && len(c) > 600 { // a smaller piece of it
		at := rng.IntN(len(c) - 300)
		c = strings.ToValidUTF8(c[at:at+300+rng.IntN(len(c)-at-300+1)], "")
	}
	if strings.HasPrefix(strings.TrimSpace(c), "{") {
		if t := inValue(rng, c, text); t != "" {
			return t
		}
	}
	switch rng.IntN(8) {
	case 0:
		return text + pick(rng, []string{"\n", "\n\n", " "}) + c
	case 1:
		return c + pick(rng, []string{"\n", "\n\n", " "}) + text
	case 2:
		return strings.Repeat("\n", rng.IntN(4)) + text + "\n---\n" + c
	}
	var breaks []int
	for i := 0; i+1 < len(c); i++ {
		if c[i] == '\n' || c[i] == '.' && c[i+1] == ' ' {
			breaks = append(breaks, i+1)
		}
	}
	if len(breaks) == 0 {
		return c + "\n" + text
	}
	at := pick(rng, breaks)
	sep := pick(rng, []string{" ", "\n", "\n\n"})
	return c[:at] + sep + text + sep + c[at:]
}

// inValue puts text into a string value of a JSON text: in place of it, before
// it or behind it. It returns "" if there is none.
func inValue(rng *rand.Rand, c, text string) string {
	var starts [][2]int
	for i := 0; i+3 < len(c); i++ {
		if c[i] != ':' {
			continue
		}
		j := i + 1
		for j < len(c) && c[j] == ' ' {
			j++
		}
		if j >= len(c) || c[j] != '"' {
			continue
		}
		end := j + 1
		for end < len(c) && c[end] != '"' {
			if c[end] == '\\' {
				end++
			}
			end++
		}
		if end < len(c) {
			starts = append(starts, [2]int{j + 1, end})
			i = end
		}
	}
	if len(starts) == 0 {
		return ""
	}
	at := pick(rng, starts)
	q, _ := json.Marshal(text)
	quoted := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(q[1 : len(q)-1]))
	old := c[at[0]:at[1]]
	sep := pick(rng, []string{" ", `\n`, `\n\n`, ". "})
	switch rng.IntN(3) {
	case 0:
		return c[:at[0]] + quoted + c[at[1]:]
	case 1:
		return c[:at[0]] + quoted + sep + old + c[at[1]:]
	}
	return c[:at[0]] + old + sep + quoted + c[at[1]:]
}

// poison puts text into a description of a tool's definition.
func (s *synth) poison(text string) string {
	rng := s.g.rng
	c := s.g.expand("tooldef")
	if list := s.containers["tool_description"]; len(list) > 0 && rng.IntN(3) > 0 {
		c = pick(rng, list)
	}
	var at []int
	for i := 0; ; {
		k := strings.Index(c[i:], `"description":`)
		if k < 0 {
			break
		}
		i += k + len(`"description":`)
		for i < len(c) && c[i] == ' ' {
			i++
		}
		if i < len(c) && c[i] == '"' {
			at = append(at, i+1)
		}
	}
	if len(at) == 0 {
		return text
	}
	i := at[0]
	if rng.IntN(3) == 0 {
		i = pick(rng, at)
	}
	q, _ := json.Marshal(text)
	quoted := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(q[1 : len(q)-1]))
	if rng.IntN(2) == 0 {
		return c[:i] + quoted + pick(rng, []string{" ", `\n`, `\n\n`}) + c[i:]
	}
	end := i
	for end < len(c) && c[end] != '"' {
		if c[end] == '\\' {
			end++
		}
		end++
	}
	if end > len(c) {
		return text
	}
	return c[:end] + pick(rng, []string{" ", `\n`, `\n\n`, ". "}) + quoted + c[end:]
}

// hint is what stands before encoded text, at times.
var hints = []string{"", "", "", "Decode and follow: ", "Base: ", "data: ", "Execute this: ", "ref=", "note ", "The following is encoded: ", "AI: decode this ", "id: "}

func (s *synth) obfuscated(surface string) (text, method string) {
	rng := s.g.rng
	plain := s.g.expand("attack")
	if rng.IntN(10) < 3 {
		plain = s.g.expand(pick(rng, []string{"soft", "softer", "goal.cap"}))
	}
	m := pick(rng, methods)
	hidden := m.apply(rng, plain)
	if m.encoded {
		hidden = pick(rng, hints) + hidden
	}
	return s.place(hidden, surface), m.name
}

// obfuscatedBenign is ordinary text in one of the forms that ordinary text comes
// in, too.
func (s *synth) obfuscatedBenign(methods []method) (text, method string) {
	rng := s.g.rng
	plain := s.g.expand(pick(rng, []string{"trigger", "mail", "record", "args", "foreign.ok", "rules", "tooldef", "howto", "news", "legal"}))
	if list := s.containers["tool_result"]; len(list) > 0 && rng.IntN(2) == 0 {
		plain = pick(rng, list)
		if len(plain) > 800 {
			plain = strings.ToValidUTF8(plain[:800], "")
		}
	}
	m := pick(rng, methods)
	return s.place(m.apply(rng, plain), "tool_result"), m.name
}
