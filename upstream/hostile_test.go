package upstream

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"toolward/gateway"
)

// Schemas of a few bytes that would take long to compile or to check by: each is
// compiled, or refused, and what it costs is bounded before it is spent
// (santhosh-tekuri/jsonschema#261). Patterns that are too dear accept anything.
func TestHostilePatternsAreLeftToTheUpstream(t *testing.T) {
	for pattern, matches := range map[string]bool{
		`^a+$`: false, `^.{1,1000}x$`: false, `^[a-z]{0,255}y$`: false,
		`((a{100}){10}){10}`: true, `(?:(?:x?){30}){30}{5}`: true, `(a|b|c|d|e|f|g|h|i|j){1000}y`: false, `(?=a)y`: true, `(a)\\1y`: true,
		strings.Repeat(`[^\\x00]{900}`, 10) + "y": true,
	} {
		check := compileSchema(t, `{"type":"object","properties":{"a":{"pattern":"`+pattern+`"}}}`)
		args, err := gateway.ParseArgs([]byte(`{"a":"b"}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := check(args); (err == nil) != matches {
			t.Errorf("%.40s: %v", pattern, err)
		}
	}
}

func TestPatternsOfOneSchemaShareABudget(t *testing.T) {
	p := &patterns{}
	exact := 0
	for i := range 1000 {
		re, err := p.compile(fmt.Sprintf("^a{900}%d$", i))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := re.(bounded); ok {
			exact++
		}
	}
	if exact == 0 || exact > maxPatterns/900 {
		t.Errorf("%d of 1000 patterns are compiled", exact)
	}
}

func TestTextThatIsTooLongForAPatternDoesNotMatch(t *testing.T) {
	re, err := (&patterns{}).compile("^(?:a{0,900})*$")
	if err != nil {
		t.Fatal(err)
	}
	if !re.MatchString("aaaa") || re.MatchString(strings.Repeat("a", maxMatch/900)) {
		t.Error("the bound does not hold")
	}
}

// A number that no reader can hold costs the one definition that has it.
func TestHostileNumbersInDefinitionsAreQuarantined(t *testing.T) {
	s := &server{cfg: Server{Name: "s"}, schemas: schemas{slog.New(slog.DiscardHandler)}}
	for _, keyword := range []string{
		`"minimum":N`, `"maximum":N`, `"exclusiveMinimum":N`, `"multipleOf":N`, `"const":N`, `"default":N`, `"enum":[1,N]`, `"maxLength":N`,
		`"properties":{"a":{"anyOf":[{"minimum":N}]}}`, `"x-odd":[N]`,
	} {
		for n, bad := range map[string]bool{"1": false, "1e999999": true, "-1e50000000": true, "1e-999999": true, "0e99999999": true, strings.Repeat("9", 5000): true} {
			e := s.newEntry(lists[0], []byte(`{"name":"t","inputSchema":{"type":"object",`+strings.ReplaceAll(keyword, "N", n)+`},"annotations":{"x":1}}`))
			if (e.invalid != "") != bad || e.tool.Name != "t" || len(e.invalid) > 400 {
				t.Errorf("%s with %.20s: %q", keyword, n, e.invalid)
			}
			if bad && e.tool.Annotations != nil {
				t.Errorf("%s with %.20s: policy would see the annotations", keyword, n)
			}
		}
	}
}
