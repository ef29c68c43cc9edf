package gateway

// What rooms are configured with can change while calls are under way. Each call
// meets one configuration, from its beginning to its end: its tool (with labels,
// scopes and connection), guard and the policy's revision are looked up in one step,
// between two changes, and are the call's until it is over. Only a call that waited for a
// person is judged anew by what is in force then.

// Holder is an [Upstream] that may be taken away, and then waits for the calls that
// found it.
type Holder interface {
	Hold()
	Release()
}

// Change runs f while no call begins, so that calls see all of what f puts in force,
// or nothing of it. f may set [Road.Guard]. It must be quick and begin no call.
func (r *Road) Change(f func()) {
	r.changing.Lock()
	defer r.changing.Unlock()
	f()
}

// take looks up what a call names, and who judges it. The call holds its upstream
// until [Call.letGo].
func (r *Road) take(c *Call) (*Task, *Tool, error) {
	r.changing.RLock()
	defer r.changing.RUnlock()
	task, tool, missing := r.find(c)
	c.guard, c.Tally.Revision = r.Guard, r.Policy.Revision()
	if tool != nil {
		if h, ok := tool.Upstream.(Holder); ok {
			h.Hold()
			c.holds = h
		}
	}
	return task, tool, missing
}

// takeAnew is take for a call that waited for a person, or that an upstream made
// during a call of, which holds the upstream.
func (r *Road) takeAnew(c, of *Call) (*Tool, error) {
	if of == c {
		c.letGo()
		_, tool, err := r.take(c)
		return tool, err
	}
	r.changing.RLock()
	defer r.changing.RUnlock()
	c.guard, c.Tally.Revision = r.Guard, r.Policy.Revision()
	_, tool, err := r.find(of)
	return tool, err
}

// letGo ends what [Road.take] holds.
func (c *Call) letGo() {
	if h := c.holds; h != nil {
		c.holds = nil
		h.Release()
	}
}

// guardOf is who judges a call: one guard from its beginning to its end, and what an
// upstream sends during a call that call's.
func (r *Road) guardOf(c *Call) Guard {
	for of := c; of != nil; of = of.Parent {
		if of.guard != nil {
			return of.guard
		}
	}
	r.changing.RLock()
	defer r.changing.RUnlock()
	c.guard = r.Guard
	return c.guard
}
