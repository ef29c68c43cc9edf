//go:build !linux

package server

import "net/http"

// peerUser knows nobody here: the person shows that they read the gateway's log.
func peerUser(*http.Request) (uid int, ok bool) { return 0, false }
