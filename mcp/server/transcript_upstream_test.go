package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"toolward/gateway"
	"toolward/mcp"
)

// do is the upstream: it does one after the other what the argument "do" says.
func (c *conversation) do(ctx context.Context, call *gateway.Call) (*gateway.Result, error) {
	c.note("%s %s %s", call.Method, call.Name, call.Args.Raw())
	args, _ := call.Args.Value().(map[string]any)
	steps, _ := args["do"].(string)
	for step := range strings.FieldsSeq(steps) {
		if r, err := c.step(ctx, call, step); r != nil || err != nil {
			return r, err
		}
	}
	return &gateway.Result{Raw: json.RawMessage(upstreamResults[call.Method])}, nil
}

// What the upstream says, in results and before them; one that asks answers with what it was answered.
var (
	upstreamResults = map[string]string{
		mcp.MethodToolsCall:     `{"content":[{"type":"text","text":"done"}], "_meta":{"n":1e3}}`,
		mcp.MethodPromptsGet:    `{"messages":[]}`,
		mcp.MethodResourcesRead: `{"contents":[{"uri":"file:///a","text":"a"}]}`,
		mcp.MethodSubscribe:     `{}`,
		mcp.MethodUnsubscribe:   `{}`,
	}
	upstreamTells = map[string]struct{ method, params string }{
		"progress": {mcp.NoteProgress, `{"progressToken":"t","progress":0.50,"total":1.0}`},
		"more":     {mcp.NoteProgress, `{"progressToken":"t","progress":1.0,"total":1.0}`},
		"log":      {mcp.NoteMessage, `{"level":"info","data":"reading"}`},
		"debug":    {mcp.NoteMessage, `{"level":"debug","data":"opened"}`},
	}
	upstreamAsks = map[string]struct{ method, params string }{
		"elicit": {mcp.MethodElicitation, elicit},
		"sample": {mcp.MethodSampling, `{"messages":[],"maxTokens":10}`},
		"roots":  {mcp.MethodRoots, `{}`},
	}
	upstreamAnswers = map[string]gateway.Result{
		"fail":    {Error: json.RawMessage(`{"code":-32050,"message":"no such file","data":{"path":"/srv/b", "n":1e3}}`)},
		"missing": {Error: json.RawMessage(`{"code":-32002,"message":"no such resource"}`)},
		"broken":  {Raw: json.RawMessage(`{"content":[{"type":"text","text":"it broke"}],"isError":true}`), IsError: true},
		"list":    {Raw: json.RawMessage(`{"content":[],"structuredContent":[1, 2]}`)},
	}
)

func (c *conversation) step(ctx context.Context, call *gateway.Call, step string) (*gateway.Result, error) {
	if tell, ok := upstreamTells[step]; ok {
		return nil, call.Origin.Notify(ctx, call, tell.method, []byte(tell.params))
	}
	if answer, ok := upstreamAnswers[step]; ok {
		return &answer, nil
	}
	if ask, ok := upstreamAsks[step]; ok {
		r, err := call.Origin.Request(ctx, call, ask.method, []byte(ask.params))
		switch {
		case ctx.Err() != nil:
			c.note("cancelled: %s %s", call.Method, call.Name)
			return nil, err
		case err != nil:
			c.note("not asked: %v", err)
			return nil, nil
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[],"structuredContent":` + string(r.Raw) + `}`)}, nil
	}
	if step == "late" { // tells something although its call was cancelled
		<-ctx.Done()
		c.note("cancelled: %s %s", call.Method, call.Name)
		tell := upstreamTells["progress"]
		return nil, errors.Join(ctx.Err(), call.Origin.Notify(context.WithoutCancel(ctx), call, tell.method, []byte(tell.params)))
	}
	select { // "wait"
	case <-c.free:
		return nil, nil
	case <-ctx.Done():
		c.note("cancelled: %s %s", call.Method, call.Name)
		return nil, ctx.Err()
	}
}

func (c *conversation) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&c.sent, format+"\n", args...)
}
