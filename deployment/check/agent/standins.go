package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// crash prints the given lines and exits with a code, like a program that does not run on this kernel.
func crash(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: agent crash CODE [LINE]…")
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for _, line := range args[1:] {
		fmt.Println(line)
	}
	os.Exit(code)
	return nil
}

// chown stands in for the program chown in images that contain only one program.
func chown(args []string) error {
	if len(args) != 2 {
		return errors.New("usage: chown UID:GID PATH")
	}
	var uid, gid int
	if _, err := fmt.Sscanf(args[0], "%d:%d", &uid, &gid); err != nil {
		return err
	}
	return os.Chown(args[1], uid, gid)
}

// grafanaCLI stands in for `grafana cli`. It accepts only the password that Grafana was started with.
func grafanaCLI(args []string, in io.Reader) error {
	if !strings.HasSuffix(strings.Join(args, " "), "admin reset-admin-password --password-from-stdin") {
		return fmt.Errorf("grafana cli %v: a stand-in resets the password alone", args)
	}
	password, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if len(password) == 0 || string(password) != os.Getenv("GF_SECURITY_ADMIN_PASSWORD") {
		return errors.New("the password is not the one that Grafana was started with")
	}
	return nil
}
