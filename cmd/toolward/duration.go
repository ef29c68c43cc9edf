package main

import (
	"time"

	"github.com/spf13/pflag"

	"toolward/config"
)

// duration is a flag that reads what the configuration reads: days too.
type duration time.Duration

func durationVar(f *pflag.FlagSet, to *time.Duration, name string, by time.Duration, usage string) {
	*to = by
	f.Var((*duration)(to), name, usage)
}

// Set implements [pflag.Value].
func (d *duration) Set(s string) error {
	v, err := config.ParseDuration(s)
	*d = duration(v)
	return err
}

// String implements [pflag.Value].
func (d *duration) String() string { return time.Duration(*d).String() }

// Type implements [pflag.Value].
func (d *duration) Type() string { return "duration" }
