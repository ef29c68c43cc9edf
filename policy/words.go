package policy

import (
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/util"

	"toolward/rego"
)

// OPA's words for what does not fit are those of a compiler: "match error",
// "invalid argument(s)", "unexpected minus token". Here they say what is what.

// neverEqual is the problem with two values that are never the same.
func neverEqual(p Problem, loc *ast.Location, d *ast.UnificationErrDetail) Problem {
	left, right := typeWords(d.Left), typeWords(d.Right)
	if left == "" || right == "" {
		return p
	}
	text := ""
	if loc != nil {
		text = oneLine(string(loc.Text))
	}
	p.Message = "these are never the same: " + left + ", and " + right
	if a, b, ok := strings.Cut(text, " in "); ok && isList(d.Left) {
		p.Hint = "look at each: `some x in " + a + "`, then `x in " + b + "`"
	}
	a, b, ok := strings.Cut(text, "==")
	if !ok {
		return p
	}
	a, b = strings.TrimSpace(a), strings.TrimSpace(b)
	p.Message = a + " is " + left + ", and " + b + " is " + right + ": they are never the same"
	switch {
	case isList(d.Left) && !isList(d.Right):
		p.Hint = "write `" + b + " in " + a + "`"
	case isList(d.Right) && !isList(d.Left):
		p.Hint = "write `" + a + " in " + b + "`"
	case left == "true or false" && (b == `"true"` || b == `"false"`):
		p.Hint = "write it without quotes: " + strings.Trim(b, `"`)
	case left == "text" && right != "text" && !isList(d.Right):
		p.Hint = "write it in quotes: \"" + b + "\""
	case left == "a number" && right == "text":
		p.Hint = "write the number without quotes"
	}
	return p
}

func isList(t types.Type) bool {
	switch t.(type) {
	case *types.Array, *types.Set:
		return true
	}
	return false
}

// wrongArgument is the problem with a function that is given what it does not take.
func wrongArgument(p Problem, d *ast.ArgErrDetail) Problem {
	name, what, ok := strings.Cut(p.Message, ": ")
	if !ok || what != "invalid argument(s)" {
		return p
	}
	for i, have := range d.Have {
		if i >= len(d.Want.Args) || have == nil {
			break
		}
		got, want := typeWords(have), typeWords(d.Want.Args[i])
		if got == "" || want == "" || got == want || strings.Contains(want, got) {
			continue
		}
		p.Message = name + " takes " + want + ", and is given " + got
		if isList(have) && want == "text" {
			p.Hint = "`\"x\" in list` asks whether it is one of a list; `some x in list` looks at each"
		}
		return p
	}
	return p
}

// typeWords is a type in words, "" where anything is allowed.
func typeWords(t types.Type) string {
	if named, ok := t.(*types.NamedType); ok {
		t = named.Type
	}
	switch t := t.(type) {
	case types.String:
		return "text"
	case types.Number:
		return "a number"
	case types.Boolean:
		return "true or false"
	case types.Null:
		return "null"
	case *types.Array:
		return "a list"
	case *types.Set:
		return "a set"
	case *types.Object:
		return "an object"
	case types.Any:
		var out []string
		for _, one := range t {
			if w := typeWords(one); w != "" && !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
		return strings.Join(out, " or ")
	}
	return ""
}

// functionHint helps with a function that does not exist: one that is left out of
// OPA's, one of the library's that is not imported or misspelt, or one of OPA's.
func functionHint(name string) string {
	library := libraryFunctions()
	if strings.HasPrefix(name, "data.toolward.lib.test.") {
		return "only tests have it: files named …_test.rego"
	}
	if rest, ok := strings.CutPrefix(name, "data.toolward.lib."); ok {
		name = rest
	} else if parts := strings.Split(name, "."); len(parts) > 2 && parts[0] == "data" {
		name = strings.Join(parts[len(parts)-2:], ".")
	} else if slices.Contains(library, name) {
		return "add `import data.toolward.lib." + strings.Split(name, ".")[0] + "`"
	}
	if near := nearest(name, library); near != "" {
		if strings.Split(near, ".")[0] == strings.Split(name, ".")[0] {
			return didYouMean(near)
		}
		return didYouMean(near) + "  (`import data.toolward.lib." + strings.Split(near, ".")[0] + "`)"
	}
	if of, last, ok := strings.Cut(name, "."); ok { // path.inside
		var names []string
		for _, f := range library {
			if strings.HasPrefix(f, of+".") {
				names = append(names, strings.TrimPrefix(f, of+"."))
			}
		}
		if near := nearest(last, names); near != "" {
			return didYouMean(of + "." + near)
		}
		if len(names) > 0 {
			return of + " has " + strings.Join(names, ", ")
		}
	}
	return removedHint(name)
}

// libraryFunctions are the helpers under data.toolward.lib, as policies call them.
func libraryFunctions() (names []string) {
	entries, err := rego.Library.ReadDir("lib")
	if err != nil {
		panic("policy: the embedded library cannot be read: " + err.Error())
	}
	found := map[string]bool{}
	for _, entry := range entries {
		base, helper := strings.CutSuffix(entry.Name(), ".rego")
		if !helper || isTest(entry.Name()) || "toolward/lib/"+entry.Name() == testHelper {
			continue
		}
		text, err := rego.Library.ReadFile("lib/" + entry.Name())
		if err != nil {
			panic("policy: the embedded library cannot be read: " + err.Error())
		}
		for _, m := range titled.FindAllSubmatch(text, -1) {
			found[base+"."+string(m[1])] = true
		}
	}
	return util.KeysSorted(found)
}

// titled finds the functions of the library that are meant for policies: those
// with a title.
var titled = regexp.MustCompile(`(?m)^# title: .*\n(?:#.*\n)*([a-z_]+)\(`)

// quotedPackage is the line `package tools.github.list-issues`, as Rego wants it.
func quotedPackage(line string) string {
	name, ok := strings.CutPrefix(strings.TrimSpace(line), "package ")
	if !ok {
		return ""
	}
	names := strings.SplitN(strings.TrimSpace(name), ".", 3)
	n, known := parts[names[0]]
	if !known || len(names) < 2 {
		return ""
	}
	if n == 1 {
		names = append(names[:1], strings.Join(names[1:], "."))
	}
	out := names[0]
	for _, p := range names[1:] {
		out += member(p)
	}
	return "a name that is no identifier is quoted: `package " + out + "`"
}
