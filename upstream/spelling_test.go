package upstream

import (
	"encoding/json"
	"testing"

	"toolward/gateway"
)

// Whose tasks a list shows does not depend on how the server spells their names.
func TestTasksOfOthersAreKeptBackHoweverTheyAreSpelled(t *testing.T) {
	owner, other := &gateway.Agent{ID: "owner", Issuer: "i"}, &gateway.Agent{ID: "other", Issuer: "i"}
	for _, name := range []string{`taskId`, `\u0074askId`, `task\u0049d`, `task\u0049\u0064`} {
		all := newTasks()
		tool := &gateway.Tool{Server: "s"}
		made := &gateway.Call{Kind: gateway.KindTool, Agent: owner, Tool: tool}
		if _, err := all.note(made, "s", 0, &gateway.Result{Raw: json.RawMessage(`{"task":{"` + name + `":"t-1","status":"working"}}`)}); err != nil {
			t.Fatal(err)
		}
		if k := all.find("s", "t-1"); k == nil {
			t.Errorf("%s: the task is not noted", name)
		}
		listed := &gateway.Result{Raw: json.RawMessage(`{"tasks":[{"` + name + `":"t-1","status":"working"}]}`)}
		got, err := all.note(&gateway.Call{Kind: gateway.KindTask, Method: "tasks/list", Agent: other, Tool: tool}, "s", 0, listed)
		if err != nil || string(got.Raw) != `{"tasks":[]}` {
			t.Errorf("%s: another is shown %s, %v", name, got.Raw, err)
		}
	}
}
