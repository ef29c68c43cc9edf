package gateway

import (
	"bytes"
	"slices"
	"sync"
)

// Task is what is known of a task: the call that made it. A task outlives that
// call, and what is said of it later (status, result, questions) is judged with
// the call's tool and arguments. It is safe for concurrent use.
type Task struct {
	Args Args // of the call that made it

	mu        sync.Mutex
	questions []taskQuestion // of the latest answer that held any
}

// taskQuestion is a question that was judged once: an agent polls, and is shown
// it each time.
type taskQuestion struct {
	Question
	asked []byte // the params as the upstream wrote them
}

// known returns the question as the agent was shown it before.
func (t *Task) known(q Question) (Question, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.questions, func(k taskQuestion) bool {
		return k.Key == q.Key && k.Method == q.Method && bytes.Equal(k.asked, q.Params)
	})
	if i < 0 {
		return Question{}, false
	}
	return t.questions[i].Question, true
}

// ask replaces what is asked.
func (t *Task) ask(questions []taskQuestion) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.questions = questions
}

func (t *Task) asked() []Question {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Question, len(t.questions))
	for i := range t.questions {
		all[i] = t.questions[i].Question
	}
	return all
}
