package functionshost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	readyPolling = 25 * time.Millisecond // as in the host (WorkerConstants)
	pipeDrain    = time.Second           // for output that outlives the process
	// maxIdleConnections keeps the connections of a burst; the default of 2 would
	// leave thousands of sockets in TIME_WAIT.
	maxIdleConnections = 256
)

// Why a worker was ended by the host rather than by itself.
var (
	errStopped = errors.New("stopped with the host")
	errKilled  = errors.New("killed by a test")
	errTimeout = errors.New("killed after functionTimeout")
	errUnready = errors.New("killed: it did not answer on its port within initializationTimeout")
)

// worker is one life of the handler process.
type worker struct {
	command   *exec.Cmd
	address   string
	transport *http.Transport
	ready     chan struct{} // closed once the handler answers
	leaving   chan struct{} // closed when the process is, or is about to be, gone
	exited    chan struct{} // closed when the process is gone and its output read
	leave     sync.Once     // closes leaving

	mu     sync.Mutex
	reaped bool
	cause  error // why the host ended it; nil: it ended by itself
}

// startWorker starts the handler on a free port. Its output goes to output line
// by line.
func startWorker(ctx context.Context, config *hostConfig, environ []string, output *output) (*worker, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	command := exec.Command(config.executable, config.arguments...) //nolint:noctx // its life is the supervisor's to end, with its process group
	command.Dir = config.workingDirectory
	command.Env = slices.Concat(environ, []string{
		"FUNCTIONS_CUSTOMHANDLER_PORT=" + strconv.Itoa(port),
		"FUNCTIONS_HTTPWORKER_PORT=" + strconv.Itoa(port),
	})
	isolate(command)
	started := &worker{
		command:   command,
		address:   net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: maxIdleConnections, IdleConnTimeout: time.Minute},
		ready:     make(chan struct{}),
		leaving:   make(chan struct{}),
		exited:    make(chan struct{}),
	}
	drained, err := started.start(output)
	if err != nil {
		return nil, err
	}
	go started.reap(drained)
	go started.awaitReady(config.initializationTimeout)
	return started, nil
}

// freePort returns a port that was free a moment ago, as the host finds one.
func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port for the handler: %w", err)
	}
	defer func() { _ = listener.Close() }()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, errors.New("finding a free port for the handler: not TCP")
	}
	return address.Port, nil
}

// start starts the process and the reading of its output. drained waits for the
// output's end, but not much longer than the process lives.
func (w *worker) start(output *output) (drained func(), err error) {
	stdout, stdoutWriter, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe for the handler's output: %w", err)
	}
	stderr, stderrWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a pipe for the handler's output: %w", err), stdout.Close(), stdoutWriter.Close())
	}
	w.command.Stdout, w.command.Stderr = stdoutWriter, stderrWriter
	startErr := w.command.Start()
	closeErr := errors.Join(stdoutWriter.Close(), stderrWriter.Close())
	if startErr != nil {
		return nil, errors.Join(fmt.Errorf("starting the handler: %w", startErr), closeErr, stdout.Close(), stderr.Close())
	}
	var readers sync.WaitGroup
	readers.Go(func() { output.readStdout(stdout) })
	readers.Go(func() { output.readStderr(stderr) })
	return func() {
		deadline := time.Now().Add(pipeDrain)
		_, _ = stdout.SetReadDeadline(deadline), stderr.SetReadDeadline(deadline)
		readers.Wait()
		_, _ = stdout.Close(), stderr.Close()
	}, nil
}

// reap waits for the end of the process and of all that it started.
func (w *worker) reap(drained func()) {
	_ = w.command.Wait()
	w.mu.Lock()
	w.reaped = true
	w.mu.Unlock()
	w.leave.Do(func() { close(w.leaving) })
	killAll(w.command.Process)
	drained()
	w.transport.CloseIdleConnections()
	close(w.exited)
}

// awaitReady asks for / until there is an answer. Any answer will do, as will any
// failure but that of the connection.
func (w *worker) awaitReady(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	ticker := time.NewTicker(readyPolling)
	defer ticker.Stop()
	for !w.answers(ctx) {
		select {
		case <-ticker.C:
		case <-w.exited:
			return
		case <-ctx.Done():
			w.kill(errUnready)
			return
		}
	}
	close(w.ready)
}

func (w *worker) answers(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.address+"/", nil)
	if err != nil {
		return false
	}
	response, err := w.transport.RoundTrip(request)
	if err == nil {
		_ = response.Body.Close()
		return true
	}
	var failed *net.OpError
	unconnected := errors.As(err, &failed) && failed.Op == "dial"
	return !unconnected && ctx.Err() == nil
}

// kill ends the process by SIGKILL: the host asks nobody. The first cause counts.
func (w *worker) kill(cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reaped {
		return
	}
	if w.cause == nil {
		w.cause = cause
	}
	w.leave.Do(func() { close(w.leaving) })
	killAll(w.command.Process)
}

// ending says how the process ended; it has.
func (w *worker) ending() (code int, how string, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.command.ProcessState.ExitCode(), w.command.ProcessState.String(), w.cause
}
