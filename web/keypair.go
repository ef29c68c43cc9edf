package web

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// keypair serves a certificate and reads it again when its file changes, at
// most once a minute. A broken new one leaves the last good one in place.
type keypair struct {
	cert, key string

	mu      sync.Mutex
	current *tls.Certificate
	stamp   time.Time
	checked time.Time
}

func newKeypair(cert, key string) (*keypair, error) {
	k := &keypair{cert: cert, key: key}
	if err := k.load(); err != nil {
		return nil, err
	}
	return k, nil
}

func (k *keypair) load() error {
	info, err := os.Stat(k.cert)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(k.cert, k.key)
	if err != nil {
		return fmt.Errorf("tls: %w", err)
	}
	k.current, k.stamp, k.checked = &pair, info.ModTime(), time.Now()
	return nil
}

func (k *keypair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.checked) > time.Minute {
		k.checked = time.Now()
		if info, err := os.Stat(k.cert); err == nil && !info.ModTime().Equal(k.stamp) {
			_ = k.load() // the last good pair goes on serving
		}
	}
	return k.current, nil
}
