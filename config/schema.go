package config

import (
	"math"
	"time"

	yaml "go.yaml.in/yaml/v4"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// config names all fields of the file. Each section's fields stand in a
// function of its own, in the order of docs/configuration.md.
func (d *decoder) config(n *yaml.Node, c *Config) {
	d.object(n, "", []field{
		{"env_file", func(n *yaml.Node, path string) { d.paths(&c.EnvFile)(n, path); d.envFiles(c.EnvFile, n, path) }},
		{"listen", d.address(&c.Listen)},
		{"public_url", d.url(&c.PublicURL)},
		{"insecure", d.flag(&c.Insecure)},
		{"tls", func(n *yaml.Node, path string) { c.TLS = &TLS{}; d.tls(n, path, c.TLS) }},
		{"http", func(n *yaml.Node, path string) { d.http(n, path, &c.HTTP) }},
		{"auth", func(n *yaml.Node, path string) { d.auth(n, path, &c.Auth) }},
		{"upstreams", d.named(checkServerName, func(name string, n *yaml.Node, path string) {
			c.Upstreams = append(c.Upstreams, newUpstream(name))
			d.upstream(n, path, &c.Upstreams[len(c.Upstreams)-1])
		})},
		{"pins", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"file", d.path(&c.Pins.File)},
				{"strict", d.flag(&c.Pins.Strict)},
				{"narrower", d.choice(&c.Pins.Narrower, "accept", "quarantine")},
			})
		}},
		{"policy", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"path", d.path(&c.Policy.Path)},
				{"data", d.path(&c.Policy.Data)},
				{"shadow", d.path(&c.Policy.Shadow)},
				{"exact", d.flag(&c.Policy.Exact)},
				{"bundle", d.url(&c.Policy.Bundle)},
				{"bundle_key", d.path(&c.Policy.BundleKey)},
			})
		}},
		{"limits", func(n *yaml.Node, path string) { d.limits(n, path, &c.Limits) }},
		{"guard", func(n *yaml.Node, path string) { d.guard(n, path, &c.Guard) }},
		{"sessions", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"idle", d.duration(&c.Sessions.Idle, time.Minute, 30*day)},
				{"max", d.number(&c.Sessions.Max, 1, 1<<24)},
			})
		}},
		{"approvals", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"wait", d.duration(&c.Approvals.Wait, 0, time.Hour)},
				{"expire", d.duration(&c.Approvals.Expire, time.Minute, 30*day)},
			})
		}},
		{"audit", func(n *yaml.Node, path string) { d.audit(n, path, &c.Audit) }},
		{"admin", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"enabled", d.flag(&c.Admin.Enabled)},
				{"listen", d.address(&c.Admin.Listen)},
				{"viewers", d.texts(&c.Admin.Viewers)},
				{"approvers", d.texts(&c.Admin.Approvers)},
				{"admins", d.texts(&c.Admin.Admins)},
				{"issuers", d.texts(&c.Admin.Issuers)},
			})
		}},
		{"log", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"level", d.choice(&c.Log.Level, "debug", "info", "warn", "error")},
				{"format", d.choice(&c.Log.Format, "text", "json")},
			})
		}},
	})
}

func (d *decoder) tls(n *yaml.Node, path string, t *TLS) {
	d.object(n, path, []field{
		{"cert", d.path(&t.Cert)},
		{"key", d.path(&t.Key)},
		{"redirect_http", d.address(&t.RedirectHTTP)},
	})
}

func (d *decoder) http(n *yaml.Node, path string, h *HTTP) {
	d.object(n, path, []field{
		{"body", d.size(&h.Body, 1<<10, 1<<30)},
		{"header", d.size(&h.Header, 4<<10, 1<<20)},
		{"header_timeout", d.duration(&h.HeaderTimeout, 100*time.Millisecond, 10*time.Minute)},
		{"body_timeout", d.duration(&h.BodyTimeout, 100*time.Millisecond, time.Hour)},
		{"idle_timeout", d.duration(&h.IdleTimeout, time.Second, day)},
		{"drain", d.duration(&h.Drain, 0, time.Hour)},
		{"lame_duck", d.duration(&h.LameDuck, 0, 10*time.Minute)},
		{"hosts", d.texts(&h.Hosts)},
		{"origins", d.texts(&h.Origins)},
		{"trusted_proxies", d.texts(&h.TrustedProxies)},
		{"client_header", d.choice(&h.ClientHeader, "X-Forwarded-For", "Forwarded")},
	})
}

func (d *decoder) auth(n *yaml.Node, path string, a *Auth) {
	d.object(n, path, []field{
		{"issuers", d.each(func(n *yaml.Node, path string) {
			a.Issuers = append(a.Issuers, Issuer{
				Agent: "sub", Roles: "roles", Scopes: "scope",
				Leeway: 30 * time.Second, Refresh: 5 * time.Minute, Stale: time.Hour,
			})
			d.issuer(n, path, &a.Issuers[len(a.Issuers)-1])
		})},
		{"local", func(n *yaml.Node, path string) {
			a.Local = newLocal()
			a.Local.KeyFile = d.resolvePath(a.Local.KeyFile)
			d.object(n, path, []field{
				{"key_file", d.path(&a.Local.KeyFile)},
				{"issuer", d.text(&a.Local.Issuer)},
				{"audience", d.text(&a.Local.Audience)},
				{"roles", d.texts(&a.Local.Roles)},
			})
		}},
		{"scopes", d.texts(&a.Scopes)},
	})
}

func newLocal() *Local {
	return &Local{KeyFile: "toolward.key", Issuer: "toolward-local", Audience: "toolward"}
}

// algorithmNames are the JWS algorithms that auth knows; a test holds the two
// lists together.
var algorithmNames = []string{
	"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

func (d *decoder) issuer(n *yaml.Node, path string, i *Issuer) {
	d.object(n, path, []field{
		{"issuer", d.text(&i.Issuer)},
		{"audience", d.texts(&i.Audience)},
		{"jwks_url", d.url(&i.JWKSURL)},
		{"public_key_file", d.path(&i.PublicKeyFile)},
		{"secret_file", d.path(&i.SecretFile)},
		{"secret", d.secret(&i.Secret)},
		{"algorithms", d.words(&i.Algorithms, algorithmNames...)},
		{"agent", d.text(&i.Agent)},
		{"roles", d.text(&i.Roles)},
		{"scopes", d.text(&i.Scopes)},
		{"required_scopes", d.texts(&i.RequiredScopes)},
		{"access_tokens_only", d.flag(&i.AccessTokensOnly)},
		{"leeway", d.duration(&i.Leeway, time.Second, time.Minute)},
		{"max_lifetime", d.duration(&i.MaxLifetime, time.Minute, year)},
		{"refresh", d.duration(&i.Refresh, 30*time.Second, day)},
		{"stale", d.duration(&i.Stale, time.Minute, 30*day)},
	})
}

// dialectNames are the providers that gateway/dialect knows; a test holds the two
// together.
var dialectNames = []string{"anthropic", "gemini", "openai"}

func newUpstream(name string) Upstream {
	return Upstream{Name: name, Enabled: true, Timeout: time.Minute, Concurrency: 32, Response: 16 << 20}
}

func (d *decoder) upstream(n *yaml.Node, path string, u *Upstream) {
	d.object(n, path, []field{
		{"enabled", d.flag(&u.Enabled)},
		{"command", d.program(&u.Command)},
		{"args", d.args(&u.Args)},
		{"env", d.secrets(&u.Env, checkVariable, soundsSecret)},
		{"dir", d.path(&u.Dir)},
		{"url", d.url(&u.URL)},
		{"transport", d.choice(&u.Transport, "http", "sse")},
		{"headers", d.secrets(&u.Headers, checkHeader, anyName)},
		{"oauth", func(n *yaml.Node, path string) { u.OAuth = &OAuth{}; d.oauth(n, path, u.OAuth) }},
		{"openapi", d.path(&u.OpenAPI)},
		{"base_url", d.url(&u.BaseURL)},
		{"credentials", d.secrets(&u.Credentials, checkAny, anyName)},
		{"operations", func(n *yaml.Node, path string) {
			d.object(n, path, []field{
				{"include", d.texts(&u.Operations.Include)},
				{"exclude", d.texts(&u.Operations.Exclude)},
			})
		}},
		{"labels", d.texts(&u.Labels)},
		{"scopes", d.texts(&u.Scopes)},
		{"timeout", d.duration(&u.Timeout, 10*time.Millisecond, day)},
		{"concurrency", d.number(&u.Concurrency, 1, 1<<16)},
		{"response", d.size(&u.Response, 1<<10, 1<<30)},
		{"schemas", d.words(&u.Schemas, dialectNames...)},
		{"isolate", d.choice(&u.Isolate, "shared", "session", "call")},
	})
	if u.Command != "" && u.Dir == "" && d.dir != "." {
		u.Dir = d.dir
	}
}

func (d *decoder) oauth(n *yaml.Node, path string, o *OAuth) {
	d.object(n, path, []field{
		{"grant", d.choice(&o.Grant, "client_credentials", "token_exchange", "jwt_bearer", "id_jag", "authorization_code")},
		{"issuer", d.url(&o.Issuer)},
		{"token_url", d.url(&o.TokenURL)},
		{"client_id", d.text(&o.ClientID)},
		{"client_secret", d.secret(&o.ClientSecret)},
		{"client_secret_file", d.path(&o.ClientSecretFile)},
		{"client_key_file", d.path(&o.ClientKeyFile)},
		{"client_metadata_url", d.url(&o.ClientMetadataURL)},
		{"callback_port", d.number(&o.CallbackPort, 1, 1<<16-1)},
		{"assertion_file", d.path(&o.AssertionFile)},
		{"identity", func(n *yaml.Node, path string) {
			o.Identity = &IdP{}
			d.object(n, path, []field{
				{"token_url", d.url(&o.Identity.TokenURL)},
				{"client_id", d.text(&o.Identity.ClientID)},
				{"client_secret", d.secret(&o.Identity.ClientSecret)},
				{"client_secret_file", d.path(&o.Identity.ClientSecretFile)},
			})
		}},
		{"scopes", d.texts(&o.Scopes)},
		{"resource", d.url(&o.Resource)},
	})
}

func (d *decoder) bucket(b *Bucket) []field {
	return []field{
		{"rate", d.rate(&b.Rate)},
		{"burst", d.number(&b.Burst, 1, math.MaxInt32)},
	}
}

func (d *decoder) limits(n *yaml.Node, path string, l *Limits) {
	in := func(fs []field) reader {
		return func(n *yaml.Node, path string) { d.object(n, path, fs) }
	}
	d.object(n, path, []field{
		{"default", in(d.bucket(&l.Default))},
		{"agents", d.named(checkAny, func(name string, n *yaml.Node, path string) {
			b := Bucket{Burst: l.Default.Burst}
			d.object(n, path, d.bucket(&b))
			put(&l.Agents, name, b)
		})},
		{"tools", d.named(checkAny, func(name string, n *yaml.Node, path string) {
			var t ToolLimit
			all, agent := Bucket{Burst: l.Default.Burst}, Bucket{Burst: l.Default.Burst}
			d.object(n, path, append(d.bucket(&all), field{"agent", in(d.bucket(&agent))}))
			if all.Rate.Calls > 0 {
				t.Bucket = &all
			}
			if agent.Rate.Calls > 0 {
				t.Agent = &agent
			}
			put(&l.Tools, name, t)
		})},
		{"lists", in(d.bucket(&l.Lists))},
		{"wait", d.duration(&l.Wait, 0, 10*time.Second)},
		{"concurrency", d.number(&l.Concurrency, 1, 1<<20)},
		{"total", d.number(&l.Total, 1, 1<<20)},
		{"failures", in(d.bucket(&l.Failures))},
		{"sessions", in([]field{
			{"agent", d.number(&l.Sessions.Agent, 1, 1<<20)},
			{"total", d.number(&l.Sessions.Total, 1, 1<<20)},
		})},
	})
}

func put[V any](m *map[string]V, name string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = v
}

// actions are the kinds of findings. Quarantine is for definitions, which is
// what poisoning is about; there is nothing to redact in them.
func (d *decoder) actions(a *Actions) []field {
	of := func(to *string, more ...string) reader {
		return d.choice(to, append([]string{"observe", "policy", "redact", "block"}, more...)...)
	}
	return []field{
		{"injection", of(&a.Injection)},
		{"secrets", of(&a.Secrets, "tokenize")},
		{"pii", of(&a.PII, "tokenize")},
		{"exfil", of(&a.Exfil)},
		{"provenance", of(&a.Provenance)},
		{"hidden", of(&a.Hidden)},
		{"honeytoken", of(&a.Honeytoken)},
		{"poisoning", d.choice(&a.Poisoning, "observe", "policy", "quarantine", "block")},
	}
}

// sent are actions about what agents send, of which nothing is taken out.
func (d *decoder) sent(a *Actions) field {
	of := func(to *string) reader { return d.choice(to, "observe", "policy", "block") }
	return field{"args", func(n *yaml.Node, path string) {
		d.object(n, path, []field{
			{"injection", of(&a.Injection)},
			{"secrets", of(&a.Secrets)},
			{"pii", of(&a.PII)},
			{"exfil", of(&a.Exfil)},
			{"provenance", of(&a.Provenance)},
			{"hidden", of(&a.Hidden)},
			{"honeytoken", of(&a.Honeytoken)},
		})
	}}
}

func (d *decoder) guard(n *yaml.Node, path string, g *Guard) {
	d.object(n, path, append(d.actions(&g.Actions), []field{
		d.sent(&g.Args),
		{"honeytokens", d.each(func(n *yaml.Node, path string) {
			var s Secret
			if d.secret(&s)(n, path); s != "" {
				g.Honeytokens = append(g.Honeytokens, s)
			}
		})},
		{"allow", d.path(&g.Allow)},
		{"judge", func(n *yaml.Node, path string) {
			g.Judge = &Judge{From: 0.1, To: 0.9, Timeout: 500 * time.Millisecond, OnFailure: "score"}
			j := g.Judge
			d.object(n, path, []field{
				{"url", d.url(&j.URL)},
				{"headers", d.secrets(&j.Headers, checkHeader, anyName)},
				{"from", d.fraction(&j.From)},
				{"to", d.fraction(&j.To)},
				{"timeout", d.duration(&j.Timeout, time.Millisecond, time.Minute)},
				{"on_failure", d.choice(&j.OnFailure, "score", "allow", "block")},
			})
		}},
		{"servers", d.named(checkServerName, func(name string, n *yaml.Node, path string) {
			var s GuardServer
			d.object(n, path, append(d.actions(&s.Actions), d.sent(&s.Args), field{"tools", d.named(checkAny, func(tool string, n *yaml.Node, path string) {
				var a GuardTool
				d.object(n, path, append(d.actions(&a.Actions), d.sent(&a.Args)))
				put(&s.Tools, tool, a)
			})}))
			put(&g.Servers, name, s)
		})},
	}...))
}

func (d *decoder) audit(n *yaml.Node, path string, a *Audit) {
	d.object(n, path, []field{
		{"path", d.path(&a.Path)},
		{"durability", d.choice(&a.Durability, "process", "power")},
		{"retain", d.duration(&a.Retain, day, 100*year)},
		{"retain_bodies", d.duration(&a.RetainBodies, day, 100*year)},
		{"bodies", d.choice(&a.Bodies, "redacted", "digest", "none")},
		{"sink", d.path(&a.Sink)},
		{"checkpoints", d.path(&a.Checkpoints)},
	})
}
