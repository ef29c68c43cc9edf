package upstream

import (
	"encoding/json"
	"fmt"
	"log/slog"

	"toolward/gateway"
)

// Describe completes a tool that is known by its definition alone, as a catalog that
// offers it would: its annotations, which policies see, and the check of its arguments.
// Nothing can be called with it.
func Describe(t *gateway.Tool) error {
	var def struct{ Annotations, InputSchema json.RawMessage }
	if t.Definition == nil {
		return nil
	}
	if err := json.Unmarshal(t.Definition, &def); err != nil {
		return fmt.Errorf("the definition of %s: %w", t.Wire, err)
	}
	t.Annotations = def.Annotations
	var err error
	if t.Check, err = (schemas{slog.New(slog.DiscardHandler)}).compile(def.InputSchema); err != nil {
		return fmt.Errorf("the input schema of %s: %w", t.Wire, err)
	}
	return nil
}
