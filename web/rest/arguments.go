package rest

import (
	"bytes"
	"strings"

	"toolward/gateway"
)

// argsOf reads the arguments of a call that a model emitted. Providers document
// an object or a string of JSON; models and the servers before them write no
// arguments as an empty string, blanks or null too, and objects where strings
// belong. All of them mean the same.
func argsOf(o gateway.Object, name string) (gateway.Args, *gateway.Refusal) {
	raw, _ := o.Get(name)
	if len(raw) > 0 && raw[0] == '"' {
		return parseArgs([]byte(text(o, name)))
	}
	return parseArgs(raw)
}

// parseArgs reads an arguments object, or the ways in which people write none.
func parseArgs(raw []byte) (gateway.Args, *gateway.Refusal) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return gateway.Args{}, nil
	}
	args, err := gateway.ParseArgs(raw)
	if err != nil {
		return gateway.Args{}, gateway.AsRefusal("surface", err)
	}
	return args, nil
}

// freeArgs reads the input of a custom tool, which is free text (OpenAI, custom
// tools). Tools of MCP take an object, so only a text that is one can be run.
func freeArgs(o gateway.Object, name string) (gateway.Args, *gateway.Refusal) {
	args, bad := argsOf(o, name)
	if bad != nil && !strings.HasPrefix(strings.TrimSpace(text(o, name)), "{") {
		bad = gateway.Refuse("surface", gateway.Malformed,
			"a custom tool's input is free text, and this tool takes a JSON object: declare it as a function")
	}
	return args, bad
}

// truncated refuses the calls of a turn that its provider cut short: the last
// arguments may be the first half of what the model wanted.
func truncated(why string) *gateway.Refusal {
	return gateway.Refuse("surface", gateway.Malformed,
		"the model's turn was cut short ("+clip(why)+"), so its arguments may not be whole and nothing of it was run; let the model try again")
}

// clip bounds a text of an outsider in a reason.
func clip(s string) string {
	const most = 40
	keep := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-: ", r) {
			return r
		}
		return -1
	}, s)
	return keep[:min(len(keep), most)]
}
