package config

import "time"

// Default is the configuration of a gateway without a file: loopback, its own
// issuer, no upstream.
func Default() *Config {
	return &Config{
		Listen: "127.0.0.1:8080",
		HTTP: HTTP{
			Body: 4 << 20, Header: 32 << 10,
			HeaderTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second,
			IdleTimeout: 2 * time.Minute, Drain: 20 * time.Second, ClientHeader: "X-Forwarded-For",
		},
		Auth: Auth{Local: newLocal()},
		Limits: Limits{
			Default:     Bucket{Rate: Rate{600, time.Minute}, Burst: 100},
			Lists:       Bucket{Rate: Rate{600, time.Minute}, Burst: 200},
			Wait:        time.Second,
			Concurrency: 32,
			Total:       1024,
			Failures:    Bucket{Rate: Rate{1, time.Second}, Burst: 20},
			Sessions:    SessionLimit{Agent: 1000, Total: 10_000},
		},
		Guard: Guard{Actions: Actions{
			Injection: "block", Secrets: "redact", PII: "observe", Exfil: "policy",
			Provenance: "policy", Hidden: "policy", Poisoning: "quarantine", Honeytoken: "block",
		}},
		Pins:      Pins{Narrower: "accept"},
		Sessions:  Sessions{Idle: time.Hour, Max: 16384},
		Approvals: Approvals{Wait: 2 * time.Minute, Expire: time.Hour},
		Audit:     Audit{Path: "toolward.db", Durability: "process", Bodies: "redacted"},
		Admin:     Admin{Enabled: true},
		Log:       Log{Level: "info", Format: "text"},
	}
}
