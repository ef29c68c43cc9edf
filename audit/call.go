package audit

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Call is a row of the view calls; see schema.sql for what each column means.
// Its members, in their order, are the columns of exports and listings.
type Call struct {
	Seq            int64   `json:"seq"`
	ID             string  `json:"id"`
	Time           string  `json:"time"`
	TimeUnixMs     int64   `json:"time_unix_ms"`
	Finished       string  `json:"finished,omitempty"`
	EndedSeq       int64   `json:"ended_seq,omitempty"`
	Surface        string  `json:"surface,omitempty"`
	Protocol       string  `json:"protocol,omitempty"`
	Peer           string  `json:"peer,omitempty"`
	Agent          string  `json:"agent,omitempty"`
	Issuer         string  `json:"issuer,omitempty"`
	Roles          Raw     `json:"roles,omitempty"`
	Scopes         Raw     `json:"scopes,omitempty"`
	TokenID        string  `json:"token_id,omitempty"`
	Session        string  `json:"session,omitempty"`
	SessionName    string  `json:"session_name,omitempty"`
	SessionLabels  Raw     `json:"session_labels,omitempty"`
	Parent         string  `json:"parent,omitempty"`
	Server         string  `json:"server,omitempty"`
	Endpoint       string  `json:"endpoint,omitempty"`
	Tool           string  `json:"tool,omitempty"`
	ToolLabels     Raw     `json:"tool_labels,omitempty"`
	Annotations    Raw     `json:"tool_annotations,omitempty"`
	Kind           string  `json:"kind,omitempty"`
	Method         string  `json:"method,omitempty"`
	Effect         string  `json:"effect,omitempty"`
	Code           string  `json:"code,omitempty"`
	Outcome        string  `json:"outcome"`
	Step           string  `json:"step,omitempty"`
	Reasons        Raw     `json:"reasons,omitempty"`
	Remedy         string  `json:"remedy,omitempty"`
	Cause          string  `json:"cause,omitempty"`
	Scope          string  `json:"scope,omitempty"`
	Approval       string  `json:"approval,omitempty"`
	DecidedBy      string  `json:"decided_by,omitempty"`
	Rules          Raw     `json:"rules,omitempty"`
	Revision       string  `json:"revision,omitempty"`
	Shadow         string  `json:"shadow,omitempty"`
	ResultEffect   string  `json:"result_effect,omitempty"`
	ResultRules    Raw     `json:"result_rules,omitempty"`
	ResultShadow   string  `json:"result_shadow,omitempty"`
	Findings       Raw     `json:"findings,omitempty"`
	ResultFindings Raw     `json:"result_findings,omitempty"`
	FindingKinds   Raw     `json:"finding_kinds,omitempty"`
	FromCalls      Raw     `json:"from_calls,omitempty"`
	Score          float64 `json:"score,omitempty"`
	Fingerprint    string  `json:"fingerprint,omitempty"`
	Args           Raw     `json:"args,omitempty"`
	ArgsBytes      int64   `json:"args_bytes,omitempty"`
	ArgsDigest     string  `json:"args_digest,omitempty"`
	Beside         Raw     `json:"beside,omitempty"`
	Dropped        Raw     `json:"dropped,omitempty"`
	Result         Raw     `json:"result,omitempty"`
	ResultBytes    int64   `json:"result_bytes,omitempty"`
	ResultDigest   string  `json:"result_digest,omitempty"`
	Shown          string  `json:"shown"`
	Redacted       int64   `json:"redacted,omitempty"`
	Said           Raw     `json:"said,omitempty"`
	SaidFirst      Raw     `json:"said_first,omitempty"`
	Labels         Raw     `json:"labels,omitempty"`
	TraceID        string  `json:"trace_id,omitempty"`
	Ms             float64 `json:"ms,omitempty"`
	UpstreamMs     float64 `json:"upstream_ms,omitempty"`
	LimitMs        float64 `json:"limit_ms,omitempty"`
	GuardMs        float64 `json:"guard_ms,omitempty"`
	PolicyMs       float64 `json:"policy_ms,omitempty"`
	ApproveMs      float64 `json:"approve_ms,omitempty"`
	RecordMs       float64 `json:"record_ms,omitempty"`
}

// field is a column of calls and the member of [Call] that it goes to.
type field struct {
	name  string
	index int
}

// dest is where the column goes: a *string, *Raw, *int64 or *float64.
func (f field) dest(c *Call) any { return reflect.ValueOf(c).Elem().Field(f.index).Addr().Interface() }

var fields = func() (all []field) {
	t := reflect.TypeFor[Call]()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all = append(all, field{name, i})
	}
	return all
}()

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

var columnNames = func() (names []string) {
	for _, f := range fields {
		names = append(names, f.name)
	}
	return names
}()

// Columns are the names of the columns of calls, in their order.
func Columns() []string { return slices.Clone(columnNames) }

// HasColumn reports whether calls have a column.
func HasColumn(name string) bool { return slices.Contains(columnNames, name) }

// Column is the value of a column: a string, [Raw], int64 or float64; nil if calls
// do not have it.
func (c *Call) Column(name string) any {
	for _, f := range fields {
		if f.name == name {
			return reflect.ValueOf(c).Elem().Field(f.index).Interface()
		}
	}
	return nil
}

// Text is the value of a column as text, "" for none.
func (c *Call) Text(name string) string {
	switch v := c.Column(name).(type) {
	case string:
		return v
	case Raw:
		return string(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
