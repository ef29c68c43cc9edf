package main

import "testing"

// Definitions that are held back take a bounded place, of each upstream apart.
func TestHeldBackIsBounded(t *testing.T) {
	var h heldBack
	n := 0
	for h.spend("flapping", 1<<20) {
		n++
	}
	if n != mostHeldBack>>20 {
		t.Errorf("%d MiB of one upstream", n)
	}
	if h.spend("flapping", 1) || !h.spend("other", mostHeldBack) || h.spend("large", mostHeldBack+1) {
		t.Error("the bound is not each upstream's own")
	}
	h.hour--
	if !h.spend("flapping", 1) {
		t.Error("an hour later there is no place")
	}
}
