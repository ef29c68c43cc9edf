package audit

import (
	"testing"

	"toolward/gateway"
)

func TestRecordFillsTheView(t *testing.T) {
	s := openStore(t)
	c := record(t, s, `{"path": "/srv/a.md"}`, `{"content":[{"type":"text","text":"hello"}]}`)
	if got := column1(t, s, "SELECT json_object('id',id,'agent',agent,'tool',tool,'outcome',outcome,'effect',effect,'args',args,'result',result,'t',time) FROM calls"); len(got) != 1 {
		t.Fatalf("rows: %v", got)
	} else {
		t.Log(got[0], c.Time.UTC())
	}
	_ = gateway.PhaseAttempt
	for _, e := range column1(t, s, "SELECT type||' '||body FROM events") {
		t.Log(e)
	}
}
