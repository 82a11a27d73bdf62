package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/procfs"

	"game-session-manager/internal/bench/floor"
)

// The hidden commands of the program that serve as long as their standard input is open, so that no server is left
// behind if this process is killed.
const (
	ServeCommand = "bench-serve"
	FloorCommand = "bench-floor"
)

const (
	// startTimeout bounds how long a server may take to start: a MongoDB server may have to create all indexes.
	startTimeout = 2 * time.Minute
	stopTimeout  = 20 * time.Second
	lookEvery    = 5 * time.Millisecond
)

// child is a server that this process started.
type child struct {
	url      string
	database string
	process  procfs.Proc
	stdin    io.Closer
	exited   chan struct{}
	cmd      *exec.Cmd
	stop     func()
}

// start starts a command with its standard output and its standard error in a file.
func start(cmd *exec.Cmd, log string) (*child, error) {
	f, err := os.Create(log) //nolint:gosec // a file in a folder of this process
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // the child has it
	if cmd.Stdout == nil {
		cmd.Stdout = f
	}
	cmd.Stderr = f
	apart(cmd)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, stdin: stdin, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended does not matter
		close(c.exited)
	}()
	c.stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		select {
		case <-c.exited:
		case <-time.After(stopTimeout):
			_ = cmd.Process.Kill()
			<-c.exited
		}
	})
	c.process, _ = procfs.NewProc(cmd.Process.Pid) // there is none on other systems than Linux
	return c, nil
}

// command returns this program with arguments. It ends by [child.stop], so that what is stored can be looked at after
// an interruption.
func command(program string, args ...string) *exec.Cmd {
	return exec.Command(program, args...) //nolint:gosec,noctx // see above
}

// startServer starts a gsm and waits until it is ready.
func startServer(ctx context.Context, program, database, dir string) (*child, error) {
	// Its other settings are those of the environment, so that they can be measured too.
	cmd := command(program, ServeCommand, "--http-addr=127.0.0.1:0", "--ops-addr=127.0.0.1:0", "--auth=off",
		"--tls-cert=", "--tls-key=", "--cors-origins=", "--log-format=json", "--log-level=info")
	// By the environment, because the URL may have a password, and other users of the machine can see flags.
	cmd.Env = append(os.Environ(), "GSM_DATABASE_URL="+database)
	log := filepath.Join(dir, "log")
	c, err := start(cmd, log)
	if err != nil {
		return nil, fmt.Errorf("starting a server: %w", err)
	}
	c.database = database
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if address, ok := listening(log); ok {
			c.url = "http://" + address
			return c, nil
		}
		select {
		case <-c.exited:
			return nil, fmt.Errorf("the server does not start: %s", lastWords(log))
		case <-ctx.Done():
			c.stop()
			return nil, fmt.Errorf("the server does not start within %v: %s", startTimeout, lastWords(log))
		case <-time.After(lookEvery):
		}
	}
}

// listening returns the address of the API, once the server has logged that it has started.
func listening(log string) (address string, ok bool) {
	f, err := os.Open(log) //nolint:gosec // a file in a folder of this process
	if err != nil {
		return "", false
	}
	defer func() { _ = f.Close() }() // it is read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line struct{ Msg, Listener, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "listening" && line.Listener == "api" {
			return line.Address, true
		}
	}
	return "", false
}

// lastWords returns the end of a log.
func lastWords(log string) string {
	const most = 1000
	text, err := os.ReadFile(log) //nolint:gosec // a file in a folder of this process
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(bytes.ToValidUTF8(text[max(0, len(text)-most):], nil)))
}

// ownDatabase reports whether the server's database is in a folder.
func (c *child) ownDatabase(dir string) bool { return strings.HasPrefix(c.database, "sqlite:"+dir) }

// startFloor starts a bare server, which reads its configuration and prints its address.
func startFloor(ctx context.Context, program, log string, config floor.Config) (*child, error) {
	cmd := command(program, FloorCommand)
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }() // it is read only
	cmd.Stdout = writer
	c, err := start(cmd, log)
	_ = writer.Close() // the child has it
	if err != nil {
		return nil, err
	}
	pipe, ok := c.stdin.(io.Writer)
	if !ok {
		c.stop()
		return nil, errors.New("the standard input of a child is not open")
	}
	line := make(chan string, 1)
	go func() {
		defer close(line)
		if text, err := bufio.NewReader(reader).ReadString('\n'); err == nil {
			line <- strings.TrimSpace(text)
		}
	}()
	err = json.NewEncoder(pipe).Encode(config)
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case address := <-line:
		if address != "" && err == nil {
			c.url = "http://" + address
			return c, nil
		}
	case <-ctx.Done():
	}
	c.stop()
	return nil, fmt.Errorf("the bare server does not start: %s", lastWords(log))
}
