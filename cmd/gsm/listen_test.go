package main

import (
	"net"
	"testing"

	"game-session-manager/internal/config"
)

// The address that a listener got decides whether it is loopback, not how the configuration spells it.
func TestListenLooksAtTheAddress(t *testing.T) {
	t.Parallel()
	const everywhere, here = "0.0.0.0:0", "127.0.0.1:0"
	for _, test := range []struct {
		name   string
		server config.Server
		good   bool
	}{
		{"loopback", config.Server{HTTPAddr: here, OpsAddr: here, Auth: "off"}, true},
		{"the API", config.Server{HTTPAddr: everywhere, OpsAddr: here, Auth: "off"}, false},
		{"the API with authentication", config.Server{HTTPAddr: everywhere, OpsAddr: here, Auth: "on"}, true},
		{"ops", config.Server{HTTPAddr: here, OpsAddr: everywhere, Auth: "on"}, false},
		{"ops with a guard", config.Server{HTTPAddr: here, OpsAddr: everywhere, Auth: "off", OpsPublic: true}, true},
	} {
		c := serveCmd{Server: test.server} // not validated
		api, ops, err := c.listen(t.Context())
		if (err == nil) != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
		if err != nil {
			if exitCode(err) != exitUsage || api != nil || ops != nil {
				t.Errorf("%s: got %v, %v and %v", test.name, api, ops, err)
			}
			continue
		}
		for _, l := range []net.Listener{api, ops} {
			closeQuietly(l)
		}
	}
}
