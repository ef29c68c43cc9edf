package shape

import (
	"encoding/json"
	"strings"
)

// Messages are the shapes of what comes beside results: notifications and
// questions, and what answers those. The zero value is ready.
type Messages struct{}

// Fit is [Shapes.Fit] of a part of a message: its method for params, that with
// ":result" for what answers a question, "Error" for an error. Of notifications
// that MCP does not have only what all have in common is checked.
func (Messages) Fit(revision, part string, value json.RawMessage) (json.RawMessage, error) {
	s := Of(revision)
	if s.named[part] == nil {
		if !strings.HasPrefix(part, "notifications/") {
			return value, nil
		}
		part = "notifications"
	}
	fitting, _, err := s.Fit(part, value)
	return fitting, err
}
