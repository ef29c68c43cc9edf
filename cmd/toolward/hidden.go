package main

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"toolward/config"
	"toolward/gateway"
)

// hidden are the gateway's own credentials and what is shown for each, wherever
// somebody reads: the log and the banner, what commands print, reasons and causes
// in the record. They are what the configuration holds, and what is in the files
// of secrets that it names; one that cannot be read is an error where it is used.
func hidden(cfg *config.Config) []gateway.Secret {
	values := slices.Clone(cfg.Hidden())
	for _, path := range secretFiles(cfg) {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(raw)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") { // of a key in PEM the body
				values = append(values, config.Hidden{Value: line, Shown: "[" + path + "]"})
			}
		}
	}
	var all []gateway.Secret
	for _, v := range values {
		if len(v.Value) < gateway.MinScrub {
			continue
		}
		for _, form := range written(v.Value) {
			all = append(all, gateway.Secret{Text: form, Token: v.Shown})
		}
	}
	return all
}

// written are the forms in which a text comes to stand in others: as it is, in a
// URL, quoted by Go once and twice, in JSON, and encoded for a header.
//
//	p&"w → p&"w  p%26%22w  p&%22w  p&\"w  p&\\\"w  cCYidw==
func written(v string) []string {
	quoted := func(s string) string { q := strconv.Quote(s); return q[1 : len(q)-1] }
	encoded, _ := json.Marshal(v) // a string always marshals
	all := []string{v, url.QueryEscape(v), url.PathEscape(v), quoted(v), quoted(quoted(v)), string(encoded[1 : len(encoded)-1]), base64.StdEncoding.EncodeToString([]byte(v))}
	slices.Sort(all)
	return slices.Compact(all)
}

// secretFiles are the files whose content is a secret.
func secretFiles(cfg *config.Config) []string {
	var all []string
	for _, i := range cfg.Auth.Issuers {
		all = append(all, i.SecretFile)
	}
	for _, u := range cfg.Upstreams {
		if o := u.OAuth; o != nil {
			all = append(all, o.ClientSecretFile, o.ClientKeyFile, o.AssertionFile)
			if o.Identity != nil {
				all = append(all, o.Identity.ClientSecretFile)
			}
		}
	}
	if cfg.TLS != nil {
		all = append(all, cfg.TLS.Key)
	}
	return slices.DeleteFunc(all, func(path string) bool { return path == "" })
}
