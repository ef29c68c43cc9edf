package server

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// codes are the authorization codes of the last minute. They are not on record: a
// restart costs a person another click.
type codes struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]*code
}

// code is what a person said yes to.
type code struct {
	request
	agent string
	roles []string
	until time.Time
	uses  int
	grant string // what came of it
}

// mostCodes bounds what waits to be fetched. Each took an answer of the owner's.
const mostCodes = 64

// add returns a fresh code, "" if there is no place.
func (c *codes) add(now time.Time, what *code) string {
	text := rand.Text() // 130 bits
	what.until = now.Add(codeLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[[sha256.Size]byte]*code{}
	}
	for key, old := range c.all {
		if !now.Before(old.until) {
			delete(c.all, key)
		}
	}
	if len(c.all) >= mostCodes {
		return ""
	}
	c.all[sha256.Sum256([]byte(text))] = what
	return text
}

// take returns a code and whether it is the first who does. It is found by its hash,
// so that how long that takes says nothing.
func (c *codes) take(now time.Time, text string) (what *code, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what = c.all[sha256.Sum256([]byte(text))]
	if what == nil || !now.Before(what.until) {
		return nil, false
	}
	what.uses++
	return what, what.uses == 1
}

// became notes what grant came of a code. It reports whether the code was used again
// meanwhile.
func (c *codes) became(what *code, grant string) (twice bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what.grant = grant
	return what.uses > 1
}

// grantOf is what came of a code, "" if nothing did yet.
func (c *codes) grantOf(what *code) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return what.grant
}
