package main

import (
	"fmt"
	"os"
	"os/user"
)

// localOperator names who runs a command on this machine, as the system knows
// them: user@host.
func localOperator() string {
	name := fmt.Sprint("uid ", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
