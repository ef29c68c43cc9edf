package main

import (
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/gateway"
	"toolward/guard"
)

func newGuard(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "guard", Short: "Scan text, measure the detectors, and lift false alarms"}
	cmd.AddCommand(newGuardScan(g), newGuardEval(g), newGuardAllow(g))
	return cmd
}

// guardOptions turns the configuration into guard's. Fingerprints are keyed by
// the installation's secret, so that the CLI's and the gateway's agree.
func guardOptions(cfg *config.Config, log *slog.Logger) (guard.Options, error) {
	key, err := installationKey(cfg, "guard fingerprints")
	if err != nil {
		return guard.Options{}, err
	}
	return guardOptionsBy(cfg, key, log)
}

func guardOptionsBy(cfg *config.Config, key []byte, log *slog.Logger) (guard.Options, error) {
	allow, err := guard.OpenAllow(allowPath(cfg))
	if err != nil {
		return guard.Options{}, err
	}
	opt := guard.Options{Actions: actions(cfg.Guard.Actions), Args: actions(cfg.Guard.Args), Key: key, Allow: allow, Servers: map[string]guard.ServerActions{}}
	for _, h := range cfg.Guard.Honeytokens {
		opt.Honeytokens = append(opt.Honeytokens, h.Reveal())
	}
	if opt.Own, err = ownCredentials(cfg); err != nil {
		return guard.Options{}, err
	}
	for name, s := range cfg.Guard.Servers {
		sa := guard.ServerActions{ToolActions: guard.ToolActions{Actions: actions(s.Actions), Args: actions(s.Args)}, Tools: map[string]guard.ToolActions{}}
		for tool, a := range s.Tools {
			sa.Tools[tool] = guard.ToolActions{Actions: actions(a.Actions), Args: actions(a.Args)}
		}
		opt.Servers[name] = sa
	}
	if j := cfg.Guard.Judge; j != nil {
		opt.Judge = &guard.Judge{URL: j.URL, From: j.From, To: j.To, Timeout: j.Timeout, OnFailure: guard.OnFailure(j.OnFailure), Headers: map[string]string{}}
		for name, v := range j.Headers {
			opt.Judge.Headers[name] = v.Reveal()
		}
		log.Info("guard asks an external judge", "url", j.URL)
	}
	return opt, nil
}

// ownCredentials are the values that the gateway gives to upstreams and that no
// agent must see echoed: headers, the query of a URL, and of a process's environment what is named
// like a secret or was itself taken from the environment, paths aside. Tokens
// that OAuth gave are not among them: they change while the gateway runs.
func ownCredentials(cfg *config.Config) ([]string, error) {
	var own []string
	for _, u := range cfg.Upstreams {
		for _, v := range u.Headers {
			own = append(own, v.Reveal())
		}
		for _, address := range []string{u.URL, u.BaseURL} {
			if at, err := url.Parse(address); err == nil { // the configuration was checked
				for _, values := range at.Query() {
					own = append(own, values...)
				}
			}
		}
		for _, v := range u.Credentials {
			own = append(own, v.Reveal())
			if _, password, ok := strings.Cut(v.Reveal(), ":"); ok && password != "" {
				own = append(own, password)
			}
		}
		for name, v := range u.Env {
			fromOutside := cfg.FromVariable("upstreams." + u.Name + ".env." + name)
			if namesSecret(name) || fromOutside && !strings.ContainsAny(v.Reveal(), `/\\ `) {
				own = append(own, v.Reveal())
			}
		}
		if u.OAuth == nil {
			continue
		}
		inline, files := []config.Secret{u.OAuth.ClientSecret}, []string{u.OAuth.ClientSecretFile}
		if id := u.OAuth.Identity; id != nil {
			inline, files = append(inline, id.ClientSecret), append(files, id.ClientSecretFile)
		}
		for i := range inline {
			value, err := secretOf(inline[i], files[i])
			if err != nil {
				return nil, err
			}
			if value != "" {
				own = append(own, value)
			}
		}
	}
	return own, nil
}

// namesSecret reports whether an environment variable is likely to hold a
// credential. Others hold paths and settings that results may well repeat.
func namesSecret(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc([]string{"TOKEN", "KEY", "SECRET", "PASSW", "CREDENTIAL", "AUTH"}, func(w string) bool {
		return strings.Contains(name, w)
	})
}

func allowPath(cfg *config.Config) string {
	if cfg.Guard.Allow != "" {
		return cfg.Guard.Allow
	}
	return beside(cfg, "guard-allow.json")
}

// actions leaves out what the configuration does not say.
func actions(a config.Actions) map[gateway.FindingKind]gateway.Action {
	m := map[gateway.FindingKind]gateway.Action{}
	for kind, action := range map[gateway.FindingKind]string{
		gateway.FindingInjection: a.Injection, gateway.FindingSecret: a.Secrets, gateway.FindingPII: a.PII,
		gateway.FindingExfil: a.Exfil, gateway.FindingProvenance: a.Provenance, gateway.FindingHidden: a.Hidden,
		gateway.FindingPoisoning: a.Poisoning, gateway.FindingHoneytoken: a.Honeytoken,
	} {
		if action != "" {
			m[kind] = gateway.Action(action)
		}
	}
	return m
}
