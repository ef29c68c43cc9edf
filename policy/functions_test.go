package policy

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"
	oparego "github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/util"
)

// topics are what random operands are put together from: for each part of the
// library what is whole, and what changes it.
var topics = []struct{ whole, pieces []string }{
	{
		[]string{"/", "/srv", "/srv/docs", "/srv/docs/", "/srv/docs/a.txt", "docs/a.TXT", "//", "/srv//docs", "/srv/docs2", "/srv/docs/.git"},
		[]string{"/", "/a", "..", ".", "...", " ", "/.", "/..", "/.. /", "/. ./x", "/./", "//", "%2e", `\`, "~", "C:", "docs", "ü", ".tar.gz", "a b"},
	},
	{
		[]string{"https://example.com", "https://Docs.Example.com/a?b", "HTTPS://a.example.com#x", "https://127.0.0.1", "https://a.0x7f", ".example.com", ".Example.com", "example.com"},
		[]string{"/", "http://", ".example.com", "@evil.test", ":8443", "?a=b", "#x", "[", `\`, "-a", "ü", ".7", " ", "\n", "~"},
	},
	{
		[]string{"a@example.com", "a.b+c@Docs.Example.com", "eve@evil.test", "example.com", "evil.test", "docs.example.com"},
		[]string{"@", ",", "<", ">", " ", ".com", "(x)", "\n", "ü"},
	},
	{
		[]string{"ls", "ls -la /srv", "git log --output=x  HEAD", "/tmp/ls", "PATH=/tmp ls", "_x1=y", "1x=y", "-rf", "--output", "-n"},
		[]string{" ", " -x", " --y=z", "=", "a", ";", "|", "$", "`", "*", "/", "%", "@", "\t", "ü", " b"},
	},
	{
		[]string{"select 1", "SELECT a from t where b = 'drop'", "select a from t limit 5", "with x as (select 1) select * from x limit 007 offset 2 ;", "explain select 1", "values (1) limit 0", "show tables"},
		[]string{" ", "'", "''", `"`, "`", ";", "; ", "--", "/*", "#", "$t$", " drop", " insert into", " DO ", "ſet", " limit 12", " pg_sleep(1)", " sleep (", " url", " for update", " 'x'", "\\", "\x00", "K"},
	},
	{[]string{"", "a", "ab", "Ü", "  a ", "7"}, append(strings.Split(foldsToPath, ""), "\x00", "\x1f", "\x7f", "\u0085", "\u00a0", "\u00ad", "\u200b", "\u202e", "\u2028", "\ufeff", "\U000e0041", "İ", "ſ", "K", "a", "/")},
}

// operands writes operands about one topic.
type operands struct {
	*rand.Rand
	topic int
}

func (o operands) text() string {
	about := topics[o.topic]
	if o.IntN(8) == 0 {
		about = topics[o.IntN(len(topics))]
	}
	text := about.whole[o.IntN(len(about.whole))]
	for range max(0, o.IntN(5)-2) {
		at := o.IntN(len(text) + 1)
		for at < len(text) && !utf8.RuneStart(text[at]) {
			at++
		}
		text = text[:at] + about.pieces[o.IntN(len(about.pieces))] + text[at:]
	}
	return text
}

// value is a text as a rule, and anything else.
func (o operands) value(deep int) ast.Value {
	switch n := o.IntN(14); {
	case n < 8 || deep > 2:
		return ast.String(o.text())
	case n == 8:
		return []ast.Value{ast.NullValue, ast.Boolean(true), ast.Boolean(false)}[o.IntN(3)]
	case n == 9:
		return ast.Number([]string{"0", "1", "5", "7", "1.0", "2.5", "-1", "1e1", "10", "12345678901234567890", "1.5e300"}[o.IntN(11)])
	case n == 10:
		out := ast.NewObject()
		for range o.IntN(3) {
			out.Insert(ast.StringTerm(o.text()), ast.NewTerm(o.value(deep+1)))
		}
		return out
	case n == 11:
		return ast.NewSet(o.terms(deep)...)
	}
	return ast.NewArray(o.terms(deep)...)
}

// counted is a number, or several.
func (o operands) counted() ast.Value {
	number := func() ast.Value {
		return ast.Number([]string{"0", "1", "-1", "7", "7.0", "2.5", "-12", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808", "9223372036854775806", "1e3", "12345678901234567890"}[o.IntN(15)])
	}
	if o.IntN(2) == 0 {
		return number()
	}
	terms := make([]*ast.Term, o.IntN(5))
	for i := range terms {
		terms[i] = ast.NewTerm(number())
	}
	if o.IntN(2) == 0 {
		return ast.NewSet(terms...)
	}
	return ast.NewArray(terms...)
}

// list is of texts alone, some of them whole.
func (o operands) list() ast.Value {
	var terms []*ast.Term
	for range o.IntN(4) {
		terms = append(terms, ast.StringTerm(o.text()), ast.StringTerm(topics[o.topic].whole[o.IntN(6)]))
	}
	if terms = terms[:min(len(terms), 1+o.IntN(8))]; o.IntN(2) == 0 {
		return ast.NewSet(terms...)
	}
	return ast.NewArray(terms...)
}

func (o operands) terms(deep int) []*ast.Term {
	terms := make([]*ast.Term, o.IntN(4))
	for i := range terms {
		terms[i] = ast.NewTerm(o.value(deep + 1))
	}
	return terms
}

// TestFunctionsAreOPAs asks each function in Go, and OPA for the one of its name,
// about random operands: the same value, or none, and OPA's own word where it
// fails.
func TestFunctionsAreOPAs(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine, and long")
	}
	files, err := readLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	modules, ps := parse(files)
	if err := failing(ps); err != nil {
		t.Fatal(err)
	}
	c := newTestCompiler()
	if c.Compile(modules); c.Failed() {
		t.Fatal(c.Errors)
	}
	times := 2000
	if s := os.Getenv("TOOLWARD_PAIRS"); s != "" {
		times, _ = strconv.Atoi(s)
		times /= 10
	}
	for _, name := range append(util.KeysSorted(functions), util.KeysSorted(usual)...) {
		t.Run(name, func(t *testing.T) {
			f, always := functions[name]
			if !always {
				f = usual[name]
			}
			asked := name + "(input.a, input.b)"
			if f.operands == 1 {
				asked = name + "(input.a)"
			}
			q, err := oparego.New(oparego.Query("x = "+asked), oparego.Compiler(c), oparego.StrictBuiltinErrors(true)).PrepareForEval(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			o, seen := operands{Rand: rand.New(rand.NewPCG(3, 4))}, map[state]int{}
			for range times {
				o.topic = o.IntN(len(topics))
				a, b := o.value(0), o.value(0)
				if o.IntN(3) == 0 {
					a = o.list()
				}
				if o.IntN(3) == 0 {
					b = o.list()
				}
				if o.IntN(2) == 0 && !always {
					a, b = o.counted(), o.counted()
				}
				in := ast.NewObject([2]*ast.Term{ast.StringTerm("a"), ast.NewTerm(a)}, [2]*ast.Term{ast.StringTerm("b"), ast.NewTerm(b)})
				rs, err := q.Eval(t.Context(), oparego.EvalParsedInput(in))
				want := absent
				switch {
				case err != nil:
					want = doubt
				case len(rs) == 1:
					want = given
				}
				x, _ := plainValue(a)
				y, _ := plainValue(b)
				got, s := f.run(x, y)
				if f.with != nil {
					if known, s2 := f.with(y)(x, nil); s2 != s || known != got {
						t.Fatalf("%s of %v: %v, and %v if the second is known", asked, in, got, known)
					}
				}
				seen[s]++
				if s != want && !(s == doubt && (!always || name == "data.toolward.lib.url.on_any")) {
					t.Fatalf("%s of %v: OPA %v %v, Go %d %v", asked, in, rs, err, s, got)
				}
				if s != given {
					continue
				}
				v, err := regoValue(got)
				if err != nil {
					t.Fatal(err)
				}
				if w := ast.MustInterfaceToValue(rs[0].Bindings["x"]); w.Compare(unset(v)) != 0 {
					t.Fatalf("%s of %v: OPA %v, Go %v", asked, in, w, v)
				}
			}
			if seen[given] == 0 {
				t.Errorf("no operand gave a value: %v", seen)
			}
		})
	}
}

// unset is a value as JSON has it: with lists in the place of sets.
func unset(v ast.Value) ast.Value {
	x, err := ast.JSON(v)
	if err != nil {
		return v
	}
	return ast.MustInterfaceToValue(x)
}

// TestEveryCharacterIsAsTheLibraryHasIt holds what a plain path and a plain command
// may have against the library's patterns, in every place that matters.
func TestEveryCharacterIsAsTheLibraryHasIt(t *testing.T) {
	files, err := readLibrary("")
	if err != nil {
		t.Fatal(err)
	}
	modules, _ := parse(files)
	c := newTestCompiler()
	if c.Compile(modules); c.Failed() {
		t.Fatal(c.Errors)
	}
	ambiguous := regexp.MustCompile(string(c.GetRulesExact(ast.MustParseRef("data.toolward.lib.path.ambiguous"))[0].Head.Value.Value.(ast.String)))
	for r := rune(0); r <= unicode.MaxRune; r += charactersUsually {
		for _, s := range []string{string(r), "a" + string(r), "/." + string(r), "/." + string(r) + "/"} {
			if got, want := plainPath(s), !ambiguous.MatchString(s); got != want {
				t.Fatalf("%q is plain: %v, the library says %v", s, got, want)
			}
			if r >= 0x80 && !unicode.Is(unicode.C, r) && !unicode.Is(unicode.Z, r) && !unicode.Is(unicode.P, r) && !unicode.Is(unicode.Sm, r) {
				break // no place makes a difference to a letter
			}
		}
	}
}
