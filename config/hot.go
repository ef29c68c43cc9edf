package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// hot are the fields that a running gateway takes over. All others need a restart, and
// so do those of the second list.
var (
	hot  = []string{"env_file", "upstreams", "limits", "guard"}
	cold = []string{"limits.sessions", "guard.allow"}
)

// IsHot reports whether a running gateway takes over a field.
func IsHot(field string) bool {
	in := func(all []string) bool {
		return slices.ContainsFunc(all, func(f string) bool {
			rest, ok := strings.CutPrefix(field, f)
			return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
		})
	}
	return in(hot) && !in(cold)
}

// Files are those that the configuration was read from: the file itself, those of
// env_file, and those that ${file:} names. There are none without a file.
func (c *Config) Files() []string { return c.files }

// ErrEmpty is that a file which had something in it has nothing.
var ErrEmpty = errors.New("is empty: who writes it may not have come to that yet")

// Again reads the file anew, as it is now, for the address that SetListen said. It
// fails with [ErrEmpty] on an empty file, which [Load] takes for one that leaves
// everything out.
func (c *Config) Again() (*Config, error) {
	data, err := read(c.file)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: %w", c.file, ErrEmpty)
	}
	next, err := Parse(c.file, data, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	if c.listen != "" {
		err = next.SetListen(c.listen)
	}
	return next, err
}

// TakeOver is the configuration that is in force when a running gateway takes over
// next: what is hot of next, and all else as it was.
func (c *Config) TakeOver(next *Config) *Config {
	now := *c
	now.EnvFile, now.Upstreams, now.Disabled, now.Limits, now.Guard = next.EnvFile, next.Upstreams, next.Disabled, next.Limits, next.Guard
	now.Limits.Sessions, now.Guard.Allow = c.Limits.Sessions, c.Guard.Allow
	now.files, now.marks, now.hidden = next.files, next.marks, slices.Concat(next.hidden, c.hidden)
	now.shown = map[string]string{}
	maps.Copy(now.shown, c.shown)
	maps.DeleteFunc(now.shown, func(field, _ string) bool { return IsHot(field) })
	for field, shown := range next.shown {
		if IsHot(field) {
			now.shown[field] = shown
		}
	}
	return &now
}
