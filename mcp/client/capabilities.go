package client

import (
	"encoding/json"

	"toolward/gateway"
)

// sharedCapabilities are told to a server that many agents share. Which of them
// can answer is known when it asks; none is told its roots.
const sharedCapabilities = `{"sampling":{},"elicitation":{"form":{},"url":{}}}`

// capabilities are what a server is told that it may ask for: what the agent
// answers (nil for many agents), and of that nothing which no rule can allow. A
// server that is told more asks, is refused, and fails where it has another way
// (MCP 2025-11-25 basic/lifecycle, capability negotiation).
func (c *Conn) capabilities(origin gateway.Origin) json.RawMessage {
	may := c.client.opts.Asks()
	if origin == nil {
		if !may {
			return json.RawMessage("{}")
		}
		return json.RawMessage(sharedCapabilities)
	}
	o, err := gateway.Split(origin.Capabilities())
	if err != nil {
		return json.RawMessage("{}")
	}
	var pass []gateway.Member
	for _, m := range o.Members() {
		switch m.Name {
		case "sampling", "elicitation", "roots":
			if may {
				pass = append(pass, m)
			}
		case "extensions", "experimental":
			pass = append(pass, m)
		} // others, tasks of the agent's own among them, would promise what does not get through
	}
	return gateway.JoinMembers(pass)
}

// declares reports whether capabilities have one of these members.
func declares(capabilities json.RawMessage, names ...string) bool {
	o, err := gateway.Split(capabilities)
	if err != nil {
		return false
	}
	for _, name := range names {
		if _, has := o.Get(name); has {
			return true
		}
	}
	return false
}
