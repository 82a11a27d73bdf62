package check

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// recording forwards commands to a server, except those for which it has recorded responses: of the primary of three
// MongoDB members, recorded by Percona for the tests of its exporter.
type recording struct {
	server  string
	answers map[string][]byte // BSON, by command name
}

const (
	headerSize = 16   // of MongoDB's wire protocol: length, id, id of the request, opcode
	opMsg      = 2013 // the opcode of commands
)

// newRecording returns a URL that leads to the server through a recording.
func newRecording(t *testing.T, to, file string) string {
	t.Helper()
	r := &recording{answers: readRecording(t, file)}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatalf("%s is no URL", uriEnv) // not the value, which may have a password
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.server, u.Host = u.Host, listener.Addr().String()
	q := u.Query()
	q.Del("replicaSet")
	q.Set("directConnection", "true")
	u.RawQuery = q.Encode()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.serve(c) })
		}
	})
	t.Cleanup(func() { // after the exporter, which was started later, has ended and closed its connections
		_ = listener.Close()
		serving.Wait()
	})
	return u.String()
}

func readRecording(t *testing.T, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var data map[string]any
	if err := d.Decode(&data); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	status, ok := data["replSetGetStatus"].(map[string]any)
	if !ok {
		t.Fatalf("%s has no replSetGetStatus", file)
	}
	diagnostics := map[string]any{"data": maps.Clone(data), "ok": 1}
	status = maps.Clone(status)
	delete(status, "start") // set by the diagnostics, not by the command
	delete(status, "end")
	answers := map[string][]byte{}
	for name, answer := range map[string]any{"getDiagnosticData": diagnostics, "replSetGetStatus": status} {
		if answers[name], err = bson.Marshal(typed(answer)); err != nil {
			t.Fatalf("%s: %s: %v", file, name, err)
		}
	}
	return answers
}

// typed restores the types of numbers and times, which JSON does not keep.
func typed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			v[name] = typed(v[name])
		}
	case []any:
		for i := range v {
			v[i] = typed(v[i])
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, _ := v.Float64()
		return n
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return at
		}
	}
	return v
}

// serve forwards messages until one side closes.
func (r *recording) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var writing sync.Mutex // to the client
	var answering sync.WaitGroup
	defer answering.Wait()
	answering.Go(func() {
		defer func() { _ = client.Close() }()
		for {
			message, err := readMessage(server)
			if err != nil || write(&writing, client, message) != nil {
				return
			}
		}
	})
	for {
		message, err := readMessage(client)
		if err != nil {
			_ = server.Close()
			return
		}
		if answer := r.answer(message); answer != nil {
			err = write(&writing, client, answer)
		} else {
			_, err = server.Write(message)
		}
		if err != nil {
			_ = server.Close()
			return
		}
	}
}

func write(mu *sync.Mutex, to io.Writer, message []byte) error {
	mu.Lock()
	defer mu.Unlock()
	_, err := to.Write(message)
	return err
}

func readMessage(from io.Reader) ([]byte, error) {
	header := make([]byte, headerSize)
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(header)
	if size < headerSize || size > 48<<20 { // limit of the protocol
		return nil, fmt.Errorf("a message of %d bytes", size)
	}
	message := append(header, make([]byte, size-headerSize)...)
	_, err := io.ReadFull(from, message[headerSize:])
	return message, err
}

// answer returns the recorded response to a command, or nil. The command's name is the first key of its document,
// after the flags and the kind of the section.
func (r *recording) answer(message []byte) []byte {
	const begin = headerSize + 4 + 1
	if len(message) < begin || binary.LittleEndian.Uint32(message[12:]) != opMsg || message[begin-1] != 0 {
		return nil
	}
	first, err := bson.Raw(message[begin:]).IndexErr(0)
	if err != nil {
		return nil
	}
	document, ok := r.answers[first.Key()]
	if !ok {
		return nil
	}
	answer := make([]byte, begin, begin+len(document))
	binary.LittleEndian.PutUint32(answer, uint32(begin+len(document)))
	copy(answer[8:], message[4:8])
	binary.LittleEndian.PutUint32(answer[12:], opMsg)
	return append(answer, document...)
}
