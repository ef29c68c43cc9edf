package server

import (
	"toolward/gateway"
	"toolward/mcp"
)

// shape is the members that a request's params can have. What has another name
// is not sent: nobody would judge it, and a reader may take it for one that it
// knows. What does not stand here reaches no upstream.
type shape struct {
	args   []string // what policy sees as input.args
	beside []string // what it sees as members of input.call
}

var (
	onlyMeta = []string{gateway.MemberMeta}
	asked    = []string{gateway.MemberMeta, gateway.MemberAnswers} // and requestState, which is ours
)

// shapes has the requests that reach upstreams (MCP 2025-11-25 and 2026-07-28,
// schema).
var shapes = map[string]shape{
	mcp.MethodToolsCall:     {[]string{"name", "arguments"}, []string{gateway.MemberMeta, gateway.MemberTask, gateway.MemberAnswers}},
	mcp.MethodPromptsGet:    {[]string{"name", "arguments"}, asked},
	mcp.MethodResourcesRead: {[]string{"uri"}, asked},
	mcp.MethodSubscribe:     {[]string{"uri"}, onlyMeta},
	mcp.MethodUnsubscribe:   {[]string{"uri"}, onlyMeta},
	mcp.MethodComplete:      {[]string{"ref", "argument", "context"}, onlyMeta},
	mcp.MethodTasksGet:      {[]string{"taskId"}, onlyMeta},
	mcp.MethodTasksResult:   {[]string{"taskId"}, onlyMeta},
	mcp.MethodTasksCancel:   {[]string{"taskId"}, onlyMeta},
	mcp.MethodTasksList:     {[]string{"cursor"}, onlyMeta},
	mcp.MethodTasksUpdate:   {[]string{"taskId"}, asked},
}

// split gives the call what its method's params have, and notes what is left out.
func (x *exchange) split(c *gateway.Call) (args gateway.Object, err error) {
	s := shapes[x.msg.Method]
	args, beside, others := x.params.Sort(s.args, s.beside)
	for i, m := range beside {
		if m.Name == gateway.MemberMeta {
			beside[i].Value = cleanMeta(x.meta)
		}
	}
	c.Extra = beside
	for _, name := range others {
		if name != memberState {
			c.Drop(name)
		}
	}
	return args, gateway.CheckBeside(beside)
}

// memberState is read by the surface alone: agents only ever hold sealed ones.
const memberState = "requestState"
