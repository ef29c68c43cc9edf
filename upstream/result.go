package upstream

import (
	"toolward/gateway"
	"toolward/upstream/shape"
)

// answers are the names of the results' shapes by method.
var answers = map[string]string{
	"tools/call": "Called", "prompts/get": "Got", "resources/read": "Read", "completion/complete": "Completed",
	"tasks/result": "Called", "tasks/get": "Task", "tasks/cancel": "Task",
}

// maxFitted bounds the places that are kept for the record.
const maxFitted = 16

// fitResult makes a result fit what clients of the agent's revision check of it,
// where that changes nothing; a block of content that they cannot read becomes a
// text that says so. One that cannot be made to fit would be an exception in the
// agent's client, of which no model learns: it is refused, with the place and
// what is wrong there.
func (s *server) fitResult(c *gateway.Call, result *gateway.Result) (*gateway.Result, error) {
	name := shapeOf(c, result)
	if name == "" {
		return result, nil
	}
	fitting, changed, err := shape.Of(c.Protocol).Fit(name, result.Bytes())
	if err != nil {
		return nil, gateway.Refuse("upstream", gateway.UpstreamInvalid, "upstream "+s.cfg.Name+" answered with a result that does not fit MCP: "+err.Error())
	}
	if len(changed) == 0 {
		return result, nil
	}
	fitted := *result
	fitted.Fitted = changed[:min(len(changed), maxFitted)]
	if result.Error != nil {
		fitted.Error = fitting
	} else {
		fitted.Raw = fitting
	}
	return &fitted, nil
}

// shapeOf names the shape that a result must have; "" for what is asked of the
// agent first (MCP 2026-07-28 basic/patterns/mrtr), which the road judges, and for
// results that hold nothing.
func shapeOf(c *gateway.Call, result *gateway.Result) string {
	if result.Error != nil {
		return "Error"
	}
	name := answers[c.Method]
	if name == "" || name == "Task" && shape.Of(c.Protocol) != shape.Legacy {
		return "" // an extension has its tasks to itself
	}
	switch task, later := deferred(result); {
	case task && name == "Called":
		if shape.Of(c.Protocol) == shape.Legacy {
			return "Created"
		}
		return ""
	case later:
		return ""
	}
	return name
}

// deferred reports whether a result stands for one that comes later: a task
// (MCP 2025-11-25 basic/utilities/tasks), or what has to be asked first (MCP
// 2026-07-28 basic/patterns/mrtr).
func deferred(result *gateway.Result) (task, later bool) {
	_, task = result.Member("task")
	kind, ok := result.Member("resultType")
	return task, ok && gateway.Unquote(string(kind)) != "complete"
}
