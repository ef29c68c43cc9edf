package upstream

import (
	"bytes"
	"encoding/json"

	"toolward/gateway"
	"toolward/upstream/shape"
)

// answers are the names of the results' shapes by method.
var answers = map[string]string{
	"tools/call": "Called", "prompts/get": "Got", "resources/read": "Read", "completion/complete": "Completed",
}

// fitResult makes a result fit what clients check of it, where that changes
// nothing. One that cannot be made to fit would be an exception in the agent's
// client, of which no model learns: it is refused, with the place and what is
// wrong there. A result without what its method answers with is another thing
// (a task, a question to the agent) and passes.
func (s *server) fitResult(c *gateway.Call, result *gateway.Result) (*gateway.Result, error) {
	name, ok := answers[c.Method]
	if !ok || result.Raw == nil || deferred(result.Raw) {
		return result, nil
	}
	fitting, changed, err := shape.Modern.Fit(name, result.Raw)
	if err != nil {
		return nil, gateway.Refuse("upstream", gateway.UpstreamInvalid, "upstream "+s.cfg.Name+" answered with a result that does not fit MCP: "+err.Error())
	}
	if len(changed) == 0 {
		return result, nil
	}
	fitted := *result
	fitted.Raw = fitting
	return &fitted, nil
}

// deferred reports whether a result stands for one that comes later: a task
// (MCP 2025-11-25 basic/utilities/tasks), or what has to be asked first (MCP
// 2026-07-28 basic/patterns/mrtr). Only those have such members, so that the
// others cost a search of their bytes.
func deferred(result json.RawMessage) bool {
	if !bytes.Contains(result, []byte(`"task"`)) && !bytes.Contains(result, []byte(`"resultType"`)) {
		return false
	}
	o, err := gateway.Split(result)
	if err != nil {
		return false
	}
	_, task := o.Get("task")
	kind, ok, _ := o.String("resultType")
	return task || ok && kind != "complete"
}
