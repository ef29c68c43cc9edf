package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// stages is the seconds that calls have spent in each step, and their number,
// as the gateway's own metrics count them.
type stages map[string]struct{ sum, count float64 }

var stageLine = regexp.MustCompile(`(?m)^toolward_stage_duration_seconds_(sum|count)\{stage="(\w+)"\} (\S+)$`)

func readStages(ctx context.Context, addr string) (stages, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	s := stages{}
	for _, m := range stageLine.FindAllStringSubmatch(string(text), -1) {
		v, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, err
		}
		e := s[m[2]]
		if m[1] == "sum" {
			e.sum = v
		} else {
			e.count = v
		}
		s[m[2]] = e
	}
	return s, nil
}

// since is the mean time per call of each step, in microseconds on the clock:
// with more connections than processors it includes waiting for one.
func (s stages) since(before stages) string {
	var parts []string
	for _, name := range []string{"limit", "guard", "policy", "record", "upstream"} {
		if s[name].count > before[name].count {
			parts = append(parts, fmt.Sprintf("%s %.0f", name, s.mean(name, before)))
		}
	}
	return strings.Join(parts, ", ")
}

// mean is that of one step, 0 if no call took it.
func (s stages) mean(name string, before stages) float64 {
	calls := s[name].count - before[name].count
	if calls == 0 {
		return 0
	}
	return (s[name].sum - before[name].sum) / calls * 1e6
}
