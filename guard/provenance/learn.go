package provenance

import (
	"time"

	"toolward/guard/decode/reading"
)

// Learn remembers what a private tool returned to a principal. id is the
// call's ID, sent what the call itself held: text that the result merely
// repeats is not private. The cost is that of hashing the text once for each
// reading of it, linear in its length.
func (s *Store) Learn(name, id string, sent, result []Field) {
	var x reading.Expander
	var streams []stream
	total := 0
	for _, text := range joined(result, false) {
		views, _ := x.Expand(text.text, nil, text.starts)
		for i := range views {
			syms, _ := appendSymbols(nil, nil, views[i].Text)
			if len(syms) >= gram {
				streams = append(streams, stream{syms, entities(views[i].Text)})
				total += len(syms)
			}
		}
	}
	if total == 0 {
		return
	}
	known := s.known(sent)
	for {
		p := s.obtain(name)
		p.mu.Lock()
		if p.dead {
			p.mu.Unlock()
			continue
		}
		before := p.size()
		p.learn(s, id, streams, total, known)
		grown := p.size() - before
		p.mu.Unlock()
		if grown != 0 {
			s.account(grown)
		}
		return
	}
}

// known returns the fingerprints of what the agent sent with the call.
func (s *Store) known(sent []Field) map[uint64]bool {
	known := map[uint64]bool{}
	for _, text := range joined(sent, false) {
		syms, _ := appendSymbols(nil, nil, text.text)
		for _, h := range s.keys.appendGrams(nil, syms, &s.keys.plain) {
			known[tagOf(h)] = true
		}
	}
	return known
}

// learn is Learn with the lock held.
func (p *principal) learn(s *Store, id string, streams []stream, total int, known map[uint64]bool) {
	p.expire(time.Since(s.start) - s.opts.TTL)
	limit := (s.opts.Memory - fixedSize) / bucketSize
	share := limit * 8 * 2 / 5 // of the slots, for one result
	window := max(2, (2*total+share-1)/share)
	slot := (p.next + maxCalls - 1) % maxCalls
	if p.calls[slot].id == id { // more of the latest one: what a tool says during its call comes in pieces
		window = max(window, p.calls[slot].window)
	} else {
		slot = p.next
		if p.calls[slot].id != "" {
			p.table.drop(func(i int) bool { return i == slot })
		}
		p.next = (slot + 1) % maxCalls
	}
	p.calls[slot] = call{id: id, seen: time.Since(s.start), window: window}

	p.table.reserve(min(2*total/(window+1)+total/64, share), limit)
	place := 0
	var hashes []uint64
	for _, st := range streams {
		syms := st.syms
		hashes = s.keys.appendGrams(hashes[:0], syms, &s.keys.plain)
		winnow(hashes, window, func(i int) {
			if dull(syms[i:i+gram]) || known[tagOf(hashes[i])] {
				return
			}
			var ext uint16
			if i+gram < len(hashes) {
				ext = extOf(hashes[i+gram])
			}
			p.table.insert(makeEntry(hashes[i], ext, slot, (place+i)%places), slot)
		})
		for _, e := range st.entities {
			if e := entityEntry(hashes, e, slot); !known[e.tag()] {
				p.table.insert(e, slot)
			}
		}
		place += len(st.syms) + 2*gram
	}
}

// expire forgets results that were seen before that.
func (p *principal) expire(before time.Duration) {
	old := func(i int) bool { return p.calls[i].id != "" && p.calls[i].seen < before }
	any := false
	for i := range p.calls {
		any = any || old(i)
	}
	if !any {
		return
	}
	p.table.drop(old)
	for i := range p.calls {
		if old(i) {
			p.calls[i] = call{}
		}
	}
}

// dull reports whether symbols say too little to be remembered: fewer than
// four different ones, as in rulers, zeros and separators.
func dull(syms []symbol) bool {
	var seen [256]bool
	n := 0
	for _, s := range syms {
		if !seen[s] {
			seen[s] = true
			n++
		}
	}
	return n < 4
}

// stream is the symbols of one reading of a result.
type stream struct {
	syms     []symbol
	entities []span
}
