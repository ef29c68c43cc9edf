//go:build e2e

package lab

// Beside runs f beside the test. What it returns comes on the channel, which is closed
// after it: where f ends its goroutine instead of returning, as Fatal does, whoever
// waits for it gets a zero value in a test that has failed, and does not wait for ever.
func Beside[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() {
		defer close(done)
		done <- f()
	}()
	return done
}
