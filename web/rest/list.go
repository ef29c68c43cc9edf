package rest

import (
	"toolward/gateway"
	"toolward/gateway/dialect"
)

// leftOut is a tool that a list does not offer, for the person who wonders.
type leftOut struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// entries are tools as the format has them. What it cannot say is left out: a
// provider refuses the whole request for one tool.
func (f *format) entries(tools []*gateway.Tool) (entries [][]byte, left []leftOut) {
	for _, t := range tools {
		if f.dialect == "" {
			entries = append(entries, mcpDefinition(t))
			continue
		}
		d := f.accepts()
		form := d.Of(t)
		switch {
		case form.LeftOut != "":
			left = append(left, leftOut{t.Wire, form.LeftOut})
		case d.Tools > 0 && len(entries) == d.Tools:
			left = append(left, leftOut{t.Wire, "the format allows no more tools in one request"})
		default:
			entries = append(entries, f.definition(form))
		}
	}
	return entries, left
}

// accepts is the format's dialect.
func (f *format) accepts() *dialect.Dialect {
	d, err := dialect.Named(f.dialect)
	if err != nil {
		panic("rest: " + err.Error())
	}
	return d
}

// formOf is a tool as the model was shown it, nil if it was shown its upstream's
// definition, or nothing that is there now.
func (h *Handler) formOf(f *format, wire string) gateway.Form {
	t, err := h.opt.Road.Catalog.Find(gateway.KindTool, "", wire)
	if err != nil {
		return nil // the road says so
	}
	if f == nil || f.dialect == "" {
		return t.Form
	}
	return f.accepts().Of(t)
}

// wireName is the name on /mcp of what a model calls by name.
func (f *format) wireName(name string) string {
	if f == nil || f.dialect == "" {
		return name
	}
	return f.accepts().WireName(name)
}
