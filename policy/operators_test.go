package policy

import (
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

const whoMayApprove = `package operators

deny contains "payments over 1000 are finance's" if {
	startswith(input.approval.tool, "bank__")
	input.approval.args.amount > 1000
	not "finance" in input.operator.roles
}

deny contains "nobody alone approves after private data was read" if {
	"private" in input.approval.labels
	input.operator.role != "admin"
}

deny contains sprintf("%s is on leave", [input.operator.subject]) if input.operator.subject == "olaf"

deny contains reason if {
	input.operator.subject == "broken"
	reason := input.approval.args.amount
}

deny contains "fails" if {
	input.operator.subject == "fails"
	x := input.approval.args.amount / (input.approval.args.amount - input.approval.args.amount)
	x > 0
}
`

func TestMayApprove(t *testing.T) {
	e := open(t, whoMayApprove)
	for _, tt := range []struct {
		name, subject string
		roles, labels []string
		role          string
		amount        string
		want          string // reasons; "error" for one
	}{
		{"small", "rita", nil, nil, "approver", "10", ""},
		{"large", "rita", nil, nil, "approver", "1001", "payments over 1000 are finance's"},
		{"large, by finance", "rita", []string{"finance"}, nil, "approver", "1001", ""},
		{"after private data", "rita", nil, []string{"private", "untrusted"}, "approver", "10", "nobody alone approves after private data was read"},
		{"after private data, by an admin", "rita", nil, []string{"private"}, "admin", "10", ""},
		{"two reasons", "olaf", nil, nil, "approver", "2000", "olaf is on leave; payments over 1000 are finance's"},
		{"a reason that is none", "broken", nil, nil, "approver", "10", "error"},
		{"a rule that fails", "fails", nil, nil, "approver", "10", "error"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			reasons, err := e.MayApprove(t.Context(), gateway.Operator{Issuer: "i", Subject: tt.subject, Roles: tt.roles}, tt.role,
				gateway.Approval{ID: "a", Tool: "bank__pay", Args: []byte(`{"amount":` + tt.amount + `}`), Labels: tt.labels, Created: time.Now()})
			got := strings.Join(reasons, "; ")
			if err != nil {
				got = "error"
			}
			if got != tt.want {
				t.Errorf("got %q (%v), want %q", got, err, tt.want)
			}
		})
	}
	if reasons, err := open(t, "package gateway\n\nallow := true\n").MayApprove(t.Context(), gateway.Operator{}, "approver", gateway.Approval{}); err != nil || reasons != nil {
		t.Errorf("without the package: %v %v", reasons, err)
	}
}
