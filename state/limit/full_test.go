package limit

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// Who comes when the table of peers is full is judged together with all who found no
// room: else an attacker with many addresses would have as many allowances.
func TestAttackFailuresOfAddressesBeyondTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Failures: Rate{0.001, 3}, MaxAgents: 1})
		if err := l.Strangers("192.0.2.1"); err != nil {
			t.Fatalf("nobody has failed: %v", err)
		}
		for i := range 4000 {
			l.Failed(fmt.Sprintf("10.0.%d.%d", i/250, i%250))
		}
		for i := range 250 {
			peer := fmt.Sprintf("10.1.0.%d", i)
			if got := refusal(t, l.Strangers(peer)).Code; got != gateway.RateLimited {
				t.Fatalf("%s, who found no room: %s", peer, got)
			}
		}
	})
}

// A full table is searched for idle entries, and not again for a while.
func TestFullTableIsSearchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all table[string]
		all.init(1, func(string) *entry { return &entry{bucket: newBucket(Rate{10, 1})} })
		take := func(name string) *entry {
			e := all.hold(time.Now(), name)
			e.bucket.take(time.Now(), owner{})
			e.users.Add(-1)
			return e
		}
		first := take("0")
		var second string // of the same shard
		for i := 1; second == ""; i++ {
			if name := fmt.Sprint(i); all.shard(name) == all.shard("0") {
				second = name
			}
		}
		if take(second) == first || all.shard("0").overflow == nil {
			t.Fatal("a busy entry gave way")
		}
		time.Sleep(resweep - time.Nanosecond)
		if all.find(time.Now(), second) == nil {
			t.Error("it was searched again at once")
		}
		time.Sleep(time.Nanosecond)
		if all.find(time.Now(), second) != nil {
			t.Error("what is idle does not give way")
		}
	})
}

// Who was refused, or failed, is let go like everybody else: what is held for good
// fills the table, and who comes then has no bucket of its own.
func TestRefusedAreLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tool := &gateway.Tool{Wire: "a__b"}
		l := newLimiter(t, Options{Default: Rate{10, 1}, Lists: Rate{10, 1}, Failures: Rate{10, 1}, Tools: map[string]Tool{"a__b": {PerAgent: Rate{10, 1}}}, Wait: 200 * time.Millisecond})
		for range 5 {
			ask(t, l, agent("ann"), tool)
		}
		for range 5 {
			if release, err := l.AcquireList(t.Context(), agent("ann")); err == nil {
				release()
			}
			l.Failed("192.0.2.1")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		now := time.Now()
		for i := range l.owned.shards {
			for who, e := range l.owned.shards[i].entries {
				if !e.idle(now) {
					t.Errorf("%v is held by %d", who, e.users.Load())
				}
			}
		}
		if e := l.peers.find(now, "192.0.2.1"); !e.idle(now) {
			t.Errorf("a peer is held by %d", e.users.Load())
		}
	})
}

// A whole call is there, to the instant: nobody waits for it.
func TestOneWholeCallIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Options{Failures: Rate{0.5, 1}})
		for range 3 {
			if err := l.Strangers("192.0.2.1"); err != nil {
				t.Fatal(err)
			}
			l.Failed("192.0.2.1")
			if err := l.Strangers("192.0.2.1"); err == nil {
				t.Fatal("the allowance is used")
			}
			time.Sleep(2 * time.Second)
		}
	})
}

func TestNoOptionsHaveRoomForManyAgents(t *testing.T) {
	if l := newLimiter(t, Options{}); l.owned.most*shards != 1<<16 {
		t.Errorf("room for %d", l.owned.most*shards)
	}
}

func TestRefusalNamesTheRateOfAMinute(t *testing.T) {
	l := newLimiter(t, Options{Default: Rate{0.5, 3}})
	admitted(l, agent("ann"), nil, 3)
	_, err := l.Acquire(t.Context(), agent("ann"), nil)
	if got := refusal(t, err).Reasons[0]; !strings.Contains(got, "(30 per minute, burst 3)") {
		t.Errorf("%q", got)
	}
}

// One that is closed makes room for one, and what is read before a body is counted
// is no more than a small one, however it is read.
func TestBodiesAreCountedOneByOne(t *testing.T) {
	l := newLimiter(t, Options{})
	large := strings.Repeat("a", 3*smallBody)
	open := func() (read int, closeBody func() error, err error) {
		b := l.Body(agent("ann"), strings.NewReader(large))
		p := make([]byte, len(large))
		for _, most := range []int{10, len(p), len(p)} {
			n, err := b.Read(p[:most])
			if read += n; err != nil {
				return read, b.Close, err
			}
		}
		return read, b.Close, nil
	}
	var last func() error
	for range agentBodies {
		n, closing, err := open()
		if err != nil || n != len(large) {
			t.Fatal(n, err)
		}
		last = closing
	}
	for range 2 {
		if n, _, err := open(); err == nil || n != smallBody+1 {
			t.Errorf("one more: %d bytes, %v", n, err)
		}
	}
	if err := last(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := open(); err != nil {
		t.Errorf("in place of one: %v", err)
	}
	if _, _, err := open(); err == nil {
		t.Error("two in place of one")
	}
}
