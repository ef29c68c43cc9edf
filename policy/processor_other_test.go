//go:build !unix

package policy

import "time"

func processorTime() time.Duration { return 0 }
