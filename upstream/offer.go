package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"

	"toolward/gateway"
	"toolward/upstream/shape"
)

// shapes are the names of the entries' shapes by list method.
var shapes = map[string]string{"tools/list": "Tool", "prompts/list": "Prompt", "resources/list": "Resource", templatesList: "Template"}

// offer makes what agents get of an entry: its definition, made to fit what
// clients of either era check. An entry that cannot be made to fit would cost
// them the whole list, and is an error. What is made of it is logged: it is
// done once for each definition.
func (s *server) offer(l listing, e *entry) error {
	modern, changed, err := shape.Modern.Fit(shapes[l.method], e.tool.Definition)
	if err != nil {
		return misfit(err)
	}
	legacy, _, err := shape.Legacy.Fit(shapes[l.method], e.tool.Definition)
	if err != nil {
		return misfit(err)
	}
	o, err := gateway.Split(modern)
	if err != nil {
		return err
	}
	if l.kind == gateway.KindTool {
		if err := s.compileInput(e, o); err != nil {
			return err
		}
		if drop, dropLegacy := s.judgeOutput(o); dropLegacy {
			legacy = without(legacy, "outputSchema")
			if drop {
				modern, changed = without(modern, "outputSchema"), append(changed, "/outputSchema")
			}
		}
	}
	if len(changed) > 0 {
		s.log.Info("definition is completed, or offered without what clients reject", "kind", l.kind, "tool", e.tool.Wire, "at", changed)
	}
	e.tool.Annotations, _ = o.Get("annotations")
	if s.cfg.Form != nil && l.kind == gateway.KindTool {
		if e.tool.Form, err = s.cfg.Form(&e.tool); err != nil {
			return err
		}
		modern, legacy = e.tool.Form.Show(modern), e.tool.Form.Show(legacy)
	}
	e.tool.Modern, e.tool.Legacy = other(modern, e.tool.Definition), other(legacy, e.tool.Definition)
	return nil
}

func misfit(err error) error {
	return fmt.Errorf("its definition does not fit MCP, and clients would reject the whole list: %w", err)
}

// other is what is offered if it is not the definition itself, else nil.
func other(offered, definition json.RawMessage) json.RawMessage {
	if bytes.Equal(offered, definition) {
		return nil
	}
	return offered
}

// compileInput makes the check of a tool's arguments.
func (s *server) compileInput(e *entry, o gateway.Object) (err error) {
	input, _ := o.Get("inputSchema")
	if e.tool.Check, err = s.schemas.compile(input); err != nil {
		return fmt.Errorf("its inputSchema is not a valid JSON Schema: %w", err)
	}
	if bytes.Contains(input, []byte(shape.HeaderKey)) || bytes.Contains(input, []byte(`\u`)) {
		if err := shape.Headers(gateway.Decode(input)); err != nil {
			return fmt.Errorf("its %s is not valid, and clients must leave it out: %w", shape.HeaderKey, err)
		}
	}
	return nil
}

// judgeOutput says whom an output schema has to be kept from: all, or only
// agents of earlier revisions. It promises something about results, and a call
// is as good without.
func (s *server) judgeOutput(o gateway.Object) (all, legacy bool) {
	output, ok := o.Get("outputSchema")
	if !ok {
		return false, false
	}
	if _, err := s.schemas.compile(output); err != nil {
		return true, true
	}
	return false, !portable(output)
}

// without is an object that was checked before, without a member.
func without(object json.RawMessage, name string) json.RawMessage {
	o, err := gateway.Split(object)
	if err != nil {
		return object
	}
	if _, ok := o.Get(name); !ok {
		return object
	}
	return gateway.JoinMembers(o.Without(name))
}
