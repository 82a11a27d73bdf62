package mongostore_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// fault is what happens to a command.
type fault int

const (
	none        fault = iota
	loseRequest       // the connection breaks before the server receives the command
	failRequest       // the server does not receive the command, and the reply is an internal error
	loseReply         // the server executes the command, and the connection breaks
	failReply         // the server executes the command, and the reply is an internal error
	exceedTime        // the server executes the command, and the reply is that it took longer than it may
	hold              // the server executes the command, and no reply arrives
)

// proxy forwards the commands of a store to its server and injects faults.
type proxy struct {
	url    string
	server string
	closed chan struct{}

	mu     sync.Mutex
	decide func(command, collection string) (fault, func())

	calling sync.Mutex // held while a callback of a test runs
}

// call runs a callback of a test, if it is not nil. After settled, the test may access what the callback has changed.
func (p *proxy) call(f func()) {
	p.calling.Lock()
	defer p.calling.Unlock()
	if f != nil {
		f()
	}
}

func (p *proxy) settled() { p.call(nil) }

// newProxy returns a proxy to the server of a URL.
func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	u, err := url.Parse(to)
	must(t, err)
	p := &proxy{server: u.Host, closed: make(chan struct{})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	u.Host = l.Addr().String()
	q := u.Query()
	q.Del("replicaSet")
	q.Set("directConnection", "true") // otherwise the driver connects to the members of a replica set directly
	u.RawQuery = q.Encode()
	p.url = u.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		close(p.closed)
		_ = l.Close()
		serving.Wait()
	})
	return p
}

// faults sets the faults of the next commands with a name and a collection, one after the other. then, if not nil, is
// called after the first of these commands and before its sender gets the reply.
func (p *proxy) faults(command, collection string, then func(), all ...fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = func(name, about string) (fault, func()) {
		if name != command || about != collection || len(all) == 0 {
			return none, nil
		}
		f, call := all[0], then
		all, then = all[1:], nil
		return f, call
	}
}

// faultsOf sets the faults of all further commands, by name and collection.
func (p *proxy) faultsOf(all map[string]fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = func(name, about string) (fault, func()) { return all[name+" "+about], nil }
}

// watch calls each for every command. If it returns a function, that is called before the sender gets the reply.
func (p *proxy) watch(each func(command, collection string) func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.decide = func(name, about string) (fault, func()) { return none, each(name, about) }
}

func (p *proxy) next(command, collection string) (fault, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.decide == nil {
		return none, nil
	}
	return p.decide(command, collection)
}

// serve forwards one request and its reply at a time, which is how the driver uses a connection.
func (p *proxy) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	s, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	go func() { // ends the loop below at the end of the test
		<-p.closed
		_, _ = s.Close(), c.Close()
	}()
	for {
		request, err := message(c)
		if err != nil {
			return
		}
		f, then := p.next(about(request))
		if f == loseRequest {
			p.call(then)
			return
		}
		if f == failRequest {
			header := slices.Clone(request[:16])
			copy(header[8:12], request[4:8]) // to which request it is the reply
			p.call(then)
			if _, err := c.Write(internalError(header)); err != nil {
				return
			}
			continue
		}
		if _, err := s.Write(request); err != nil {
			return
		}
		for more := true; more; {
			reply, err := message(s)
			if err != nil {
				return
			}
			more = len(reply) > 20 && reply[16]&2 != 0 // flag moreToCome
			p.call(then)
			switch f {
			case none, loseRequest, failRequest:
			case loseReply:
				return
			case hold:
				<-p.closed
				return
			case failReply:
				reply = internalError(reply)
			case exceedTime:
				reply = errorReply(reply, 50, "MaxTimeMSExpired", "operation exceeded time limit")
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}
}

// message reads one message of the wire protocol.
func message(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	m := make([]byte, binary.LittleEndian.Uint32(size[:]))
	copy(m, size[:])
	_, err := io.ReadFull(r, m[4:])
	return m, err
}

// about returns the name of the command in a message, and its collection.
func about(m []byte) (command, collection string) {
	const header, flags, kind = 16, 4, 1
	if len(m) < header+flags+kind+5 || binary.LittleEndian.Uint32(m[12:]) != 2013 { // OP_MSG
		return "", ""
	}
	all, err := bson.Raw(m[header+flags+kind:]).Elements()
	if err != nil || len(all) == 0 {
		return "", ""
	}
	collection, _ = all[0].Value().StringValueOK()
	return all[0].Key(), collection
}

// internalError returns the reply of FerretDB after a crash of its engine.
func internalError(reply []byte) []byte {
	return errorReply(reply, 1, "InternalError", "unexpected EOF")
}

// errorReply returns an error in place of a reply.
func errorReply(reply []byte, code int, name, message string) []byte {
	body, err := bson.Marshal(bson.D{
		{Key: "ok", Value: 0.0},
		{Key: "errmsg", Value: message},
		{Key: "code", Value: code},
		{Key: "codeName", Value: name},
	})
	if err != nil {
		panic(err)
	}
	m := append(append(append([]byte{}, reply[:16]...), 0, 0, 0, 0, 0), body...)
	binary.LittleEndian.PutUint32(m, uint32(len(m)))
	return m
}
