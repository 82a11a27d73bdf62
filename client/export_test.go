package client

import "time"

// Forget lets the keys be fetched again at once.
func (k *JWKS) Forget() {
	k.fetching.Lock()
	defer k.fetching.Unlock()
	k.fetched = time.Time{}
}
