package policy
import "context"
func (e *Engine) watch(ctx context.Context) {}
