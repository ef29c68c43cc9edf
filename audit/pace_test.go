package audit

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPace has events come in several ways, and says after how long they are moved.
func TestPace(t *testing.T) {
	for name, c := range map[string]struct {
		every time.Duration // between events
		count int64         // at each of these times
		until time.Duration // how long they come
		want  time.Duration // after the first
	}{
		"a single event":       {time.Hour, 1, 0, quiet},
		"a few, and then none": {time.Millisecond, 1, 5 * time.Millisecond, 14 * time.Millisecond},
		"one after the other":  {time.Millisecond, 1, time.Hour, patient},
		"many":                 {time.Millisecond, 20, time.Hour, 30 * time.Millisecond},
		"one each 100 ms":      {100 * time.Millisecond, 1, time.Hour, quiet},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPace()
				defer p.stop()
				start, came := time.Now(), c.count
				next := time.NewTicker(c.every)
				defer next.Stop()
				for p.begin(came); ; {
					select {
					case <-next.C:
						if time.Since(start) <= c.until {
							came += c.count
						}
						continue
					case <-p.again():
					}
					if p.due(came, 0) {
						break
					}
				}
				if took := time.Since(start); took != c.want {
					t.Errorf("they are moved after %v, want %v", took, c.want)
				}
			})
		})
	}
}
