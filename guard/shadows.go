package guard

import (
	"sync"

	"toolward/gateway"
	"toolward/guard/definition"
)

// reaches are what definitions reach for, by fingerprint: they are read once, however
// often the lists beside them change. One without a fingerprint is read each time. Safe for
// concurrent use.
type reaches struct {
	mu    sync.Mutex
	known map[string]*definition.Reach
}

// of reads definitions that are not known, and forgets those that are not asked for. One that
// cannot be read has nil.
func (r *reaches) of(tools []*gateway.Tool) []*definition.Reach {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := make(map[string]*definition.Reach, len(tools))
	all := make([]*definition.Reach, len(tools))
	for i, t := range tools {
		if all[i] = r.known[t.Fingerprint]; all[i] == nil {
			all[i] = read(t)
		}
		if t.Fingerprint != "" {
			next[t.Fingerprint] = all[i]
		}
	}
	r.known = next
	return all
}

func read(t *gateway.Tool) (r *definition.Reach) {
	defer func() {
		if recover() != nil {
			r = nil
		}
	}()
	return definition.ReachOf(t)
}

// Shadows holds the definitions of all servers against each other, and says of each why
// it must be quarantined, "" if it need not be: it takes another server's tool's name, or
// says how that is to be used. The order in which they are given says which victim is
// named first, and nothing else.
func (s *Scanner) Shadows(all []*gateway.Tool) []string {
	read := s.reaches.of(all)
	reasons := make([]string, len(all))
	var tools []*gateway.Tool
	var reach []*definition.Reach
	for i, t := range all {
		if read[i] == nil {
			reasons[i] = "guard could not hold its definition against those of other servers"
			continue
		}
		tools, reach = append(tools, t), append(reach, read[i])
	}
	names := definition.NamesOf(tools, reach)
	for i, t := range all {
		if read[i] != nil {
			reasons[i] = verdict(t, s.shadows(t, names.Shadows(t, read[i])))
		}
	}
	return reasons
}

// shadows are what a tool reaches for as findings, without those that an exception covers.
func (s *Scanner) shadows(t *gateway.Tool, all []definition.Shadow) (found []gateway.Finding) {
	for _, shadow := range all {
		f := gateway.Finding{
			Kind: gateway.FindingPoisoning, Rule: "poisoning." + shadow.Rule, Stage: gateway.StageResult, Where: shadow.Where, Span: shadow.Span,
			Severity: gateway.SeverityHigh, Score: 0.9, Sample: "reaches for " + shadow.Victim, Action: s.actions.of(gateway.FindingPoisoning, t, false),
		}
		f.Print = s.print(f.Rule, t.Wire+" "+shadow.Victim)
		if !s.allow.covers(&f, t) {
			found = append(found, f)
		}
	}
	return found
}
