package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"

	"toolward/auth"
	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
	"toolward/policy"
	"toolward/upstream"
	"toolward/upstream/openapi"
)

// checker finds out about a configuration what the file alone does not say:
// whether a gateway would start with it on this machine. It starts nothing, writes
// nothing and asks nobody.
type checker struct {
	cfg  *config.Config
	errs config.Errors
}

// checkStart returns everything for which serve would refuse a configuration that
// was read, or for which an upstream of it would not come up.
func checkStart(ctx context.Context, cfg *config.Config) config.Errors {
	c := &checker{cfg: cfg}
	c.policy(ctx)
	c.auth()
	c.listener()
	c.guard()
	c.record()
	if cfg.Pins.File != "" {
		_, err := upstream.NewLockFile(cfg.Pins.File).Pins(ctx)
		c.wrong("pins.file", "", err)
	}
	for _, u := range cfg.Upstreams {
		c.upstream(u)
	}
	return c.errs
}

func (c *checker) wrong(path, hint string, err error) {
	if err != nil {
		c.errs = append(c.errs, &config.Error{File: c.cfg.Where(path), Field: path, Message: err.Error(), Hint: hint})
	}
}

// there is nil if a file or folder is; the error names it once.
func there(path string) error {
	if path == "" {
		return nil
	}
	_, err := os.Stat(path)
	if at := (*fs.PathError)(nil); errors.As(err, &at) {
		return fmt.Errorf("%s: %w", path, at.Err)
	}
	return err
}

func (c *checker) policy(ctx context.Context) {
	before, p := len(c.errs), c.cfg.Policy
	c.wrong("policy.path", "write a starter: toolward policy init "+p.Path, there(p.Path))
	c.wrong("policy.data", "", there(p.Data))
	c.wrong("policy.shadow", "", there(p.Shadow))
	if len(c.errs) > before {
		return
	}
	engine, err := policy.Open(ctx, policyOptions(c.cfg, slog.New(slog.DiscardHandler), nil))
	if err != nil {
		c.wrong("policy", "toolward policy check says more", err)
		return
	}
	c.wrong("policy", "", engine.Close())
}

// auth reads keys that are in files. Those behind a URL are asked for while the
// gateway runs, and it starts without them.
func (c *checker) auth() {
	if l := c.cfg.Auth.Local; l != nil {
		if there(l.KeyFile) == nil {
			_, err := openLocal(c.cfg)
			c.wrong("auth.local.key_file", "", err)
		} else {
			c.wrong("auth.local.key_file", "", there(filepath.Dir(l.KeyFile))) // the first start makes it
		}
	}
	for i, is := range c.cfg.Auth.Issuers {
		if is.JWKSURL != "" {
			continue
		}
		v, err := auth.New(auth.Options{Issuers: []auth.Issuer{issuerOptions(is)}, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			err = v.Close()
		}
		c.wrong(fmt.Sprintf("auth.issuers[%d]", i), "", err)
	}
}

func (c *checker) listener() {
	t := c.cfg.TLS
	if t == nil {
		return
	}
	cert, key := there(t.Cert), there(t.Key)
	c.wrong("tls.cert", "", cert)
	c.wrong("tls.key", "", key)
	if cert == nil && key == nil {
		_, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		c.wrong("tls", "", err)
	}
}

func (c *checker) guard() {
	_, err := guard.OpenAllow(allowPath(c.cfg))
	c.wrong("guard.allow", "", err)
	opt, err := guardOptionsBy(c.cfg, bytes.Repeat([]byte{0}, 32), slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = guard.New(opt)
		c.wrong("guard", "", err)
	}
}

// record looks at where the record is, not into it: toolward audit verify does.
func (c *checker) record() {
	a := c.cfg.Audit
	for _, f := range []struct{ field, path string }{{"audit.path", a.Path}, {"audit.sink", a.Sink}, {"audit.checkpoints", a.Checkpoints}} {
		if f.path != "" {
			c.wrong(f.field, "make the folder first", there(filepath.Dir(f.path)))
		}
	}
	f, err := os.Open(a.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.wrong("audit.path", "", err)
		return
	}
	defer f.Close()
	head := make([]byte, 16)
	if n, _ := f.Read(head); n > 0 && !bytes.Equal(head, []byte("SQLite format 3\x00")) {
		c.wrong("audit.path", "", fmt.Errorf("%s is not a record: it is no SQLite database", a.Path))
	}
}

// standsIn finds text of some documentation's where a value belongs. What it is is not
// repeated: it was written where secrets stand.
func (c *checker) standsIn(u config.Upstream, path string) {
	look := func(field string, v config.Secret) {
		if gateway.StandsIn(v.Reveal()) {
			c.wrong(path+field, "put the value there, or the name of a variable that holds it: ${VAR}", errPlaceholder)
		}
	}
	for _, in := range []struct {
		field string
		of    map[string]config.Secret
		only  *regexp.Regexp
	}{{".headers.", u.Headers, nil}, {".env.", u.Env, secretVariable}, {".credentials.", u.Credentials, nil}} {
		for _, name := range slices.Sorted(maps.Keys(in.of)) {
			if in.only == nil || in.only.MatchString(name) {
				look(in.field+name, in.of[name])
			}
		}
	}
	if u.OAuth != nil {
		look(".oauth.client_secret", u.OAuth.ClientSecret)
	}
}

// secretVariable are variables whose value is a secret: AUTH_TYPE may well be TOKEN.
var secretVariable = regexp.MustCompile(`(?i)(token|secret|passw(or)?d|key|credentials?|pat)$`)

var errPlaceholder = errors.New("is a placeholder where a value belongs")

func (c *checker) upstream(u config.Upstream) {
	path := "upstreams." + u.Name
	c.standsIn(u, path)
	if _, err := upstreamServer(c.cfg, u, noQuestions, slog.New(slog.DiscardHandler)); err != nil {
		c.wrong(path, "", err)
	}
	switch {
	case u.Command != "":
		_, err := exec.LookPath(u.Command)
		if at := (*exec.Error)(nil); errors.As(err, &at) {
			err = fmt.Errorf("%s: %w", u.Command, at.Err)
		}
		c.wrong(path+".command", "", err)
		c.wrong(path+".dir", "", there(u.Dir))
	case u.OpenAPI != "":
		if err := there(u.OpenAPI); err != nil {
			c.wrong(path+".openapi", "", err)
			return
		}
		_, err := openAPI(u, openapi.Options{Name: u.Name, Logger: slog.New(slog.DiscardHandler)})
		c.wrong(path+".openapi", "", err)
	}
}
