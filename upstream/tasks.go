package upstream

import (
	"bytes"
	"container/list"
	"encoding/json"
	"slices"
	"sync"

	"toolward/gateway"
)

// Bounds of what is remembered of tasks: how many, and bytes of the arguments
// that made them, in all and of one principal. What was not used for longest is
// forgotten first, of a principal over its share its own, and answered as unknown
// from then on.
const (
	maxTasks     = 50_000
	maxTaskArgs  = 64 << 20
	maxTaskShare = maxTaskArgs / 8
)

// tasks binds the ID of each task that an upstream made to the call that made it:
// its principal, tool and arguments. Nobody else can poll, read or cancel it.
// Bindings live in memory: after a restart of the gateway tasks are unknown.
type tasks struct {
	mu    sync.Mutex
	byID  map[string][]*list.Element // one per server that uses the ID
	used  *list.List                 // of *task, most recently used first
	bytes int
	share map[string]int // bytes by principal
}

type task struct {
	id, principal string
	conn          int           // of its owner's connections, that which the server made it on
	tool          *gateway.Tool // whose call made it, as it was then
	task          *gateway.Task
}

func (k *task) size() int { return len(k.task.Args.Raw()) }

func newTasks() *tasks {
	return &tasks{byID: map[string][]*list.Element{}, used: list.New(), share: map[string]int{}}
}

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

// Task implements [gateway.Catalog]. The tool is the one that is offered now
// under the name of the one whose call made the task, so that a task of a tool
// that is quarantined since cannot be read; it is the old one where the upstream
// does not list it any more.
func (c *Catalog) Task(a *gateway.Agent, server, id string) (*gateway.Task, *gateway.Tool, error) {
	k := c.tasks.find(server, id)
	if k == nil || k.principal != a.Principal() {
		return nil, nil, unknown(gateway.KindTask)
	}
	v, tool := c.view.Load(), k.tool
	s := v.servers[tool.Server]
	if s == nil {
		return nil, nil, unknown(gateway.KindTask)
	}
	if isGone(tool) {
		return nil, nil, unknown(gateway.KindTask) // made while the server went, whose next process knows nothing of it
	}
	if now := s.byName[tool.Kind][tool.Name]; now != nil {
		tool = now
	}
	return k.task, tool, v.reachable(tool.Server)
}

// note remembers the task that a call made on a connection, and keeps from the
// answer of tasks/list what is not the caller's.
func (t *tasks) note(c *gateway.Call, server string, conn int, r *gateway.Result) (*gateway.Result, error) {
	switch {
	case r.Error != nil:
		return r, nil
	case c.Kind == gateway.KindTool:
		if id := taskOf(r); id != "" {
			t.add(&task{id: id, principal: c.Agent.Principal(), conn: conn, tool: c.Tool, task: &gateway.Task{Args: c.Args}})
		}
		return r, nil
	case c.Method == "tasks/list" && gateway.MayName(r.Raw, "taskId"):
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
	t.account(k, k.size())
	for el := t.used.Back(); t.share[k.principal] > maxTaskShare && el != t.used.Front(); {
		before := el.Prev()
		if el.Value.(*task).principal == k.principal {
			t.drop(el)
		}
		el = before
	}
	for t.used.Len() > maxTasks || t.bytes > maxTaskArgs {
		t.drop(t.used.Back())
	}
}

// account adds bytes to what is kept for a principal; the caller holds the lock.
func (t *tasks) account(k *task, n int) {
	t.bytes += n
	if t.share[k.principal] += n; t.share[k.principal] == 0 {
		delete(t.share, k.principal)
	}
}

// drop forgets a task; the caller holds the lock.
func (t *tasks) drop(el *list.Element) {
	t.used.Remove(el)
	old := el.Value.(*task)
	t.account(old, -old.size())
	if rest := slices.DeleteFunc(t.byID[old.id], func(e *list.Element) bool { return e == el }); len(rest) > 0 {
		t.byID[old.id] = rest
	} else {
		delete(t.byID, old.id)
	}
}

// forget drops the tasks of a server, whose next process knows nothing of them.
func (t *tasks) forget(server string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for el := t.used.Front(); el != nil; {
		next := el.Next()
		if el.Value.(*task).tool.Server == server {
			t.drop(el)
		}
		el = next
	}
}

// taskOf reads the ID of the task that a tool's result stands for: task.taskId in MCP
// 2025-11-25, taskId in the extension of 2026-07-28.
func taskOf(r *gateway.Result) string {
	if inner, ok := r.Member("task"); ok {
		if id := taskID(inner); id != "" {
			return id
		}
	}
	id, _ := r.Member("taskId")
	return text(id)
}

// taskID is the ID of a task, "" of what is none.
func taskID(task json.RawMessage) string {
	id, _ := gateway.Find(task, "taskId")
	return text(id)
}

// text is that of a JSON string, "" of any other value.
func text(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return ""
	}
	return gateway.Unquote(string(raw))
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
			own = append(own, stateOf(raw))
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

// stateOf is an entry of tasks/list without its texts: in a list nobody asks the
// rules of each task's tool about them. tasks/get has them (MCP 2025-11-25 schema, Task).
func stateOf(entry json.RawMessage) json.RawMessage {
	o, err := gateway.Split(entry)
	if err != nil {
		return json.RawMessage("{}")
	}
	return o.Only("taskId", "status", "createdAt", "lastUpdatedAt", "ttl", "pollInterval")
}

func rawBytes(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i, raw := range all {
		out[i] = raw
	}
	return out
}
