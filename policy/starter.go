package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"toolward/gateway"
)

// Init writes a starter policy into a directory: a file for each tool that
// allows nobody until its rule is completed, and a test beside it. Files that
// exist are left alone. It returns the files that it wrote.
func Init(dir string, tools []*gateway.Tool) ([]string, error) {
	var written []string
	write := func(name, content string) error {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		if err != nil {
			return err
		}
		written = append(written, name)
		_, err = f.WriteString(content)
		return errors.Join(err, f.Close())
	}
	for _, t := range tools {
		if t.Kind != gateway.KindTool {
			continue
		}
		base := filepath.Join(t.Server, unsafeName.ReplaceAllString(t.Name, "_"))
		if err := write(base+".rego", starter(t)); err != nil {
			return written, err
		}
		if err := write(base+"_test.rego", starterTest(t)); err != nil {
			return written, err
		}
	}
	return written, nil
}

var (
	unsafeName = regexp.MustCompile(`[^A-Za-z0-9_-]`)
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

// member writes a name after a path in Rego.
func member(name string) string {
	if identifier.MatchString(name) {
		return "." + name
	}
	quoted, _ := json.Marshal(name) // strings always encode
	return "[" + string(quoted) + "]"
}

func packageOf(t *gateway.Tool) string { return "tools" + member(t.Server) + member(t.Name) }

func starter(t *gateway.Tool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: who may call it, with what?\n", t.Wire)
	def, args := describe(t)
	if def != "" {
		fmt.Fprintf(&b, "# Its server says: %s\n", def)
	}
	fmt.Fprintf(&b, "package %s\n\n", packageOf(t))
	b.WriteString("# Nobody has the role that this names: put in the ones that should.\nallow if {\n\t\"nobody\" in input.agent.roles\n}\n")
	if len(args) > 0 {
		b.WriteString("\n# Its arguments:\n")
		for _, a := range args {
			fmt.Fprintf(&b, "#   input.args%s\n", a)
		}
	}
	b.WriteString("#\n# deny contains \"why\" if …          refuse, whatever else allows\n# approve contains \"why\" if …       ask a person first\n# redact contains \"args.name\" if …  take an argument out before it is sent\n")
	return b.String()
}

// describe returns the first line of a tool's description, and its arguments.
func describe(t *gateway.Tool) (string, []string) {
	var def struct {
		Description string
		InputSchema struct {
			Properties map[string]struct{ Type any }
		}
	}
	if json.Unmarshal(t.Definition, &def) != nil {
		return "", nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(def.Description), "\n")
	line = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, line)
	if r := []rune(line); len(r) > 100 {
		line = string(r[:100]) + "…"
	}
	var args []string
	for name, p := range def.InputSchema.Properties {
		a := member(name)
		if s, ok := p.Type.(string); ok {
			a += " (" + s + ")"
		}
		args = append(args, a)
	}
	slices.Sort(args)
	return line, args
}

func starterTest(t *gateway.Tool) string {
	return fmt.Sprintf(`package %[1]s_test

import data.%[1]s

test_strangers_are_refused if {
	not %[2]s.allow with input as {"stage": "request", "agent": {"roles": []}, "args": {}}
}
`, testPackage(t), lastName(t))
}

// testPackage and lastName keep to identifiers where the name allows it.
func testPackage(t *gateway.Tool) string { return packageOf(t) }

func lastName(t *gateway.Tool) string {
	if identifier.MatchString(t.Name) {
		return t.Name
	}
	return "data." + packageOf(t)
}
