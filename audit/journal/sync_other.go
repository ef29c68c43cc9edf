//go:build !linux

package journal

func (f osFile) datasync() error { return f.Sync() }
