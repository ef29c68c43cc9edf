package policy

import (
	"testing"

	"toolward/gateway"
)

// Arguments that no rule reads are not decoded; a rule that could read any of them has
// them all.
func TestRulesHaveTheArgumentsThatTheyRead(t *testing.T) {
	const args = `{"a":1,"s\u0074":{"deep":["x"]},"more":null,"last":"\u00e9"}`
	for _, rule := range []string{
		`count(input.args) == 4`,
		`some name, v in input.args; name == "last"; v == "é"`,
		`"more" in object.keys(input.args)`,
		`input["args"]["last"] == "é"`,
		`all := input.args; all.a == 1`,
		`name := concat("", ["la", "st"]); input.args[name] == "é"`,
		`walk(input.args, [["st", "deep", 0], "x"])`,
		`json.marshal(input.args) == "{\"a\":1,\"last\":\"é\",\"more\":null,\"st\":{\"deep\":[\"x\"]}}"`,
		`input.args.st.deep[_] == "x"; not input.args.a == 2`,
		`is_null(input.args.more)`,
		`input.args.a == 1; helper`,
		`has(input.args)`,
	} {
		e := open(t, "package tools.files.read_file\n\nallow if {\n\t"+rule+"\n}\n\nhelper if input.args.last == \"é\"\n\nhas(v) if v.last == \"é\"\n")
		if d := decide(t, e, readCall(t, args)); d.Effect != gateway.EffectAllow {
			t.Errorf("%s: %s %q", rule, d.Effect, d.Reasons)
		}
	}
}
