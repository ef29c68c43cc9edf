package admin

import (
	"errors"
	"net/http"
	"testing"
)

// Who asks for a reload is told what is in force of it, and with what is wrong that
// nothing is.
func TestReloadSaysWhatIsInForce(t *testing.T) {
	d := newDesk(t)
	status, m := d.do(t, "admin", "POST", "config/reload", "")
	if fields, _ := m["fields"].([]any); status != http.StatusOK || len(fields) != 1 || m["changed"].([]any)[0] != "admin" {
		t.Errorf("%d %v", status, m)
	}
	d.broken = errors.New("toolward.yaml:3:1: limit: unknown field")
	status, m = d.do(t, "admin", "POST", "config/reload", "")
	if status != http.StatusUnprocessableEntity || m["code"] != "bad_config" || m["detail"] != d.broken.Error() {
		t.Errorf("%d %v", status, m)
	}
}
