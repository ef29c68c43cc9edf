package upstream

import (
	"bytes"
	"container/list"
	"encoding/json"
	"sync"

	"toolward/gateway"
)

// maxTasks is how many tasks are remembered; the one not used for longest is
// forgotten first, and answered as unknown from then on.
const maxTasks = 50_000

// tasks binds the ID of each task that an upstream made to the upstream and to
// the principal whose call made it. Nobody else can poll, read or cancel it.
// Bindings live in memory: after a restart of the gateway tasks are unknown.
type tasks struct {
	mu   sync.Mutex
	byID map[string][]*list.Element // one per server that uses the ID
	used *list.List                 // of *task, most recently used first
}

type task struct {
	id, principal string
	tool          *gateway.Tool // whose call made it
}

func newTasks() *tasks { return &tasks{byID: map[string][]*list.Element{}, used: list.New()} }

// find returns a task of a server, or of any if exactly one server knows the ID.
func (t *tasks) find(server, id string) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	same := t.byID[id]
	if server == "" && len(same) != 1 {
		return nil
	}
	for _, el := range same {
		if k := el.Value.(*task); server == "" || k.tool.Server == server {
			t.used.MoveToFront(el)
			return k
		}
	}
	return nil
}

// findTask is [Catalog.Find] for tasks: the entry stands for the tool whose
// call made the task, so that policy judges polls as it judged the call.
func (c *Catalog) findTask(v *view, server, id string) (*gateway.Tool, error) {
	if id == "" {
		s := v.servers[server]
		if s == nil {
			return nil, unknown(gateway.KindTask)
		}
		return s.tasks, v.reachable(server)
	}
	k := c.tasks.find(server, id)
	if k == nil {
		return nil, unknown(gateway.KindTask)
	}
	t := *k.tool
	t.Kind, t.Check = gateway.KindTask, nil
	return &t, v.reachable(t.Server)
}

// owned refuses the task of another principal as if there were none.
func (t *tasks) owned(c *gateway.Call, server string) error {
	if c.Name == "" {
		return nil // tasks/list: its answer is filtered
	}
	if k := t.find(server, c.Name); k == nil || k.principal != c.Agent.Principal() {
		return unknown(gateway.KindTask)
	}
	return nil
}

// note remembers the task that a call made, and keeps from the answer of
// tasks/list what is not the caller's.
func (t *tasks) note(c *gateway.Call, server string, r *gateway.Result) (*gateway.Result, error) {
	switch {
	case r.Error != nil || !bytes.Contains(r.Raw, []byte(`"taskId"`)):
		return r, nil
	case c.Kind == gateway.KindTool:
		if id := taskID(r.Raw); id != "" {
			t.add(&task{id: id, principal: c.Agent.Principal(), tool: c.Tool})
		}
		return r, nil
	case c.Method == "tasks/list":
		return t.filter(c, server, r)
	}
	return r, nil
}

func (t *tasks) add(k *task) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, el := range t.byID[k.id] {
		if el.Value.(*task).tool.Server == k.tool.Server {
			return // an ID is used once; whoever made it first keeps it
		}
	}
	t.byID[k.id] = append(t.byID[k.id], t.used.PushFront(k))
	if t.used.Len() <= maxTasks {
		return
	}
	last := t.used.Back()
	t.used.Remove(last)
	old := last.Value.(*task)
	rest := t.byID[old.id][:0]
	for _, el := range t.byID[old.id] {
		if el != last {
			rest = append(rest, el)
		}
	}
	if t.byID[old.id] = rest; len(rest) == 0 {
		delete(t.byID, old.id)
	}
}

// taskID reads the ID of the task in a tool's result: task.taskId in MCP
// 2025-11-25, taskId in the extension of 2026-07-28.
func taskID(result json.RawMessage) string {
	o, err := gateway.Split(result)
	if err != nil {
		return ""
	}
	if inner, err := o.Object("task"); err == nil {
		if id, ok, err := inner.String("taskId"); err == nil && ok {
			return id
		}
	}
	if id, ok, err := o.String("taskId"); err == nil && ok {
		return id
	}
	return ""
}

func (t *tasks) filter(c *gateway.Call, server string, r *gateway.Result) (*gateway.Result, error) {
	o, err := gateway.Split(r.Raw)
	if err != nil {
		return nil, err
	}
	array, _ := o.Get("tasks")
	all, err := elements(array)
	if err != nil {
		return nil, gateway.Refuse("upstream", gateway.UpstreamInvalid, "upstream "+server+` answered "tasks" that is not an array`)
	}
	own := []json.RawMessage{}
	for _, raw := range all {
		if k := t.find(server, taskID(raw)); k != nil && k.principal == c.Agent.Principal() {
			own = append(own, raw)
		}
	}
	kept := append([]byte{'['}, bytes.Join(rawBytes(own), []byte{','})...)
	members := append([]gateway.Member(nil), o.Members()...)
	for i := range members {
		if members[i].Name == "tasks" {
			members[i].Value = append(kept, ']')
		}
	}
	filtered := *r
	filtered.Raw = gateway.JoinMembers(members)
	return &filtered, nil
}

func rawBytes(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i, raw := range all {
		out[i] = raw
	}
	return out
}
