// Command streams is the part of a kubelet that `kubectl exec` and `kubectl port-forward` talk to, by way of the API
// server: the server of Kubernetes' own container runtime interface, in front of processes of this machine.
//
// -pods DIR has a file NAMESPACE_POD.json for each Pod: {"pid": a process in its network, "containers": {NAME: [what
// to put before a command so that it runs in the container]}}. It is read at each request. Served over TLS, with a
// certificate of its own that nobody checks, on -listen until it is killed.
//
// Paths and parameters: https://pkg.go.dev/k8s.io/kubernetes/pkg/kubelet/server
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

const (
	// idle is how long nothing may be sent. No test takes longer.
	idle = 10 * time.Minute
	// created is how long a client may take to open its streams.
	created = 30 * time.Second
)

// pod is what the file of a Pod says.
type pod struct {
	Pid        int                 `json:"pid"`
	Containers map[string][]string `json:"containers"`
}

// pods knows the Pods by their folder of files. It runs commands in them, and dials their ports.
type pods struct {
	folder string
}

func main() {
	listen := flag.String("listen", "127.0.0.1:10250", "host:port")
	folder := flag.String("pods", "", "folder of the Pods' files")
	flag.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	all := &pods{folder: *folder}
	mux := http.NewServeMux()
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", all.serveExec)
	mux.HandleFunc("/portForward/{namespace}/{pod}", all.servePortForward)
	// It brings a certificate along.
	server := httptest.NewUnstartedServer(mux)
	server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	fmt.Println("ready")
	select {}
}

func (all *pods) serveExec(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	command := r.URL.Query()["command"]
	protocols := remotecommand.SupportedStreamingProtocols
	remotecommand.ServeExec(w, r, all, nameOf(r), "", r.PathValue("container"), command, options, idle, created, protocols)
}

func (all *pods) servePortForward(w http.ResponseWriter, r *http.Request) {
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(w, r, all, nameOf(r), "", options, idle, created, portforward.SupportedProtocols)
}

// nameOf is what the file of the request's Pod is called; neither name can have a slash in it.
func nameOf(r *http.Request) string {
	return r.PathValue("namespace") + "_" + r.PathValue("pod")
}

// ExecInContainer runs a command to its end. A terminal is not to be had.
func (all *pods) ExecInContainer(ctx context.Context, name, _, container string, command []string, stdin io.Reader, stdout, stderr io.WriteCloser, _ bool, _ <-chan remotecommand.TerminalSize, _ time.Duration) error {
	found, err := all.find(name)
	if err != nil {
		return err
	}
	prefix, ok := found.Containers[container]
	if !ok {
		return fmt.Errorf("%s has no container %s", name, container)
	}
	args := append(append([]string{}, prefix...), command...)
	process := exec.CommandContext(ctx, args[0], args[1:]...)
	process.Stdin, process.Stdout, process.Stderr = stdin, stdout, stderr
	err = process.Run()
	if ended, ok := err.(*exec.ExitError); ok {
		return utilexec.CodeExitError{Err: err, Code: ended.ExitCode()}
	}
	return err
}

// PortForward joins a stream and a port of the Pod's own loopback, until either side ends.
func (all *pods) PortForward(ctx context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	found, err := all.find(name)
	if err != nil {
		return err
	}
	connection, err := dialInside(ctx, found.Pid, fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer connection.Close()
	done := make(chan error, 2)
	pass := func(to io.Writer, from io.Reader) {
		_, err := io.Copy(to, from)
		done <- err
	}
	go pass(connection, stream)
	go pass(stream, connection)
	return <-done
}

func (all *pods) find(name string) (*pod, error) {
	text, err := os.ReadFile(filepath.Join(all.folder, name+".json"))
	if err != nil {
		return nil, err
	}
	found := &pod{}
	return found, json.Unmarshal(text, found)
}

// dialInside opens a connection in the network namespace of a process. A socket stays where it was made.
func dialInside(ctx context.Context, pid int, address string) (net.Conn, error) {
	type result struct {
		connection net.Conn
		err        error
	}
	dialled := make(chan result)
	go func() {
		// Never unlocked: the thread ends with the goroutine, and nobody else gets its namespace.
		runtime.LockOSThread()
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			dialled <- result{err: err}
			return
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			dialled <- result{err: err}
			return
		}
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		dialled <- result{connection, err}
	}()
	one := <-dialled
	return one.connection, one.err
}
