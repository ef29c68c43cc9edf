package gateway

import (
	"context"
	"runtime"
	"sync"
)

// manyBytes is from how many bytes on a body waits for its turn to be read by guard.
const manyBytes = 16 << 10

// turns lets guard read as many large bodies at once as there are processors. Reading
// is computing and nothing else, so none of them is done later for it, and what it
// takes besides, some times the body, is not held for all of them: 64 callers with 64
// KiB each took a third more of the processor than one, for memory that is in no
// cache. Small bodies never wait.
type turns struct {
	once sync.Once
	free chan struct{}
}

// take waits for a turn, and returns how to end it. Who is stopped meanwhile waits no
// longer: guard looks at ctx itself.
func (t *turns) take(ctx context.Context, size int) (end func()) {
	if size < manyBytes {
		return func() {}
	}
	t.once.Do(func() { t.free = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	select {
	case t.free <- struct{}{}:
		return func() { <-t.free }
	case <-ctx.Done():
		return func() {}
	}
}

// scanRequest is guard on a request.
func (r *Road) scanRequest(ctx context.Context, c *Call) (Report, error) {
	return timed(&c.Stages.Guard, func() (Report, error) {
		defer r.turns.take(ctx, len(c.Args.Raw()))()
		return r.guardOf(c).Request(ctx, c)
	})
}

// scanResult is guard on a result.
func (r *Road) scanResult(ctx context.Context, c *Call) (Report, error) {
	return timed(&c.Stages.Guard, func() (Report, error) {
		defer r.turns.take(ctx, len(c.Result.Bytes()))()
		return r.guardOf(c).Result(ctx, c)
	})
}
