package admin

import (
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// Only the definition that was shown is accepted.
func TestAcceptTakesWhatWasShown(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"all of it":        {`{"name":"bank__pay","fingerprint":"` + shown + `"}`, 200},
		"its beginning":    {`{"name":"bank__pay","fingerprint":"` + shown[:32] + `"}`, 200},
		"too little":       {`{"name":"bank__pay","fingerprint":"` + shown[:31] + `"}`, 400},
		"none":             {`{"name":"bank__pay"}`, 400},
		"another":          {`{"name":"bank__pay","fingerprint":"` + strings.Repeat("cd", 32) + `"}`, 409},
		"of nothing there": {`{"name":"bank__steal","fingerprint":"` + shown + `"}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if status, m := d.do(t, "admin", "POST", "changes/accept", tt.body); status != tt.want {
				t.Errorf("%d %v, want %d", status, m, tt.want)
			}
			if looked := d.tools.looked.Load(); tt.want == 200 && looked != 1 {
				t.Errorf("the upstream was asked %d times what it offers now", looked)
			}
			by, _ := d.tools.accepted.Load().(gateway.Operator)
			if (by.Subject == "admin" && by.Issuer == issuer && slices.Equal(by.Roles, []string{"ad"})) != (tt.want == 200) {
				t.Errorf("accepted by %+v", by)
			}
		})
	}
}

// A definition that changes when the upstream is asked once more is not accepted.
func TestAttackDefinitionThatChangesAtTheLastLook(t *testing.T) {
	d := newDesk(t)
	d.tools.next = strings.Repeat("cd", 32)
	if status, m := d.do(t, "admin", "POST", "changes/accept", `{"name":"bank__pay","fingerprint":"`+shown+`"}`); status != 409 || m["code"] != "changed" {
		t.Errorf("%d %v", status, m)
	}
	if by := d.tools.accepted.Load(); by != nil {
		t.Errorf("accepted by %v", by)
	}
}
