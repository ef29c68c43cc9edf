package dialecttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// Value is a value that fits a schema as a dialect has it, read by
// encoding/json: at its bounds more often than not. It fits nearly always: a
// pattern is met where one of a few texts does.
func Value(r *rand.Rand, schema any) any { return value(r, schema, 0) }

func value(r *rand.Rand, schema any, level int) any {
	s, _ := schema.(map[string]any)
	if list, _ := s["enum"].([]any); len(list) > 0 {
		return sampled(r, list)
	}
	if list, _ := s["anyOf"].([]any); len(list) > 0 {
		chosen := maps.Clone(sampled(r, list).(map[string]any))
		for name, v := range s { // beside anyOf
			if _, ok := chosen[name]; !ok && name != "anyOf" {
				chosen[name] = v
			}
		}
		return value(r, chosen, level)
	}
	switch kindOf(r, s["type"]) {
	case "object":
		return members(r, s, level)
	case "array":
		return elements(r, s, level)
	case "string":
		return text(r, s)
	case "integer":
		return whole(r, s)
	case "number":
		if v, ok := bound(r, s); ok && s["multipleOf"] == nil && r.IntN(2) == 0 {
			return v
		}
		return whole(r, s)
	case "boolean":
		return r.IntN(2) == 0
	}
	return nil
}

// kindOf is one of the types that a schema allows.
func kindOf(r *rand.Rand, types any) string {
	switch t := types.(type) {
	case string:
		return t
	case []any:
		return sampled(r, t).(string)
	}
	return sampled(r, []string{"string", "integer", "number", "boolean", "object", "array", "null"})
}

func members(r *rand.Rand, s map[string]any, level int) any {
	o := map[string]any{}
	props, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if slices.Contains(required, any(name)) || r.IntN(2) == 0 {
			o[name] = value(r, props[name], level+1)
		}
	}
	if s["additionalProperties"] != false && level < 4 && r.IntN(4) == 0 {
		o[sampled(r, []string{"further", "more", "", "__proto__", "$", "名"})] = value(r, s["additionalProperties"], level+1)
	}
	return o
}

func elements(r *rand.Rand, s map[string]any, level int) any {
	least, most := count(s, "minItems", 0), count(s, "maxItems", 1000)
	n := sampled(r, []int{least, min(least+1, most), min(most, least+3)})
	list := []any{}
	for range n {
		v := value(r, s["items"], level+1)
		if s["uniqueItems"] == true && slices.ContainsFunc(list, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) && len(list) >= least {
			continue
		}
		list = append(list, v)
	}
	return list
}

func count(s map[string]any, name string, otherwise int) int {
	if f, ok := s[name].(float64); ok {
		return int(min(f, 1000))
	}
	return otherwise
}

var texts = map[string][]string{
	"date-time": {"2026-11-28T00:00:00Z"}, "date": {"2026-11-28"}, "time": {"12:00:00Z"}, "uri": {"https://example.com/x"}, "uuid": {"00000000-0000-0000-0000-000000000000"}, "email": {"a@example.com"},
}

func text(r *rand.Rand, s map[string]any) string {
	format, _ := s["format"].(string)
	if list := texts[format]; list != nil && r.IntN(2) == 0 {
		return sampled(r, list)
	}
	least, most := count(s, "minLength", 0), count(s, "maxLength", 1000)
	all := []string{strings.Repeat("a", least), strings.Repeat("é", min(most, least+50)), "abc", "x", "q", " ", "null", "5", "<b>\u2028", "A-1"}
	if pattern, ok := s["pattern"].(string); ok {
		if re, err := regexp.Compile(pattern); err == nil {
			all = slices.DeleteFunc(all, func(t string) bool { return !re.MatchString(t) })
		}
	}
	all = slices.DeleteFunc(all, func(t string) bool { n := len([]rune(t)); return n < least || n > most })
	if len(all) == 0 {
		return "no text is known that fits"
	}
	return sampled(r, all)
}

// bound is one of the bounds of a number, or what lies just within.
func bound(r *rand.Rand, s map[string]any) (float64, bool) {
	var all []float64
	for _, b := range []struct {
		name   string
		within float64
	}{{"minimum", 0}, {"maximum", 0}, {"exclusiveMinimum", 0.5}, {"exclusiveMaximum", -0.5}} {
		if f, ok := s[b.name].(float64); ok {
			all = append(all, f+b.within)
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return sampled(r, all), true
}

// whole is an integer at the bounds, or within them.
func whole(r *rand.Rand, s map[string]any) any {
	low, high := -1e15, 1e15
	if f, ok := s["minimum"].(float64); ok {
		low = math.Ceil(f)
	}
	if f, ok := s["exclusiveMinimum"].(float64); ok {
		low = max(low, math.Floor(f)+1)
	}
	if f, ok := s["maximum"].(float64); ok {
		high = math.Floor(f)
	}
	if f, ok := s["exclusiveMaximum"].(float64); ok {
		high = min(high, math.Ceil(f)-1)
	}
	step := 1.0
	if f, ok := s["multipleOf"].(float64); ok {
		step = f
	}
	all := []float64{math.Ceil(low/step) * step, math.Floor(high/step) * step}
	for _, f := range []float64{0, step, 7 * step} {
		if f >= low && f <= high {
			all = append(all, f)
		}
	}
	return json.Number(fmt.Sprintf("%.0f", sampled(r, all)))
}
