package client

import "time"

// Forget lets the keys be fetched again at once.
func (k *JWKS) Forget() {
	k.turn.Lock()
	defer k.turn.Unlock()
	k.fetched = time.Time{}
}
