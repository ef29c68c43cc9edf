// Package config reads toolward.yaml into plain Go values.
//
// [Load] returns every error of the file at once, each with its place, the
// field's path, and the nearest valid name ([Errors]). A value that this
// package returns has passed all checks that need nothing but the file; what
// is left to those who use it is whether files exist and hosts answer.
//
// The format is YAML 1.2 as go.yaml.in/yaml/v4 reads it, and stricter: unknown
// fields, names that stand twice, and values of another type are errors, merge
// keys are refused, and a file is at most 1 MiB.
//
// ${VAR} inside a string value is replaced by the environment variable, once:
// what a variable holds is not looked at again. An unset variable is an error,
// and $${ stands for a plain ${. Names of fields are never replaced. Variables
// that the environment lacks are looked for in the files that env_file names.
// ${file:PATH} is replaced by a file's content, without the line end behind it.
//
// Paths are relative to the directory of the file. Every field is described in
// docs/configuration.md.
package config

import "time"

// Config is toolward.yaml. The zero value is of no use: see [Default].
type Config struct {
	EnvFile   []string   `yaml:"env_file,omitempty"`   // files with variables that the environment lacks; the first that has one counts
	Listen    string     `yaml:"listen"`               // host:port
	PublicURL string     `yaml:"public_url,omitempty"` // base URL that agents reach the gateway by; "" means the listener's own
	Insecure  bool       `yaml:"insecure"`             // plain HTTP beyond loopback is wanted
	TLS       *TLS       `yaml:"tls,omitempty"`        // nil for plain HTTP
	HTTP      HTTP       `yaml:"http"`
	Auth      Auth       `yaml:"auth"`
	Upstreams []Upstream `yaml:"-"` // those that are enabled, in the order of the file; Print writes them by name
	Disabled  []Upstream `yaml:"-"` // the others, likewise
	Pins      Pins       `yaml:"pins"`
	Policy    Policy     `yaml:"policy"`
	Limits    Limits     `yaml:"limits"`
	Guard     Guard      `yaml:"guard"`
	Sessions  Sessions   `yaml:"sessions"`
	Approvals Approvals  `yaml:"approvals"`
	Audit     Audit      `yaml:"audit"`
	Admin     Admin      `yaml:"admin"`
	Log       Log        `yaml:"log"`

	file   string
	files  []string          // that were read for it
	listen string            // what SetListen said
	marks  map[string]mark   // where each field stands
	shown  map[string]string // how Print writes values that came from variables or hold secrets
	open   map[string]bool   // of these, what is empty because its variable is not set
	hidden []Hidden          // in the order of the file
}

// TLS is the listener's certificate. TLS 1.2 is the least version.
type TLS struct {
	Cert         string `yaml:"cert"`                    // PEM file
	Key          string `yaml:"key"`                     // PEM file
	RedirectHTTP string `yaml:"redirect_http,omitempty"` // address of a plain listener that redirects; "" for none
}

// HTTP bounds what the listener accepts.
type HTTP struct {
	Body          Size          `yaml:"body"`
	Header        Size          `yaml:"header"`
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	BodyTimeout   time.Duration `yaml:"body_timeout"`
	IdleTimeout   time.Duration `yaml:"idle_timeout"`
	Drain         time.Duration `yaml:"drain"`             // how long calls may take to end at a stop
	LameDuck      time.Duration `yaml:"lame_duck"`         // how long before that /readyz says so
	Hosts         []string      `yaml:"hosts,omitempty"`   // further Host names that are accepted
	Origins       []string      `yaml:"origins,omitempty"` // browsers' origins that are accepted (CORS)

	TrustedProxies []string `yaml:"trusted_proxies,omitempty"` // networks whose word on the client's address is taken
	ClientHeader   string   `yaml:"client_header"`             // in which they say it
}

// Auth says whose tokens are accepted. Local is nil if issuers are configured
// and it is not; without any the gateway is its own issuer, for loopback only.
type Auth struct {
	Issuers []Issuer `yaml:"issuers,omitempty"`
	Local   *Local   `yaml:"local,omitempty"`
	Scopes  []string `yaml:"scopes,omitempty"` // that clients are told to ask for (RFC 9728 scopes_supported)
}

// Issuer is one issuer of tokens. Exactly one source of keys is set: JWKSURL,
// PublicKeyFile, SecretFile or Secret.
type Issuer struct {
	Issuer           string        `yaml:"issuer"`
	Audience         []string      `yaml:"audience,omitempty"`
	JWKSURL          string        `yaml:"jwks_url,omitempty"`
	PublicKeyFile    string        `yaml:"public_key_file,omitempty"`
	SecretFile       string        `yaml:"secret_file,omitempty"`
	Secret           Secret        `yaml:"secret,omitempty"`
	Algorithms       []string      `yaml:"algorithms,omitempty"`
	Agent            string        `yaml:"agent"`
	Roles            string        `yaml:"roles"`
	Scopes           string        `yaml:"scopes"`
	RequiredScopes   []string      `yaml:"required_scopes,omitempty"`
	AccessTokensOnly bool          `yaml:"access_tokens_only"`
	Leeway           time.Duration `yaml:"leeway"`
	MaxLifetime      time.Duration `yaml:"max_lifetime,omitempty"` // 0 means any
	Refresh          time.Duration `yaml:"refresh"`
	Stale            time.Duration `yaml:"stale"`
}

// Local is the gateway's own issuer.
type Local struct {
	KeyFile  string `yaml:"key_file"`
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	// Roles are what the page suggests that asks the person who lets a client in.
	Roles []string `yaml:"roles,omitempty"`
}

// Upstream is one server behind the gateway. Exactly one of Command, URL and
// OpenAPI is set.
type Upstream struct {
	Name    string `yaml:"-"`
	Enabled bool   `yaml:"enabled"` // it is started

	Command string            `yaml:"command,omitempty"` // started without a shell
	Args    []string          `yaml:"args,omitempty"`
	Env     map[string]Secret `yaml:"env,omitempty"` // all it gets besides PATH, HOME and the like
	Dir     string            `yaml:"dir,omitempty"`

	URL       string            `yaml:"url,omitempty"`
	Transport string            `yaml:"transport,omitempty"` // http or sse; "" where there is no URL
	Headers   map[string]Secret `yaml:"headers,omitempty"`
	OAuth     *OAuth            `yaml:"oauth,omitempty"`

	OpenAPI     string            `yaml:"openapi,omitempty"`     // file
	BaseURL     string            `yaml:"base_url,omitempty"`    // of the API; "" means what the document says
	Credentials map[string]Secret `yaml:"credentials,omitempty"` // by the document's security schemes
	Operations  Operations        `yaml:"operations,omitempty"`  // which become tools

	Labels      []string      `yaml:"labels,omitempty"`
	Scopes      []string      `yaml:"scopes,omitempty"` // that a token needs for calls of it
	Timeout     time.Duration `yaml:"timeout"`
	Concurrency int           `yaml:"concurrency"`
	Response    Size          `yaml:"response"`          // largest answer
	Schemas     []string      `yaml:"schemas,omitempty"` // providers whose part of JSON Schema MCP agents are shown
	Isolate     string        `yaml:"isolate,omitempty"` // shared, session or call; "" for an API, which keeps no sessions
}

// Operations chooses among those of an OpenAPI document: by ID, "tag:NAME" or
// "METHOD PATH", with * and **.
type Operations struct {
	Include []string `yaml:"include,omitempty"` // none means all
	Exclude []string `yaml:"exclude,omitempty"` // wins
}

// OAuth is how the gateway gets a token of its own for an upstream.
type OAuth struct {
	Grant             string   `yaml:"grant"`               // client_credentials, token_exchange, jwt_bearer, id_jag or authorization_code
	Issuer            string   `yaml:"issuer,omitempty"`    // authorization server
	TokenURL          string   `yaml:"token_url,omitempty"` // its token endpoint
	ClientID          string   `yaml:"client_id,omitempty"`
	ClientSecret      Secret   `yaml:"client_secret,omitempty"`
	ClientSecretFile  string   `yaml:"client_secret_file,omitempty"`
	ClientKeyFile     string   `yaml:"client_key_file,omitempty"`     // private key in PEM, instead of a secret
	ClientMetadataURL string   `yaml:"client_metadata_url,omitempty"` // client ID metadata document
	CallbackPort      int      `yaml:"callback_port,omitempty"`       // of logins, on 127.0.0.1; 0 is any
	AssertionFile     string   `yaml:"assertion_file,omitempty"`      // JWT for jwt_bearer, identity token for id_jag
	Identity          *IdP     `yaml:"identity,omitempty"`            // for id_jag
	Scopes            []string `yaml:"scopes,omitempty"`
	Resource          string   `yaml:"resource,omitempty"` // RFC 8707; "" means the upstream's URL
}

// IdP is an identity provider that turns identity tokens into grants.
type IdP struct {
	TokenURL         string `yaml:"token_url"`
	ClientID         string `yaml:"client_id"`
	ClientSecret     Secret `yaml:"client_secret,omitempty"`
	ClientSecretFile string `yaml:"client_secret_file,omitempty"`
}

// Pins says how definitions that a person accepted are kept.
type Pins struct {
	File   string `yaml:"file,omitempty"` // lock file that can be committed; "" keeps them in the audit store
	Strict bool   `yaml:"strict"`         // quarantine what nobody accepted yet

	Narrower string `yaml:"narrower"` // accept or quarantine: a change that only narrows
}

// Policy says where the rules are. With neither Path nor Bundle every call is
// refused, but for the demo.
type Policy struct {
	Path      string `yaml:"path,omitempty"`
	Data      string `yaml:"data,omitempty"`
	Shadow    string `yaml:"shadow,omitempty"`
	Exact     bool   `yaml:"exact,omitempty"`      // OPA is asked about every call
	Bundle    string `yaml:"bundle,omitempty"`     // URL of an OPA bundle
	BundleKey string `yaml:"bundle_key,omitempty"` // PEM file with the key that signed it
}

// Bucket is a token bucket: how often, and how many at once.
type Bucket struct {
	Rate  Rate `yaml:"rate"`
	Burst int  `yaml:"burst"`
}

// ToolLimit is a tool's buckets; a nil one limits nothing.
type ToolLimit struct {
	*Bucket `yaml:",inline"` // of all agents together
	Agent   *Bucket          `yaml:"agent,omitempty"` // of each agent
}

// Limits bound how often and how many at once.
type Limits struct {
	Default     Bucket               `yaml:"default"` // of each agent without an entry of its own
	Agents      map[string]Bucket    `yaml:"agents,omitempty"`
	Tools       map[string]ToolLimit `yaml:"tools,omitempty"`
	Lists       Bucket               `yaml:"lists"`       // of each agent's lists
	Wait        time.Duration        `yaml:"wait"`        // how long a call waits for a bucket
	Concurrency int                  `yaml:"concurrency"` // calls in progress per agent
	Total       int                  `yaml:"total"`       // calls in progress in all
	Failures    Bucket               `yaml:"failures"`    // failed authentications per address
	Sessions    SessionLimit         `yaml:"sessions"`
}

// SessionLimit bounds the MCP sessions that agents have open, and likewise the
// streams of agents that have none.
type SessionLimit struct {
	Agent int `yaml:"agent"` // of each agent; its session unused longest makes room
	Total int `yaml:"total"` // of all; the agent with the most makes room
}

// Actions are what guard does of its own accord about each kind of finding:
// observe, policy, redact, tokenize, quarantine or block; "" leaves it to the wider
// setting.
type Actions struct {
	Injection  string `yaml:"injection,omitempty"`
	Secrets    string `yaml:"secrets,omitempty"`
	PII        string `yaml:"pii,omitempty"`
	Exfil      string `yaml:"exfil,omitempty"`
	Provenance string `yaml:"provenance,omitempty"`
	Hidden     string `yaml:"hidden,omitempty"`
	Poisoning  string `yaml:"poisoning,omitempty"`
	Honeytoken string `yaml:"honeytoken,omitempty"`
}

// Guard configures the scanner.
type Guard struct {
	Actions     `yaml:",inline"`
	Args        Actions                `yaml:"args,omitempty"`        // in what agents send; these beat Actions
	Honeytokens []Secret               `yaml:"honeytokens,omitempty"` // values that must never appear
	Allow       string                 `yaml:"allow,omitempty"`       // file of exceptions
	Judge       *Judge                 `yaml:"judge,omitempty"`
	Servers     map[string]GuardServer `yaml:"servers,omitempty"`
}

// GuardServer overrides actions for an upstream, and for some of its tools by
// their own names.
type GuardServer struct {
	GuardTool `yaml:",inline"`
	Tools     map[string]GuardTool `yaml:"tools,omitempty"`
}

// GuardTool overrides actions for a tool.
type GuardTool struct {
	Actions `yaml:",inline"`
	Args    Actions `yaml:"args,omitempty"` // in what agents send; these beat Actions
}

// Judge is an external classifier.
type Judge struct {
	URL       string            `yaml:"url"`
	Headers   map[string]Secret `yaml:"headers,omitempty"`
	From      float64           `yaml:"from"` // embedded score from which it is asked
	To        float64           `yaml:"to"`   // and up to which
	Timeout   time.Duration     `yaml:"timeout"`
	OnFailure string            `yaml:"on_failure"` // score, allow or block
}

// Sessions bounds what is remembered of principals.
type Sessions struct {
	Idle time.Duration `yaml:"idle"`
	Max  int           `yaml:"max"`
}

// Approvals says how long people may take.
type Approvals struct {
	Wait   time.Duration `yaml:"wait"`   // how long a call waits
	Expire time.Duration `yaml:"expire"` // how long a consent or a question lasts
}

// Audit configures the record.
type Audit struct {
	Path         string        `yaml:"path"`
	Durability   string        `yaml:"durability"`              // process or power
	Retain       time.Duration `yaml:"retain,omitempty"`        // 0 keeps everything
	RetainBodies time.Duration `yaml:"retain_bodies,omitempty"` // of arguments and results; 0: as long as their events
	Bodies       string        `yaml:"bodies"`                  // redacted, digest or none
	Sink         string        `yaml:"sink,omitempty"`          // JSONL file that stands in while the database cannot write
	Checkpoints  string        `yaml:"checkpoints,omitempty"`   // file that signed checkpoints are also written to
}

// Admin says whose tokens make operators, who use /v1/admin and read /metrics
// from elsewhere. The operator's credential beside the record needs none of it.
type Admin struct {
	Enabled   bool     `yaml:"enabled"`
	Listen    string   `yaml:"listen,omitempty"`    // a listener of its own; "" means the gateway's
	Viewers   []string `yaml:"viewers,omitempty"`   // roles of tokens whose bearers look
	Approvers []string `yaml:"approvers,omitempty"` // and decide calls
	Admins    []string `yaml:"admins,omitempty"`    // and do everything
	Issuers   []string `yaml:"issuers,omitempty"`   // whose roles count; none means all that are accepted
}

// Log configures the process's log on standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // text or json
}

// IsDefault reports that the configuration is of no file: [Default], as a newcomer
// has it.
func (c *Config) IsDefault() bool { return c.file == "" }

// File is the path that it was read from, "" for [Default].
func (c *Config) File() string { return c.file }

// FromVariable reports whether the value of a field holds that of an
// environment variable: FromVariable("upstreams.github.env.TOKEN").
func (c *Config) FromVariable(path string) bool {
	_, ok := c.shown[path]
	return ok
}
