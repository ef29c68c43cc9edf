package audit

import "strings"

// Call is a row of the view calls; see schema.sql for what each column means.
type Call struct {
	Seq            int64   `json:"seq"`
	ID             string  `json:"id"`
	Time           string  `json:"time"`
	TimeUnixMs     int64   `json:"time_unix_ms"`
	Finished       string  `json:"finished,omitempty"`
	Surface        string  `json:"surface,omitempty"`
	Protocol       string  `json:"protocol,omitempty"`
	Peer           string  `json:"peer,omitempty"`
	Agent          string  `json:"agent,omitempty"`
	Issuer         string  `json:"issuer,omitempty"`
	Session        string  `json:"session,omitempty"`
	Parent         string  `json:"parent,omitempty"`
	Server         string  `json:"server,omitempty"`
	Tool           string  `json:"tool,omitempty"`
	Kind           string  `json:"kind,omitempty"`
	Method         string  `json:"method,omitempty"`
	Effect         string  `json:"effect,omitempty"`
	Code           string  `json:"code,omitempty"`
	Outcome        string  `json:"outcome"`
	Reasons        Raw     `json:"reasons,omitempty"`
	Cause          string  `json:"cause,omitempty"`
	Rules          Raw     `json:"rules,omitempty"`
	Revision       string  `json:"revision,omitempty"`
	Shadow         string  `json:"shadow,omitempty"`
	Findings       Raw     `json:"findings,omitempty"`
	ResultFindings Raw     `json:"result_findings,omitempty"`
	Score          float64 `json:"score,omitempty"`
	Fingerprint    string  `json:"fingerprint,omitempty"`
	Args           Raw     `json:"args,omitempty"`
	ArgsBytes      int64   `json:"args_bytes,omitempty"`
	ArgsDigest     string  `json:"args_digest,omitempty"`
	Beside         Raw     `json:"beside,omitempty"`
	Dropped        Raw     `json:"dropped,omitempty"`
	Said           Raw     `json:"said,omitempty"`
	Result         Raw     `json:"result,omitempty"`
	ResultBytes    int64   `json:"result_bytes,omitempty"`
	ResultDigest   string  `json:"result_digest,omitempty"`
	Labels         Raw     `json:"labels,omitempty"`
	Ms             float64 `json:"ms,omitempty"`
	UpstreamMs     float64 `json:"upstream_ms,omitempty"`
	GuardMs        float64 `json:"guard_ms,omitempty"`
	PolicyMs       float64 `json:"policy_ms,omitempty"`
	ApproveMs      float64 `json:"approve_ms,omitempty"`
}

// field is a column of calls and where it goes.
type field struct {
	name string
	dest func(*Call) any // *string, *Raw, *int64 or *float64
}

var fields = []field{
	{"seq", func(c *Call) any { return &c.Seq }}, {"id", func(c *Call) any { return &c.ID }},
	{"time", func(c *Call) any { return &c.Time }}, {"time_unix_ms", func(c *Call) any { return &c.TimeUnixMs }},
	{"finished", func(c *Call) any { return &c.Finished }}, {"surface", func(c *Call) any { return &c.Surface }},
	{"protocol", func(c *Call) any { return &c.Protocol }}, {"peer", func(c *Call) any { return &c.Peer }},
	{"agent", func(c *Call) any { return &c.Agent }}, {"issuer", func(c *Call) any { return &c.Issuer }},
	{"session", func(c *Call) any { return &c.Session }}, {"parent", func(c *Call) any { return &c.Parent }},
	{"server", func(c *Call) any { return &c.Server }}, {"tool", func(c *Call) any { return &c.Tool }},
	{"kind", func(c *Call) any { return &c.Kind }}, {"method", func(c *Call) any { return &c.Method }},
	{"effect", func(c *Call) any { return &c.Effect }}, {"code", func(c *Call) any { return &c.Code }},
	{"outcome", func(c *Call) any { return &c.Outcome }}, {"reasons", func(c *Call) any { return &c.Reasons }},
	{"cause", func(c *Call) any { return &c.Cause }}, {"rules", func(c *Call) any { return &c.Rules }},
	{"revision", func(c *Call) any { return &c.Revision }}, {"shadow", func(c *Call) any { return &c.Shadow }},
	{"findings", func(c *Call) any { return &c.Findings }}, {"result_findings", func(c *Call) any { return &c.ResultFindings }},
	{"score", func(c *Call) any { return &c.Score }}, {"fingerprint", func(c *Call) any { return &c.Fingerprint }},
	{"args", func(c *Call) any { return &c.Args }}, {"args_bytes", func(c *Call) any { return &c.ArgsBytes }},
	{"args_digest", func(c *Call) any { return &c.ArgsDigest }}, {"beside", func(c *Call) any { return &c.Beside }},
	{"dropped", func(c *Call) any { return &c.Dropped }}, {"said", func(c *Call) any { return &c.Said }}, {"result", func(c *Call) any { return &c.Result }},
	{"result_bytes", func(c *Call) any { return &c.ResultBytes }}, {"result_digest", func(c *Call) any { return &c.ResultDigest }},
	{"labels", func(c *Call) any { return &c.Labels }}, {"ms", func(c *Call) any { return &c.Ms }},
	{"upstream_ms", func(c *Call) any { return &c.UpstreamMs }}, {"guard_ms", func(c *Call) any { return &c.GuardMs }},
	{"policy_ms", func(c *Call) any { return &c.PolicyMs }}, {"approve_ms", func(c *Call) any { return &c.ApproveMs }},
}

// selected is the list of columns, NULL made the zero value of its type.
var selected = func() string {
	var parts []string
	for _, f := range fields {
		zero := "0"
		switch f.dest(&Call{}).(type) {
		case *string, *Raw:
			zero = "''"
		}
		parts = append(parts, "coalesce("+f.name+", "+zero+")")
	}
	return strings.Join(parts, ", ")
}()
