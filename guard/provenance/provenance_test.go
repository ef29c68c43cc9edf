package provenance

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// noise is text of random words, never the same for two seeds.
func noise(seed uint64, words int) string {
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	for range words {
		for range 3 + r.IntN(7) {
			b.WriteByte(byte('a' + r.IntN(26)))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

func check(s *Store, name string, texts ...string) []Match {
	m, _ := s.Check(name, values(texts...))
	return m
}

func learn(s *Store, name, id, text string) { s.Learn(name, id, nil, values(text)) }

func TestEachPrincipalHasItsOwn(t *testing.T) {
	s := New(Options{})
	learn(s, "anna", "call-1", secretText)
	if m := check(s, "ben", leaked); len(m) != 0 {
		t.Errorf("ben's copy of what only anna saw: %+v", m)
	}
	if m := check(s, "anna", leaked); len(m) == 0 {
		t.Error("anna's copy was not found")
	}
}

func TestOldResultsGiveWayToNewOnes(t *testing.T) {
	s := New(Options{})
	learn(s, "agent", "first", secretText)
	for i := range 4 * maxCalls {
		learn(s, "agent", fmt.Sprintf("call-%d", i), noise(uint64(i), 2000))
	}
	if m := check(s, "agent", leaked); len(m) != 0 {
		t.Errorf("still remembers the oldest of %d results: %+v", 4*maxCalls+1, m)
	}
	last := 4*maxCalls - 1
	m := check(s, "agent", noise(uint64(last), 2000)[500:900])
	if len(m) == 0 || m[0].From != fmt.Sprintf("call-%d", last) {
		t.Errorf("the newest result is not found: %+v", m)
	}
}

func TestMemoryOfPrincipalStaysUnderBound(t *testing.T) {
	const principals = 16
	o := Options{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := New(o)
	for p := range principals {
		for i := range 2 * maxCalls {
			learn(s, fmt.Sprint("principal-", p), fmt.Sprintf("%036d", i), noise(uint64(p*1000+i), 400))
		}
		check(s, fmt.Sprint("principal-", p), strings.Split(strings.Repeat("ab ", 64), " ")...)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	n, booked := s.Len()
	if n != principals {
		t.Fatalf("%d principals", n)
	}
	used := int(after.HeapAlloc-before.HeapAlloc) / principals
	t.Logf("%d bytes a principal, %d booked", used, booked/principals)
	// The store itself, its keys and one pooled checker are shared by all.
	if limit := 256<<10 + (256<<10)/principals; used > limit || booked/principals > 256<<10 {
		t.Errorf("%d bytes a principal, %d booked, want at most %d", used, booked/principals, limit)
	}
	runtime.KeepAlive(s)
}

func TestLeastRecentPrincipalsGiveWay(t *testing.T) {
	s := New(Options{Total: 1 << 20})
	for i := range 50 {
		learn(s, fmt.Sprint(i), "call", noise(uint64(i), 4000))
		check(s, "0", "keep me, I am used all the time")
	}
	if n, bytes := s.Len(); bytes > 1<<20 || n < 2 || n == 50 {
		t.Errorf("%d principals with %d bytes", n, bytes)
	}
	if !s.Holds("0") || !s.Holds("49") || s.Holds("1") {
		t.Errorf("holds 0, 49, 1: %v, %v, %v, want true, true, false", s.Holds("0"), s.Holds("49"), s.Holds("1"))
	}
}

func TestResultsAreForgottenInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{TTL: time.Hour})
		learn(s, "agent", "old", secretText)
		time.Sleep(50 * time.Minute)
		learn(s, "agent", "new", noise(1, 50))
		if m := check(s, "agent", leaked); len(m) == 0 {
			t.Error("forgotten before its time")
		}
		time.Sleep(11 * time.Minute)
		if m := check(s, "agent", leaked); len(m) != 0 {
			t.Errorf("remembered over its time: %+v", m)
		}
		if m := check(s, "agent", noise(1, 50)); len(m) == 0 {
			t.Error("the younger result went with the older one")
		}
	})
}

func TestWhatTheAgentSentIsNotPrivate(t *testing.T) {
	s := New(Options{})
	sent := values("/srv/reports/2026/quarterly-summary-north.txt")
	s.Learn("agent", "call-1", sent, values("Contents of /srv/reports/2026/quarterly-summary-north.txt:\nRevenue fell by eleven percent in the north."))
	if m := check(s, "agent", "open /srv/reports/2026/quarterly-summary-north.txt again"); len(m) != 0 {
		t.Errorf("the path that the agent wrote itself is called private: %+v", m)
	}
	if m := check(s, "agent", "revenue fell by eleven percent in the north"); len(m) == 0 {
		t.Error("what the result added was not found")
	}
}

func TestCopyCutOverCalls(t *testing.T) {
	for _, tr := range transforms {
		switch tr.name {
		case "plain", "base64", "hex", "rot13", "url", "base32", "reversed":
		default:
			continue
		}
		t.Run(tr.name, func(t *testing.T) {
			s := New(Options{})
			learn(s, "agent", "call-1", secretText)
			disguised, found := tr.f(leaked), 0
			const piece = 9
			for i := 0; i < len(disguised); i += piece {
				found += len(check(s, "agent", "tracking", "ok", disguised[i:min(i+piece, len(disguised))]))
			}
			if found == 0 {
				t.Error("not found")
			}
		})
	}
}

func TestPiecesOverCalls(t *testing.T) {
	s := New(Options{})
	var items, parts []string
	for i := range 40 {
		part := strings.ReplaceAll(noise(uint64(100+i), 5), " ", "")[:11]
		parts = append(parts, part)
		items = append(items, part+" "+noise(uint64(500+i), 3))
	}
	learn(s, "agent", "call-1", strings.Join(items, "\n"))
	for i, part := range parts {
		for _, m := range check(s, "agent", fmt.Sprintf("note number %d of mine is %s, keep it", i*7919, part)) {
			if m.Pieces {
				return
			}
		}
	}
	t.Error("forty pieces in forty calls were not summed up")
}

func TestOneIDAgainAndAgainIsNoCopy(t *testing.T) {
	s := New(Options{})
	learn(s, "agent", "call-1", `{"issue": "kestrel-alpha", "text": "`+noise(3, 300)+`"}`)
	for i := range 100 {
		if m := check(s, "agent", fmt.Sprintf("comment %d on it", i), "kestrel-alpha"); len(m) != 0 {
			t.Fatalf("call %d: %+v", i, m)
		}
	}
}

func TestRareEntities(t *testing.T) {
	for _, c := range []struct{ held, sent string }{
		{"Account 045-2491-7987 is open.", "pay from 04524917987"},
		{"SSN: 536-22-8714.", "the number is 536 22 8714, thanks"},
		{"passport K7319402 issued", base64.StdEncoding.EncodeToString([]byte("passport no K7319402B"))},
		{"phone +49 431 7730952", "call (431) 773 0952 or 494317730952"},
	} {
		s := New(Options{})
		learn(s, "agent", "call-1", c.held)
		m := check(s, "agent", c.sent)
		if want := !strings.HasPrefix(c.held, "passport"); want != (len(m) > 0) { // seven digits: too little to mean anything
			t.Errorf("%q in %q: %+v", c.held, c.sent, m)
		}
	}
}

func TestEverydayStringsAreNoEntities(t *testing.T) {
	for _, held := range []string{"2026-11-24", "20261124", "123456789", "987654321", "555-555-5555", "1.2.3.4", "00000000000", "v1.26.0-rc1", "12:30:45", "24-11-2026"} {
		if e := entities([]byte("x " + held + " y")); len(e) != 0 {
			t.Errorf("%q is an entity: %v", held, e)
		}
	}
}

func TestUnrelatedTextsDoNotMatch(t *testing.T) {
	s := New(Options{})
	learn(s, "agent", "call-1", `{"emails": [{"id": "4a1", "subject": "Quarterly planning", "from": "john.doe@example.com", "timestamp": "2026-02-22T11:37:00Z", "labels": ["inbox", "important"], "attachments": []}], "description": "List of messages in the inbox"}`)
	for _, sent := range []string{
		`{"to": "jane.doe@example.org", "subject": "Lunch", "body": "Shall we meet at noon?", "attachments": [], "labels": ["sent"]}`,
		`{"query": "SELECT id, subject FROM messages WHERE timestamp > '2026-02-22' ORDER BY timestamp DESC"}`,
		`{"path": "/home/user/documents/planning.md", "content": "# Planning\n\n- hire two people\n- description of roles"}`,
		`curl -s https://example.com/api/v1/messages?labels=important`,
	} {
		if m := check(s, "agent", sent); len(m) != 0 {
			t.Errorf("%s: %+v", sent, m)
		}
	}
}

// Two texts that share a word of ten letters, and nothing longer: what follows
// it agrees by chance once in some thousand times.
func TestSharedWordIsNoCopy(t *testing.T) {
	for range 8000 {
		s := New(Options{}) // other keys, other chances
		for i, w := range strings.Fields("background collection democratic employment foundation generation journalist laboratory management operations") {
			learn(s, fmt.Sprint(i), "call-1", "one "+w+" as it is")
			if m := check(s, fmt.Sprint(i), "any "+w+" in other words"); len(m) != 0 {
				t.Errorf("%s: found %+v", w, m)
			}
		}
	}
}

func TestLongResultIsFoundByLongerRuns(t *testing.T) {
	s := New(Options{})
	text := noise(9, 60000) // 400 KB
	learn(s, "agent", "call-1", text)
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		at := r.IntN(len(text) - 400)
		if m := check(s, "agent", "so: "+text[at:at+400]); len(m) == 0 {
			t.Errorf("400 bytes from %d were not found", at)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := New(Options{Total: 1 << 20})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				name := fmt.Sprint((i + j) % 5)
				learn(s, name, "call", noise(uint64(j), 500))
				check(s, name, leaked, noise(uint64(j), 50))
			}
		})
	}
	wg.Wait()
	if _, bytes := s.Len(); bytes < 0 || bytes > 1<<20 {
		t.Errorf("%d bytes are booked", bytes)
	}
}

// FuzzCheck looks up arbitrary arguments after arbitrary results: it does not
// panic, spans lie in their texts, and a long plain copy is always found.
func FuzzCheck(f *testing.F) {
	for _, tr := range transforms {
		f.Add(secretText, tr.f(leaked), "x")
	}
	f.Fuzz(func(t *testing.T, held, a, b string) {
		s := New(Options{Memory: 64 << 10})
		learn(s, "agent", "call-1", held)
		fields := append(values(a, b), Field{Where: "/k", Key: true, Text: b})
		m, _ := s.Check("agent", fields)
		for _, m := range m {
			if text := fields[m.Field].Text; m.Span[0] < 0 || m.Span[1] <= m.Span[0] || m.Span[1] > len(text) {
				t.Errorf("span %v in a text of %d bytes", m.Span, len(text))
			}
		}
	})
}
