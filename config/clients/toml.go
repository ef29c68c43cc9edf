package clients

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// editTOML sets the table root.name to some lines. It works on the text, since
// a TOML encoder would drop comments and order, and relies on the check at the
// end where a line only looks like a table (inside a long string, say).
func editTOML(old []byte, root, name, lines string) ([]byte, error) {
	var before map[string]any
	if err := toml.Unmarshal(old, &before); err != nil {
		return nil, err
	}
	header := "[" + root + "." + tomlKey(name) + "]"
	text := replaceTable(string(old), root, name, header+"\n"+lines)
	var after map[string]any
	if err := toml.Unmarshal([]byte(text), &after); err != nil {
		return nil, fmt.Errorf("the result would not be TOML: %w", err)
	}
	var want map[string]any
	if err := toml.Unmarshal([]byte(lines), &want); err != nil {
		return nil, err
	}
	if got, _ := table(after, root)[name].(map[string]any); !reflect.DeepEqual(got, want) {
		return nil, errors.New("the entry is written in a way that cannot be edited")
	}
	for _, m := range []map[string]any{before, after} {
		if servers := table(m, root); servers != nil {
			delete(servers, name)
			if len(servers) == 0 {
				delete(m, root)
			}
		}
	}
	if len(before)+len(after) > 0 && !reflect.DeepEqual(before, after) {
		return nil, errors.New("it cannot be changed without changing other entries")
	}
	return []byte(text), nil
}

func table(m map[string]any, name string) map[string]any {
	t, _ := m[name].(map[string]any)
	return t
}

// replaceTable replaces the table and the tables in it, or appends it.
func replaceTable(text, root, name, entry string) string {
	var kept, pending []string // pending: comments and blank lines, which belong to what follows
	done, inside := false, false
	lines := strings.SplitAfter(text, "\n")
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			inside = isTable(trimmed, root, name)
			if inside && !done {
				kept = append(append(kept, pending...), entry)
				pending, done = nil, true
			}
		}
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
			pending = append(pending, line)
		case inside:
			pending = nil
		default:
			kept = append(append(kept, pending...), line)
			pending = nil
		}
	}
	text = strings.Join(append(kept, pending...), "")
	if done {
		return text
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if text != "" && !strings.HasSuffix(text, "\n\n") {
		text += "\n"
	}
	return text + entry
}

// isTable reports whether a header line is that of root.name or of a table in it.
func isTable(line, root, name string) bool {
	line = strings.TrimSpace(strings.TrimLeft(line, "["))
	for _, key := range []string{name, strconv.Quote(name), "'" + name + "'"} {
		rest, ok := strings.CutPrefix(line, root+"."+key)
		if ok && (strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, ".")) {
			return true
		}
	}
	return false
}

// tomlKey writes a key, bare if it may be.
func tomlKey(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isWord(r) }) {
		return s
	}
	return tomlString(s)
}

func isWord(r rune) bool {
	return r == '_' || r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// tomlString writes a basic string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
