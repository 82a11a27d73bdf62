//go:build unix

package bench

import (
	"os/exec"
	"syscall"
)

// apart puts a child into a group of its own, so that Ctrl-C, which a terminal sends to all processes of a group, does
// not end the server before the run has looked at what it stored.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
