package server

import (
	"testing"

	"go.uber.org/goleak"
)

// Every test ends what it began: a goroutine that outlives the package's tests
// fails them.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
