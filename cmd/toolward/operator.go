package main

import (
	"fmt"
	"os/user"

	"toolward/gateway"
)

// whoRuns is who runs a command on this machine, as the system knows them.
func whoRuns() (gateway.Operator, error) {
	u, err := user.Current()
	if err != nil {
		return gateway.Operator{}, fmt.Errorf("who decides? %w", err)
	}
	return gateway.Operator{Issuer: gateway.LocalOperators, Subject: u.Username}, nil
}
