package system_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is the packaged handler, running by itself as under the host: with
// the app's settings and a port, and nothing else, in its environment.
type process struct {
	*app

	port    string
	command *exec.Cmd
	exited  chan struct{} // closed when it is gone and its output is read
}

// startHandler starts the handler and returns when its port is open. It ends with
// the test.
func (s *System) startHandler(t *testing.T) *process {
	t.Helper()
	p := s.launch(t, freePort(t))
	for !p.awaitPort(t) {
		p = s.launch(t, freePort(t))
	}
	t.Cleanup(func() { p.checkOutput(t) })
	t.Cleanup(func() { p.signal(t, syscall.SIGKILL) })
	return p
}

// launch starts the handler on a port, whether it stays or not.
func (s *System) launch(t *testing.T, port string) *process {
	t.Helper()
	p := &process{
		app:    newApp(t, s, "http://"+net.JoinHostPort("127.0.0.1", port)),
		port:   port,
		exited: make(chan struct{}),
	}
	p.command = exec.Command(filepath.Join(shared.dist, "handler"))
	p.command.Env = slices.Concat(s.settings, []string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port})
	p.command.Stdout, p.command.Stderr = p.stdout, p.stderr
	p.command.SysProcAttr = tied()
	started := make(chan error, 1)
	go p.live(started)
	if err := <-started; err != nil {
		t.Fatalf("starting the handler: %v", err)
	}
	return p
}

// live starts the process and waits for its end, on one thread: see tied.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.exited)
	err := p.command.Start()
	started <- err
	if err == nil {
		_ = p.command.Wait() // the exit code is read by who wants it
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// awaitPort asks as the host does: any answer means that the handler is ready. It
// reports false where somebody else has taken the port in the meantime.
func (p *process) awaitPort(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := p.try(ctx, request{method: http.MethodGet, path: "/"})
		if err == nil {
			return true
		}
		select {
		case <-tick.C:
		case <-p.exited:
			if strings.Contains(p.stderr.String()+p.stdout.String(), "address already in use") {
				return false
			}
			t.Fatalf("the handler ended at once: %s%s", p.stderr, p.stdout)
		case <-ctx.Done():
			p.signal(t, syscall.SIGKILL)
			t.Fatalf("the handler does not answer: %v", err)
		}
	}
}

// signal sends a signal that ends the handler, and returns when it is gone. It
// may be called again.
func (p *process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	select {
	case <-p.exited:
		return
	default:
	}
	if err := p.command.Process.Signal(signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Logf("signalling the handler: %v", err)
	}
	p.awaitExit(t)
}

// awaitExit waits for the handler's end and returns its exit code; -1 for a
// signal.
func (p *process) awaitExit(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.command.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatal("the handler does not end")
		return 0
	}
}
