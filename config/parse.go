package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// maxFile is the longest configuration that is read.
const maxFile = 1 << 20

// Load reads a file. What is wrong with its content is returned as [Errors],
// all of it.
func Load(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, data, os.LookupEnv)
}

// LoadBeside reads a file for who starts no upstream and judges no call: whoever
// decides or reviews beside a gateway has no business with its secrets. Variables
// of upstreams and guard need not be set, [Config.Upstreams] is empty and
// [Config.Guard] the default. All else is checked as ever.
func LoadBeside(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return parseBeside(path, data, os.LookupEnv)
}

// LoadUnstarted reads a file for who starts no upstream and wants all else of it.
// Variables of upstreams need not be set: a field that has one is empty then, and is
// printed as it is written.
func LoadUnstarted(path string) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return parseUnstarted(path, data, os.LookupEnv)
}

func parseUnstarted(file string, data []byte, lookup func(string) (string, bool)) (*Config, error) {
	d := newDecoder(file, lookup)
	d.spared = []string{"upstreams."}
	return parse(d, data)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return data, nil
}

// Parse reads a configuration. file is its name in messages, and its directory
// is what paths are relative to; lookup finds environment variables. What is
// wrong is returned as [Errors].
func Parse(file string, data []byte, lookup func(string) (string, bool)) (*Config, error) {
	return parse(newDecoder(file, lookup), data)
}

func parseBeside(file string, data []byte, lookup func(string) (string, bool)) (*Config, error) {
	d := newDecoder(file, lookup)
	d.spared = []string{"upstreams.", "guard."}
	c, err := parse(d, data)
	if err != nil {
		return nil, err
	}
	c.Upstreams, c.Disabled, c.Guard = nil, nil, Default().Guard
	return c, nil
}

// CheckBeside says what is wrong with the text of a file, as [LoadBeside] does.
func CheckBeside(file string, text []byte) error {
	_, err := parseBeside(file, text, os.LookupEnv)
	return err
}

// setAside takes the upstreams that are not to be started from the others. Nobody
// needs the variables of one.
func (d *decoder) setAside(c *Config) {
	c.Disabled = slices.DeleteFunc(slices.Clone(c.Upstreams), func(u Upstream) bool { return u.Enabled })
	c.Upstreams = slices.DeleteFunc(c.Upstreams, func(u Upstream) bool { return !u.Enabled })
	for _, u := range c.Disabled {
		d.errs = slices.DeleteFunc(d.errs, func(e *Error) bool { return e.unset && strings.HasPrefix(e.Field, join("upstreams", u.Name)+".") })
	}
}

func parse(d *decoder, data []byte) (*Config, error) {
	c := Default()
	c.Audit.Path = d.resolvePath(c.Audit.Path)
	local := c.Auth.Local
	local.KeyFile = d.resolvePath(local.KeyFile)
	c.Auth.Local = nil
	root, err := d.load(data)
	if err != nil {
		return nil, Errors{err}
	}
	if root != nil {
		d.config(envFirst(root), c)
	}
	if len(c.Auth.Issuers) == 0 && c.Auth.Local == nil {
		c.Auth.Local = local
	}
	d.check(c)
	d.setAside(c)
	d.errs = slices.DeleteFunc(d.errs, func(e *Error) bool { return d.open[e.Field] }) // that nothing is no address, say
	if len(d.errs) > 0 {
		d.errs.sort()
		return nil, d.errs
	}
	c.file, c.marks, c.shown, c.open, c.hidden = d.file, d.marks, d.shown, d.open, d.hidden
	c.files = append([]string{d.file}, d.files...)
	return c, nil
}

func newDecoder(file string, lookup func(string) (string, bool)) *decoder {
	return &decoder{file: file, dir: filepath.Dir(file), lookup: lookup, marks: map[string]mark{}, shown: map[string]string{}, open: map[string]bool{}, values: map[string][]Hidden{}}
}

// load parses the YAML; nil is an empty file.
func (d *decoder) load(data []byte) (*yaml.Node, *Error) {
	if len(data) > maxFile {
		return nil, &Error{File: d.file, Message: fmt.Sprintf("longer than %d bytes", maxFile)}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		return nil, d.syntax(data, err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, d.syntax(data, err)
	}
	if err := loader.Load(&second); err == nil {
		return nil, &Error{File: d.file, Line: second.Line, Column: second.Column, Message: "a second document (---); the file holds one"}
	} else if !errors.Is(err, io.EOF) {
		return nil, d.syntax(data, err)
	}
	if first.Kind == yaml.DocumentNode && len(first.Content) == 1 {
		return first.Content[0], nil
	}
	return nil, nil
}

// syntax puts the library's error into our form.
func (d *decoder) syntax(data []byte, err error) *Error {
	e := &Error{File: d.file, Message: "not YAML: " + err.Error()}
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return e
	}
	e.Message = "not YAML: " + at.Message
	if at.ContextMsg != "" {
		e.Message += ", " + at.ContextMsg
	}
	e.Line, e.Column = at.Mark.Line, at.Mark.Column
	if at.Mark.Line == 0 && at.Mark.Index > 0 && at.Mark.Index <= len(data) {
		e.Line = strings.Count(string(data[:at.Mark.Index]), "\n") + 1
		e.Column = at.Mark.Index - strings.LastIndexByte(string(data[:at.Mark.Index]), '\n')
	}
	if line := lineOf(data, e.Line); strings.HasPrefix(line, "\t") {
		e.Hint = "YAML indents with blanks, not with tabs"
	}
	return e
}

func lineOf(data []byte, n int) string {
	lines := strings.Split(string(data), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

// SetListen replaces the listener's address, as a command's flag does. It fails
// with [Errors] where the file would be refused with that address.
func (c *Config) SetListen(address string) error {
	d := newDecoder("--listen", nil)
	if err := checkAddress(address); err != nil {
		return Errors{{File: "--listen", Message: err.Error()}}
	}
	changed := *c
	changed.Listen = address
	d.marks = c.marks // says whether auth.local was written on purpose
	d.checkListener(&changed)
	for _, e := range d.errs {
		e.Line, e.Column = 0, 0
	}
	if len(d.errs) > 0 {
		return d.errs
	}
	c.Listen, c.listen = address, address
	return nil
}

// Where is the place of a field in the file, "toolward.yaml:3:5", or of the
// nearest field around it, so that those who find out later what is wrong with
// a value can say where it stands: Where("auth.issuers[0].jwks_url").
func (c *Config) Where(path string) string {
	for {
		if m, ok := c.marks[path]; ok {
			return fmt.Sprintf("%s:%d:%d", c.file, m.line, m.column)
		}
		if path == "" {
			return c.file
		}
		path = parent(path)
	}
}
