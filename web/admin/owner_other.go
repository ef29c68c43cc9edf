//go:build !unix

package admin

import "io/fs"

// ofAnother is false: who may read a file is not in its mode here.
func ofAnother(fs.FileInfo) bool { return false }
