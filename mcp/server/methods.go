package server

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"toolward/mcp"
)

// methods is what agents may ask for, of any era, and what answers it. Initialize
// is not in it: it makes the session that others are asked in.
var methods = map[string]func(*exchange, context.Context) outcome{
	mcp.MethodToolsCall:     (*exchange).call,
	mcp.MethodPromptsGet:    (*exchange).call,
	mcp.MethodResourcesRead: (*exchange).call,
	mcp.MethodSubscribe:     (*exchange).call,
	mcp.MethodUnsubscribe:   (*exchange).call,
	mcp.MethodComplete:      (*exchange).call,
	mcp.MethodTasksGet:      (*exchange).call,
	mcp.MethodTasksList:     (*exchange).call,
	mcp.MethodTasksResult:   (*exchange).call,
	mcp.MethodTasksCancel:   (*exchange).call,
	mcp.MethodTasksUpdate:   (*exchange).call,

	mcp.MethodToolsList:     (*exchange).list,
	mcp.MethodPromptsList:   (*exchange).list,
	mcp.MethodResourcesList: (*exchange).list,
	mcp.MethodTemplatesList: (*exchange).list,

	mcp.MethodPing:     (*exchange).ping,
	mcp.MethodSetLevel: (*exchange).setLevel,
	mcp.MethodDiscover: (*exchange).discover,
	mcp.MethodListen:   (*exchange).listen,
}

// Methods lists every method that is answered to some agent, sorted.
func Methods() []string {
	all := append(slices.Collect(maps.Keys(methods)), mcp.MethodInitialize)
	slices.Sort(all)
	return all
}

func (x *exchange) ping(context.Context) outcome {
	return outcome{result: x.era.complete(mcp.MethodPing, json.RawMessage("{}"))}
}
