package config

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Secret is a string that is not shown: however it is printed, logged or
// marshalled, it comes out as asterisks.
type Secret string

const mask = "****"

// Reveal is the value itself.
func (s Secret) Reveal() string { return string(s) }

// String is asterisks, or nothing for the empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString is for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText is for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Size is a number of bytes.
type Size int64

// sizeUnits are powers of 1024 only: of MB nobody knows which one is meant.
var sizeUnits = []struct {
	name string
	size Size
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// ParseSize reads "1MiB", "64 KiB", "512B".
func ParseSize(s string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimRight(digits, " "), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(u.size) {
			break
		}
		return Size(n) * u.size, nil
	}
	return 0, fmt.Errorf("%q is not a size: write a whole number and B, KiB, MiB or GiB, such as 4MiB", s)
}

// String is the form that [ParseSize] reads.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return "0B"
}

// MarshalText is for YAML.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Rate is a number of calls per time.
type Rate struct {
	Calls int           // at least 1
	Per   time.Duration // a second, minute, hour or day
}

var rateUnits = []struct {
	name string
	per  time.Duration
}{{"s", time.Second}, {"min", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}

// ParseRate reads "10/s", "60/min", "1000/h", "5000/d".
func ParseRate(s string) (Rate, error) {
	calls, unit, _ := strings.Cut(s, "/")
	n, err := strconv.ParseInt(strings.TrimSpace(calls), 10, 32)
	if err == nil && n > 0 {
		for _, u := range rateUnits {
			if strings.TrimSpace(unit) == u.name {
				return Rate{int(n), u.per}, nil
			}
		}
	}
	return Rate{}, fmt.Errorf("%q is not a rate: write a whole number, a slash, and s, min, h or d, such as 60/min", s)
}

// PerSecond is the rate in calls per second.
func (r Rate) PerSecond() float64 { return float64(r.Calls) / r.Per.Seconds() }

// String is the form that [ParseRate] reads.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if r.Per == u.per {
			return strconv.Itoa(r.Calls) + "/" + u.name
		}
	}
	return ""
}

// MarshalText is for YAML.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// ParseDuration reads Go's durations ("90s", "1h30m") and whole days ("90d").
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseInt(days, 10, 32); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not a duration: write a number and ms, s, m, h or d, such as 90s, 2m or 90d", s)
}
