//go:build unix

package main

import "syscall"

// diskFree is how many bytes may still be written in a folder, 0 if that is not known.
func diskFree(folder string) float64 {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0
	}
	return float64(s.Bavail) * float64(s.Bsize)
}
