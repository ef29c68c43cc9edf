package main

import (
	"slices"
	"testing"

	"toolward/config"
)

func TestTheHostOfThePublicURLIsAccepted(t *testing.T) {
	cfg := config.Default()
	cfg.HTTP.Hosts = []string{"other.example"}
	if got := hosts(cfg); !slices.Equal(got, []string{"other.example"}) {
		t.Errorf("without a public URL: %v", got)
	}
	cfg.PublicURL = "https://gw.example.com"
	if got := hosts(cfg); !slices.Equal(got, []string{"other.example", "gw.example.com"}) {
		t.Errorf("got %v", got)
	}
	if len(cfg.HTTP.Hosts) != 1 {
		t.Error("the configuration was written to")
	}
}
