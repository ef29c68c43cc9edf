package main

import (
	"errors"
	"os/user"
	"testing"
)

// TestUserWithoutAName: an image without /etc/passwd starts, under any number.
func TestUserWithoutAName(t *testing.T) {
	nameless := func() (*user.User, error) { return nil, errors.New("$USER is not set") }
	if o, err := operator(nameless, 10001); err != nil || o.Subject != "uid 10001" {
		t.Errorf("got %+v, %v", o, err)
	}
	if o, err := operator(nameless, -1); err == nil {
		t.Errorf("nobody is %+v", o)
	}
	named := func() (*user.User, error) { return &user.User{Username: "rita"}, nil }
	if o, err := operator(named, 10001); err != nil || o.Subject != "rita" {
		t.Errorf("got %+v, %v", o, err)
	}
}
