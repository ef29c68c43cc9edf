package admin

import (
	"fmt"
	"strings"
	"testing"
)

// Commands may say what they did, and nothing that did not happen in them; who says
// so is not theirs to say.
func TestNotesAreOfCommands(t *testing.T) {
	for body, want := range map[string]int{
		`{"what":"token.minted","detail":{"subject":"bot"}}`:       200,
		`{"what":"approval.approved","detail":{"id":"a1"}}`:        400,
		`{"what":"gateway.start","detail":{}}`:                     400,
		`{"what":"token.minted"}`:                                  400,
		`{"detail":{}}`:                                            400,
		`{"what":"token.minted","detail":{},"by":"ceo"}`:           400,
		`{"what":"token.minted","detail":{"by":"ceo","roles":[]}}`: 200,
	} {
		d := newDesk(t)
		if status, m := d.do(t, d.local, "POST", "notes", body); status != want || (len(d.notes) > 0) != (want == 200) {
			t.Errorf("%s: %d %v, on record %q", body, status, m, d.notes)
		}
		if strings.Contains(fmt.Sprint(d.notes), "ceo") {
			t.Errorf("on record: %q", d.notes)
		}
	}
}
