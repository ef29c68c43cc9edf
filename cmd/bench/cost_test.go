package main

import (
	"strings"
	"testing"
)

func TestWhatCostsMore(t *testing.T) {
	committed := costs{Figures: map[string]figure{"a call": {1000_000, 100, map[string]int64{"guard": 600_000, "audit": 400_000}}}}
	for name, tt := range map[string]struct {
		now  figure
		want string // "" if it is no fault
	}{
		"the same":           {figure{1000_000, 100, nil}, ""},
		"two percent":        {figure{1020_000, 102, nil}, ""},
		"less":               {figure{500_000, 10, nil}, ""},
		"four percent":       {figure{1040_000, 100, map[string]int64{"guard": 645_000, "audit": 395_000}}, "a call: 1040000 instructions, +4.0 %: guard +45000"},
		"a part that is new": {figure{1100_000, 100, map[string]int64{"guard": 620_000, "audit": 400_000, "policy": 80_000}}, "policy +80000, guard +20000"},
		"more allocations":   {figure{1000_000, 104, nil}, "a call: 104.0 allocations, 100.0 before"},
		"three percent":      {figure{1000_000, 103, nil}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(costs{Figures: map[string]figure{"a call": tt.now}}.grown(committed), "\n")
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
	if got := (costs{Figures: map[string]figure{"another": {1, 1, nil}}}).grown(committed); len(got) != 1 || !strings.Contains(got[0], "no figure of it") {
		t.Errorf("without a figure: %q", got)
	}
}

func TestRuntimeIsNotCounted(t *testing.T) {
	f := figureOf(byFunction{"runtime.mallocgc": 500, "crypto/sha256.block": 300, "toolward/guard.walk": 70, "sqlite3_step": 7}, uncounted, 3)
	if f.Instructions != 77 || f.Parts["guard"] != 70 || len(f.Parts) != 2 {
		t.Errorf("%+v", f)
	}
}

func TestTheLowerOfTwoCountsHolds(t *testing.T) {
	now := costs{Figures: map[string]figure{"a": {100, 9, map[string]int64{"guard": 100}}, "b": {50, 4, map[string]int64{"audit": 50}}}}
	now.least(costs{Figures: map[string]figure{"a": {90, 10, map[string]int64{"guard": 90}}, "b": {60, 3, map[string]int64{"audit": 60}}}})
	a, b := now.Figures["a"], now.Figures["b"]
	if a.Instructions != 90 || a.Parts["guard"] != 90 || a.Allocations != 9 || b.Instructions != 50 || b.Parts["audit"] != 50 || b.Allocations != 3 {
		t.Errorf("%+v", now)
	}
}
