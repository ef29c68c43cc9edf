package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// hot are the fields that a running gateway takes over, with what is in them. All others
// need a restart.
var hot = []string{
	"env_file", "upstreams", "policy", "limits", "guard", "approvals",
	"admin.viewers", "admin.approvers", "admin.admins", "admin.issuers", "log.level",
}

// IsHot reports whether a running gateway takes over a field.
func IsHot(field string) bool {
	return slices.ContainsFunc(hot, func(f string) bool {
		rest, ok := strings.CutPrefix(field, f)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
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
	now.EnvFile, now.Upstreams, now.Disabled = next.EnvFile, next.Upstreams, next.Disabled
	now.Policy, now.Limits, now.Guard, now.Approvals, now.Log.Level = next.Policy, next.Limits, next.Guard, next.Approvals, next.Log.Level
	now.Admin.Viewers, now.Admin.Approvers, now.Admin.Admins, now.Admin.Issuers = next.Admin.Viewers, next.Admin.Approvers, next.Admin.Admins, next.Admin.Issuers
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
