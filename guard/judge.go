package guard

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Judge configures an external classifier, see the package documentation for
// what is sent and answered.
type Judge struct {
	URL       string            // http or https; required
	Headers   map[string]string // sent with each request, such as Authorization
	Label     string            // the label that means injection; "": INJECTION, MALICIOUS, JAILBREAK or LABEL_1, in any case
	From, To  float64           // texts whose own score is in [From, To) are asked about; both 0: [0.1, 0.9)
	Score     float64           // the judge's score from which there is a finding; 0 is 0.9
	Timeout   time.Duration     // for all questions of one scan together; 0 is 500 ms
	OnFailure OnFailure         // what to do when it does not answer; "" is FailScore
	Client    *http.Client      // nil is a client that follows no redirect
}

// OnFailure says what happens to a text that the external judge did not answer about.
type OnFailure string

// The choices.
const (
	FailScore OnFailure = "score" // the own score decides, as without a judge
	FailAllow OnFailure = "allow" // the text passes, and a finding to observe says that it was not judged
	FailBlock OnFailure = "block" // guard fails, and the call is refused
)

const (
	judgeCache  = 4096            // answers remembered
	judgeTexts  = 32              // texts of one scan
	judgeBytes  = 4096            // of one text; servers truncate earlier
	judgeAnswer = 1 << 20         // bytes of one answer
	judgePause  = 5 * time.Second // after a failure, before it is asked again
)

// judge asks an external classifier.
type judge struct {
	Judge
	labels []string

	mu     sync.Mutex
	byText map[[sha256.Size]byte]*list.Element
	recent *list.List // of judged
	paused time.Time  // not asked before
}

type judged struct {
	text  [sha256.Size]byte
	score float64
}

// newJudge checks and completes the configuration; nil makes none.
func newJudge(o *Judge) (*judge, error) {
	if o == nil {
		return nil, nil
	}
	j := &judge{Judge: *o, labels: []string{"injection", "malicious", "jailbreak", "label_1"}, byText: map[[sha256.Size]byte]*list.Element{}, recent: list.New()}
	u, err := url.Parse(j.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("guard: judge: %q is not an http or https URL", j.URL)
	}
	if j.Label != "" {
		j.labels = []string{strings.ToLower(j.Label)}
	}
	if j.From == 0 && j.To == 0 {
		j.From, j.To = 0.1, 0.9
	}
	if j.Score == 0 {
		j.Score = 0.9
	}
	if j.Timeout == 0 {
		j.Timeout = 500 * time.Millisecond
	}
	if j.OnFailure == "" {
		j.OnFailure = FailScore
	}
	if !slices.Contains([]OnFailure{FailScore, FailAllow, FailBlock}, j.OnFailure) {
		return nil, fmt.Errorf("guard: judge: there is no choice %q for failures", j.OnFailure)
	}
	if j.Client == nil {
		j.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return j, nil
}

// asks reports whether the judge wants a say about a text with that score.
func (j *judge) asks(score float64) bool { return j != nil && score >= j.From && score < j.To }

// errPaused is a judge that failed a moment ago.
var errPaused = errors.New("guard: the external judge failed recently and is not asked again yet")

// scores returns the injection score of each text, 0 to 1. It asks once, about
// what it does not remember.
func (j *judge) scores(ctx context.Context, texts []string) ([]float64, error) {
	out := make([]float64, len(texts))
	var ask []string
	var places []int
	j.mu.Lock()
	for i, text := range texts {
		if e := j.byText[sha256.Sum256([]byte(text))]; e != nil {
			j.recent.MoveToFront(e)
			out[i] = e.Value.(judged).score
		} else {
			ask, places = append(ask, text), append(places, i)
		}
	}
	paused := time.Now().Before(j.paused)
	j.mu.Unlock()
	switch {
	case len(ask) == 0:
		return out, nil
	case paused:
		return nil, errPaused
	}
	got, err := j.ask(ctx, ask)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil { // the caller's patience is not the judge's fault
			j.paused = time.Now().Add(judgePause)
		}
		return nil, err
	}
	for i, score := range got {
		out[places[i]] = score
		j.remember(ask[i], score)
	}
	return out, nil
}

// remember keeps an answer; the lock is held.
func (j *judge) remember(text string, score float64) {
	key := sha256.Sum256([]byte(text))
	if j.byText[key] != nil {
		return
	}
	j.byText[key] = j.recent.PushFront(judged{key, score})
	if j.recent.Len() > judgeCache {
		e := j.recent.Back()
		j.recent.Remove(e)
		delete(j.byText, e.Value.(judged).text)
	}
}

// ask sends texts and reads one score for each.
func (j *judge) ask(ctx context.Context, texts []string) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"inputs": texts, "parameters": map[string]any{"truncation": true}})
	if err != nil {
		return nil, fmt.Errorf("guard: judge: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("guard: judge: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for name, value := range j.Headers {
		req.Header.Set(name, value)
	}
	resp, err := j.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("guard: judge: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("guard: judge answered %s", resp.Status)
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, judgeAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("guard: judge: %w", err)
	}
	if len(answer) > judgeAnswer {
		return nil, errors.New("guard: judge's answer is over 1 MiB")
	}
	return j.read(answer, len(texts))
}

// classified is one label of an answer.
type classified struct {
	Label string   `json:"label"`
	Score *float64 `json:"score"`
}

// read takes an answer about n texts apart. The texts came from strangers and
// may make the server say anything: what does not fit exactly is an error.
func (j *judge) read(answer []byte, n int) ([]float64, error) {
	var each []json.RawMessage
	if err := json.Unmarshal(answer, &each); err != nil {
		return nil, fmt.Errorf("guard: judge's answer is not a list: %w", err)
	}
	var all [][]classified
	var flat []classified
	switch {
	case json.Unmarshal(answer, &all) == nil:
	case json.Unmarshal(answer, &flat) != nil:
		return nil, errors.New("guard: judge's answer is not a list of labels with scores")
	case n == 1:
		all = [][]classified{flat}
	default:
		all = nil // what the first attempt left in it
		for _, c := range flat {
			all = append(all, []classified{c})
		}
	}
	if len(all) != n {
		return nil, fmt.Errorf("guard: judge answered about %d texts, not %d", len(all), n)
	}
	scores := make([]float64, n)
	for i, labels := range all {
		score, err := j.score(labels)
		if err != nil {
			return nil, err
		}
		scores[i] = score
	}
	return scores, nil
}

// score is the injection score in the labels of one text.
func (j *judge) score(labels []classified) (float64, error) {
	if len(labels) == 0 {
		return 0, errors.New("guard: judge gave no label")
	}
	rest := 0.0
	for _, c := range labels {
		if c.Score == nil || *c.Score < 0 || *c.Score > 1 || c.Label == "" {
			return 0, errors.New("guard: judge gave a label without a score from 0 to 1")
		}
		if slices.Contains(j.labels, strings.ToLower(c.Label)) {
			return *c.Score, nil
		}
		rest = max(rest, *c.Score)
	}
	if len(labels) > 1 {
		return 0, fmt.Errorf("guard: none of the judge's labels is %s", strings.Join(j.labels, ", "))
	}
	return 1 - rest, nil
}
