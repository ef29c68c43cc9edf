package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// fileVariable begins ${file:PATH}, which stands for a file's content.
const fileVariable = "file:"

// maxSecretFile bounds a file that a value is in, and one of variables.
const maxSecretFile = 64 << 10

// fileError is that a file of values cannot be read. Who stands beside a gateway
// need not be able to.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// variable is what ${NAME} stands for: the environment's before that of env_file,
// so that a deployment can replace what a file says.
func (d *decoder) variable(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, fileVariable); ok {
		if path == "" {
			return "", &fileError{errors.New("${file:} names no file")}
		}
		raw, err := d.readValues(d.resolvePath(path))
		if err != nil {
			return "", &fileError{err}
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	}
	if value, ok := d.lookup(name); ok {
		return value, nil
	}
	if value, ok := d.env[name]; ok {
		return value, nil
	}
	return "", fmt.Errorf("the environment variable %s %w", name, errUnset)
}

// envFiles reads the files of variables; the first that has one counts.
func (d *decoder) envFiles(files []string, n *yaml.Node, path string) {
	for i, file := range files {
		if file == "" {
			continue
		}
		at, place := path, n
		if n.Kind == yaml.SequenceNode {
			at, place = element(path, i), n.Content[i]
		}
		raw, err := d.readValues(file)
		if err != nil {
			if len(d.spared) == 0 {
				d.fail(place, at, "%v", err)
			}
			continue
		}
		values, err := ParseEnv(string(raw))
		if err != nil {
			d.fail(place, at, "%s:%v", file, err)
			continue
		}
		for name, value := range values {
			if _, ok := d.env[name]; !ok {
				put(&d.env, name, value)
			}
		}
	}
}

// envFirst is the file's fields with env_file in front: all others may refer to
// what is in it.
func envFirst(root *yaml.Node) *yaml.Node {
	if root.Kind != yaml.MappingNode {
		return root
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "env_file" {
			ordered := *root
			ordered.Content = append(append([]*yaml.Node{root.Content[i], root.Content[i+1]}, root.Content[:i]...), root.Content[i+2:]...)
			return &ordered
		}
	}
	return root
}

// readValues reads a file of values, which is looked at again when it changes.
func (d *decoder) readValues(path string) ([]byte, error) {
	if !slices.Contains(d.files, path) {
		d.files = append(d.files, path)
	}
	return readSmall(path)
}

// readSmall reads a regular file: a pipe would be waited for, and a device has no end.
func readSmall(path string) ([]byte, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, plainly(path, err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainly(path, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	switch {
	case err != nil:
		return nil, plainly(path, err)
	case len(raw) > maxSecretFile:
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxSecretFile)
	case !utf8.Valid(raw) || bytes.IndexByte(raw, 0) >= 0:
		return nil, fmt.Errorf("%s is not text", path)
	}
	return bytes.TrimPrefix(raw, []byte("\ufeff")), nil
}

// plainly is an error of the system as "FILE: no such file or directory".
func plainly(path string, err error) error {
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// ParseEnv reads a file of variables: NAME=VALUE, one a line, also behind "export";
// empty lines, and those that begin with #, say nothing. A value is taken as it
// stands, $, # and blanks inside it as well, for it may be a password; in double
// quotes it has Go's escapes, in single quotes none. The error begins with the line.
//
// Libraries for such files were looked at and not taken: they replace $NAME inside
// of values and cut them at #, which breaks passwords.
//
//	TOKEN=a#b$c         → a#b$c
//	KEY="line\nline"    → two lines
func ParseEnv(text string) (map[string]string, error) {
	values := map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "export "))
		if !ok || !isVariable(name) {
			return nil, fmt.Errorf("%d: expected NAME=VALUE", n) // not the line: it may be a secret
		}
		if _, twice := values[name]; twice {
			return nil, fmt.Errorf("%d: %s stands twice", n, name)
		}
		value = strings.TrimSpace(value)
		switch {
		case len(value) >= 2 && value[0] == '\'' && value[len(value)-1] == '\'':
			value = value[1 : len(value)-1]
		case strings.HasPrefix(value, `"`):
			var err error
			if value, err = strconv.Unquote(value); err != nil {
				return nil, fmt.Errorf("%d: %s: a quote that does not end, or an escape that is none", n, name)
			}
		}
		values[name] = value
	}
	return values, nil
}

// FormatEnv writes a variable as [ParseEnv] reads it.
func FormatEnv(name, value string) string {
	if value != strings.TrimSpace(value) || strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'") || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
		value = strconv.Quote(value)
	}
	return name + "=" + value + "\n"
}
