package config

import (
	"errors"
	"fmt"
	"strings"
)

func checkAny(name string) error {
	if name == "" {
		return errors.New("a name is empty")
	}
	return nil
}

// checkServerName keeps server__tool readable one way only.
func checkServerName(name string) error {
	switch {
	case name == "" || len(name) > 32:
		return errors.New("an upstream's name has 1 to 32 characters")
	case strings.Contains(name, "__"):
		return errors.New("an upstream's name must not contain __, which stands between upstream and tool")
	}
	for _, r := range name {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return fmt.Errorf("an upstream's name has letters, digits, - and _ only, not %q", r)
		}
	}
	if strings.HasPrefix(name, "_") || strings.HasSuffix(name, "_") {
		return errors.New("an upstream's name must not begin or end with _, which would run into the __ between upstream and tool")
	}
	return nil
}

func checkVariable(name string) error {
	if name == "" || strings.ContainsAny(name, "=\x00") {
		return errors.New("not the name of an environment variable")
	}
	return nil
}

// checkHeader allows tokens of RFC 9110 §5.6.2, and not what the connection owns.
func checkHeader(name string) error {
	for _, r := range name {
		if r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return errors.New("not the name of an HTTP header")
		}
	}
	switch strings.ToLower(name) {
	case "":
		return errors.New("not the name of an HTTP header")
	case "host", "content-length", "content-type", "transfer-encoding", "connection", "accept", "mcp-session-id", "mcp-protocol-version":
		return errors.New("this header is the gateway's own")
	}
	return nil
}
