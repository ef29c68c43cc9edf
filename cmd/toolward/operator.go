package main

import (
	"os"
	"os/user"
	"strconv"

	"toolward/gateway"
)

// whoRuns is who runs a command on this machine, as the system knows them.
func whoRuns() (gateway.Operator, error) { return operator(user.Current, os.Getuid()) }

// operator names the user, or the number where the system has no name for it: in a
// container without /etc/passwd, `docker run --user 10001`, that is "uid 10001".
func operator(current func() (*user.User, error), uid int) (gateway.Operator, error) {
	u, err := current()
	switch {
	case err == nil:
		return gateway.Operator{Issuer: gateway.LocalOperators, Subject: u.Username}, nil
	case uid < 0: // a system without numbers
		return gateway.Operator{}, err
	default:
		return gateway.Operator{Issuer: gateway.LocalOperators, Subject: "uid " + strconv.Itoa(uid)}, nil
	}
}
