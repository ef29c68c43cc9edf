package upstream

import (
	"errors"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"toolward/gateway"
)

// unfit is a validation error as an agent can act on it: where, and what is
// wrong there. "at /a/b: missing property 'c'; at /d: got string, want number".
type unfit struct{ *jsonschema.ValidationError }

var _ gateway.Misfit = unfit{}

func (m unfit) Error() string { return m.In(func(name string) string { return name }) }

// In is the error in the names that were shown.
func (m unfit) In(shown func(string) string) string {
	const most = 5
	var lines []string
	more := false
	var walk func(*jsonschema.ValidationError)
	printer := message.NewPrinter(language.English)
	walk = func(v *jsonschema.ValidationError) {
		if len(lines) == most {
			more = true
			return
		}
		if len(v.Causes) == 0 {
			place := strings.Join(mapped(v.InstanceLocation, shown), "/")
			lines = append(lines, clip("at /"+place+": "+inNames(v.ErrorKind, shown).LocalizedString(printer), 300))
		}
		for _, c := range v.Causes {
			walk(c)
		}
	}
	walk(m.ValidationError)
	if more {
		lines = append(lines, "and more")
	}
	return strings.Join(lines, "; ")
}

// inNames is what is wrong with the properties that it names in other names.
func inNames(k jsonschema.ErrorKind, shown func(string) string) jsonschema.ErrorKind {
	switch k := k.(type) {
	case *kind.Required:
		return &kind.Required{Missing: mapped(k.Missing, shown)}
	case *kind.AdditionalProperties:
		return &kind.AdditionalProperties{Properties: mapped(k.Properties, shown)}
	case *kind.DependentRequired:
		return &kind.DependentRequired{Prop: shown(k.Prop), Missing: mapped(k.Missing, shown)}
	case *kind.Dependency:
		return &kind.Dependency{Prop: shown(k.Prop), Missing: mapped(k.Missing, shown)}
	case *kind.PropertyNames:
		return &kind.PropertyNames{Property: shown(k.Property)}
	}
	return k
}

func mapped(names []string, shown func(string) string) []string {
	names = slices.Clone(names)
	for i, name := range names {
		names[i] = shown(name)
	}
	return names
}

func explain(err error) error {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return errors.New(firstLine(err))
	}
	return unfit{v}
}
