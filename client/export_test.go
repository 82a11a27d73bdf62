package client

import "time"

// Forget lets the keys be fetched again at once.
func (k *JWKS) Forget() {
	k.fetching <- struct{}{}
	defer k.end()
	k.fetched = time.Time{}
}
