package client

import (
	"encoding/json"
	"sync"

	"toolward/gateway"
	"toolward/mcp"
)

// elicited remembers whom a server sent to a web page (URL elicitation, MCP
// 2025-11-25 client/elicitation), to tell that agent, and no other, when it is
// done: the server says so between calls. The zero value is ready.
type elicited struct {
	mu    sync.Mutex
	byID  map[string]gateway.Origin
	order []string // of the IDs, oldest first
}

// maxElicited bounds the pages that are waited for on one connection; the
// oldest is forgotten first.
const maxElicited = 256

// asked notes the page of a request elicitation/create.
func (e *elicited) asked(params json.RawMessage, origin gateway.Origin) {
	if o, err := gateway.Split(params); err == nil {
		e.note(o, origin)
	}
}

// wanted notes the pages that an error says are to be visited first.
func (e *elicited) wanted(errorObject json.RawMessage, origin gateway.Origin) {
	if origin == nil {
		return
	}
	data, _ := gateway.Find(errorObject, "data")
	raw, _ := gateway.Find(data, "elicitations")
	pages, _ := gateway.Elements(raw)
	for _, page := range pages {
		e.asked(page, origin)
	}
}

func (e *elicited) note(o gateway.Object, origin gateway.Origin) {
	id, _, _ := o.String("elicitationId") // a form has none
	if id == "" || len(id) > 1<<10 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.byID == nil {
		e.byID = map[string]gateway.Origin{}
	}
	if _, known := e.byID[id]; known {
		return // whoever was sent there first is told
	}
	e.byID[id] = origin
	if e.order = append(e.order, id); len(e.order) > maxElicited {
		delete(e.byID, e.order[0])
		e.order = append(e.order[:0], e.order[1:]...)
	}
}

// done returns who was sent to the page that a notification is about, once; nil
// if that is not known.
func (e *elicited) done(params json.RawMessage) gateway.Origin {
	o, err := gateway.Split(params)
	if err != nil {
		return nil
	}
	id, _, _ := o.String("elicitationId") // without one it is about no page
	e.mu.Lock()
	defer e.mu.Unlock()
	origin := e.byID[id]
	delete(e.byID, id)
	return origin
}

// elicitationDone tells the agent that was sent to a page, or on a connection
// of its own the only one.
func (c *Conn) elicitationDone(m mcp.Message, from *flight) {
	if from == nil || from.call == nil {
		if origin := c.elicited.done(m.Params); origin != nil {
			c.note(whose{origin: gateway.Outside(origin, c.client.opts.Name)}, m.Method, m.Params)
			return
		}
		if c.origin == nil {
			return
		}
	}
	if w, known := c.whoHears(m, from); known {
		c.note(w, m.Method, m.Params)
	}
}
