package policy

import "strconv"

// variable is a name that the policy has not had.
func (a *author) variable() string {
	a.vars++
	return "w" + strconv.Itoa(a.vars)
}

// several is something that can be gone through, or cannot.
func (a *author) several(late bool) string {
	return a.pick("input.args.tags", "input.args.tags", "input.args.mixed", "input.args.mixed", "input.args.deep", "input.args.items", "input.args", "roots", "modes", "data.modes", "data.roots", "input.agent.roles",
		"input.args.line", "input.args.none", "input.history", "split(input.args.path, \"/\")", "["+a.input(late)+", "+a.value()+"]", "{"+a.input(late)+", \"a\"}", "object.keys(input.args.deep)", "numbers.range(0, 2)", "numbers.range(0, input.args.n)")
}

// collected is a comprehension.
func (a *author) collected(late bool) string {
	v, k := a.variable(), a.variable()
	of := a.several(late)
	more := a.pick("", "", "; "+v+" != "+a.value(), "; is_string("+v+")", "; is_string("+v+"); contains("+v+", \"a\")", "; not "+v+" in modes")
	return a.pick("["+v+" | some "+v+" in "+of+more+"]", "{"+v+" | some "+v+" in "+of+more+"}", "{"+k+": "+v+" | some "+k+", "+v+" in "+of+more+"}",
		"["+k+" | some "+k+", "+v+" in "+of+more+"]", "{["+k+", "+v+"] | some "+k+", "+v+" in "+of+more+"}", "{upper("+v+") | some "+v+" in "+of+"; is_string("+v+")}", "["+v+".est | some "+v+" in "+of+"]")
}

// looked is an expression, or several, about one value that is gone through.
func (a *author) looked(v string, late bool) string {
	return a.pick(v+" == "+a.value(), v+" != "+a.value(), "contains("+v+", "+a.text()+")", "not startswith("+v+", \"/\")", v+" in "+a.several(late), "not "+v+" in modes", v+" > "+a.number(),
		"is_string("+v+")\n\tcontains("+v+", "+a.text()+")", v+".name == "+a.text(), "not "+v+".name", v+"[0] == "+a.text(), "path.under("+v+", \"/srv\")", v+" == "+a.input(late), "count("+v+") > 1", v)
}

// composed is an expression of a body as people write it who go through lists, take
// values apart and put them together.
func (a *author) composed(late bool) string {
	v, k, u := a.variable(), a.variable(), a.variable()
	in, of := a.input(late), a.several(late)
	switch a.IntN(28) {
	case 0:
		return "some " + v + " in " + of + "\n\t" + a.looked(v, late)
	case 1:
		return "some " + k + ", " + v + " in " + of + "\n\t" + a.looked(v, late) + "\n\t" + k + a.pick(" != ", " == ") + a.pick(a.value(), in)
	case 2:
		return "every " + v + " in " + of + " {\n\t" + a.looked(v, late) + "\n\t}"
	case 3:
		return "every " + k + ", " + v + " in " + of + " {\n\t" + a.looked(v, late) + "\n\t" + k + " != " + a.value() + "\n\t}"
	case 4:
		c := a.collected(late)
		return a.pick("count("+c+")"+a.pick(" > ", " == ", " != ")+a.number(), c+a.pick(" == ", " != ")+a.pick("[]", "set()", "{}", `["a", "b"]`, `{"a"}`, `{"er": "x"}`, a.collected(late)), a.value()+" in "+c, c+"["+a.pick("0", "1", a.text(), in)+"] == "+a.value(), "count("+c+" & {\"a\", \"x\"}) > 0")
	case 5:
		return v + " := " + a.collected(late) + "\n\t" + a.pick("count("+v+") > 0", v+"[_] == "+a.value(), "some "+u+" in "+v+"\n\t"+a.looked(u, late), "not "+a.value()+" in "+v, "sort("+v+")[0] == "+a.value())
	case 6:
		return "[" + v + ", " + u + "] := " + a.pick("split(input.args.path, \"/\")", "input.args.tags", "input.args.mixed", "["+in+", 1]") + "\n\t" + v + a.pick(" != ", " == ") + u
	case 7:
		return "{\"er\": " + v + "} = " + a.pick("input.args.deep", "{\"er\": "+in+"}") + "\n\t" + a.looked(v, late)
	case 8:
		return v + " := " + in + a.pick(" + ", " - ", " * ", " / ", " % ") + a.pick(a.number(), in) + "\n\t" + v + a.pick(" > ", " == ") + a.number()
	case 9:
		return "object.get(" + a.pick("input.args", "input.args", "input.args.deep", in) + ", " + a.pick(`"path"`, `["deep", "er"]`, `["deep", "er", "est"]`, `["tags", 0]`, `"none"`, `[]`, in) + ", " + a.pick(`"x"`, "false", "null", in) + ")" + a.pick(" == ", " != ") + a.value()
	case 10:
		return a.pick("sprintf(\"%v-%s\", ["+in+", "+a.input(late)+"])", "concat(\"/\", "+a.pick("input.args.tags", "["+in+", \"b\"]", "input.args.mixed")+")", "replace("+in+", \"a\", \"b\")", "substring("+in+", 0, 2)", "trim("+in+", \"/\")", "format_int("+in+", 10)") + a.pick(" == ", " != ") + a.text()
	case 11:
		return a.pick("", "not ") + a.pick("glob.match(\"/srv/*\", [\"/\"], "+in+")", "net.cidr_contains(\"10.0.0.0/8\", "+a.pick("\"10.1.2.3\"", in)+")", "regex.match("+a.pick("input.args.mode", "root")+", "+in+")", "json.is_valid("+in+")", "object.subset(input.args.deep, {\"er\": "+a.value()+"})", "strings.any_prefix_match("+in+", "+a.pick("roots", "[\"/srv\", \"a\"]")+")")
	case 12:
		return "json.unmarshal(" + a.pick("input.args.note", "input.args.mode", "\"[1,2]\"") + ")" + a.pick("", "[0]", " == 3") + a.pick("", "\n\tjson.marshal("+a.pick(in, "input.args.deep", "input.args.tags")+") != "+a.text())
	case 13:
		return "walk(" + a.pick("input.args", "input.args.deep", "input.args.mixed", in) + ", [" + k + ", " + v + "])\n\t" + a.pick("is_string("+v+")\n\tcontains("+v+", "+a.text()+")", v+" == "+a.value()) + "\n\t" + a.pick(k+"[0] == "+a.text(), "count("+k+") > 1", k+" != []")
	case 14:
		return "walk(" + a.pick("input.args", "input.args.deep", "input.args.mixed", in) + ", [_, " + v + "])\n\t" + a.looked(v, late)
	case 15:
		return of + "[" + k + "] == " + a.several(late) + "[" + u + "]\n\t" + k + a.pick(" != ", " == ") + u
	case 16:
		return v + " := " + a.pick("{\"a\": "+in+", \"b\": 1}", "["+in+", \"b\"]", "{"+in+", \"b\"}") + "\n\t" + a.pick(v+".a == "+a.value(), v+"["+a.pick("input.args.mode", "0", "\"b\"")+"]", "count("+v+") > 1", "not "+v+"[1]")
	case 17:
		return "data.closed[" + in + "] == " + a.pick("true", in) + a.pick("", "\n\tsome "+v+" in data.nested["+in+"].list\n\t"+v+" == "+in)
	case 18:
		return a.pick("to_number("+in+") > 1", "abs("+in+") == 1", "max("+of+") == "+a.value(), "min("+of+") == "+a.value(), "sum("+a.pick("[1, "+in+"]", of)+") > 2", "array.concat("+of+", [1])[0] == "+a.value(), "union({"+of+"}) == set()")
	case 19:
		return a.pick("time.clock([time.parse_rfc3339_ns(input.call.time), \"UTC\"])[0]"+a.pick(" > ", " <= ")+"11", "time.now_ns() > 0", "time.weekday(time.now_ns()) == \"Friday\"", "time.parse_rfc3339_ns("+in+") > 0")
	case 20:
		return v + " := " + a.pick("modes", "roots", "found", "data.modes", "by_mode", "limits_of") + "[" + in + "]\n\t" + v + a.pick(" == ", " != ") + a.value()
	case 21:
		return a.pick("", "not ") + "some_tag " + a.pick("== ", "!= ") + a.value()
	case 22:
		return "every " + v + " in input.args." + a.pick("tags", "mixed", "items") + " { " + a.pick(v+" != "+a.value(), "is_string("+v+")", v+".n > 0", "not "+v+" == "+a.value()) + " }"
	case 23:
		return "some " + v + " in " + of + "\n\tsome " + u + " in " + v + "\n\t" + a.looked(u, late)
	case 24, 25: // these are bound by what is not translated
		return a.pick(v+" := {"+in+": "+a.value()+"}", "some "+v+"\n\tdata.helpers["+v+"]", "some "+k+" in "+of+"\n\t"+v+" := {"+k+": 1}", v+" := {"+k+": 1 | some "+k+" in "+of+"; {"+k+": 1}[_]}", v+" := data.helpers") + "\n\t" +
			a.pick("not "+v+" == {\"a\": 1}", "not input.args.deep["+v+"]", "not "+v+"["+in+"]", "count(["+u+" | some "+u+" in "+of+"; "+u+" == "+v+"]) == 0", "every "+u+" in "+of+" {\n\t"+u+" != "+v+"\n\t}", "count({1 | input.args.deep["+v+"]}) == 0", v+".a", a.looked(v, late), "every "+u+" in "+of+" {\n\tnot "+v+"["+u+"]\n\t}")
	}
	return a.pick("not ", "") + a.pick("first("+in+", "+a.value()+") == "+a.value(), "first("+in+", "+in+")", "kind("+in+") == \"text\"", "kind(first("+in+", \"a\")) == \"text\"", "pairs("+of+") > 0", "any_in("+of+")", "count(found) > 0", "some_tag == "+a.value(), "by_mode[input.args.mode] == "+a.value(), "limits_of."+a.pick("r", "w", "none")+" == "+a.value(), "count(limits_of) == 1", "\"a\" in found", "deep_ok")
}

// composing are rules of a package of the kinds that people write for others to refer to.
const composing = `first("a", _) := 1

first(x, y) := x if {
	x != "a"
	x != y
}

kind(x) := "text" if is_string(x) else := "list" if is_array(x) else := "other"

pairs(xs) := count([x | some x in xs; some y in xs; x == y])

any_in(xs) if {
	some x in xs
	contains(x, "a")
}

found contains t if {
	some t in input.args.tags
	t != "b"
}

found contains upper(t) if some t in input.args.tags

some_tag := t if {
	some t in input.args.mixed
	t != "b"
}

by_mode[m] := n if {
	m := input.args.mode
	n := input.args.n
}

by_mode["x"] := "x"

limits_of["r"] := 1

limits_of.w := n if n := input.args.n

default deep_ok := false

deep_ok if {
	every t in input.args.tags { is_string(t) }
	p := input.args.path
	some r in roots
	startswith(p, r)
}

`

// spoken is a rule that gives what its body finds.
func (a *author) spoken(rule string, late bool) string {
	v, u := a.variable(), a.variable()
	stage := ""
	if late {
		stage = "\n\tinput.stage == \"result\""
	}
	gives := a.pick(v, u, u, "concat(\":\", ["+u+", \"x\"])", "sprintf(\"%v of %v\", ["+u+", "+a.input(late)+"])", u+".name")
	return rule + " contains " + gives + " if {" + stage + "\n\tsome " + v + " in " + a.several(late) + "\n\t" + a.looked(v, late) + "\n\t" +
		u + " := " + a.pick(v, v, "sprintf(\"%v\", ["+v+"])", "lower("+v+")", "split("+v+", \"/\")[1]") + "\n}\n\n"
}
