// Package functionshost stands for the Azure Functions host (version 4) that runs
// a custom handler: it reads the script root that would be deployed, starts the
// handler, passes HTTP requests to it, invokes it with what queues hold and fires
// its timers.
//
// It follows the source of azure-functions-host and of the Service Bus and timer
// extensions in what a handler can see of them: the environment, the readiness check, the
// restarts, the encoding of values, the evaluation of answers, the settling of
// whole batches, when timers fire. What is declared wrongly, so that Azure would
// ignore or refuse it, is an error of [Start] that names it.
package functionshost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"chatgate/internal/standin/bus"
)

// Host is a running host. It may be used by several goroutines at once.
type Host struct {
	script     *script
	router     *router
	supervisor *supervisor
	bus        *bus.Bus
	logger     *slog.Logger
	local      http.Handler
	observe    func(Invocation)
	now        func() time.Time

	contentLength bool
	forwarding    bool
	functionKey   string
	development   bool

	monitor *monitor
	fireNow chan *function // asked for through the management API

	address    net.Addr
	server     *http.Server
	background sync.WaitGroup // pumps, timers, the server, the supervisor
	serving    serving
	cancel     context.CancelFunc
	stop       chan struct{}
	stopOnce   sync.Once
	done       chan struct{}

	mu     sync.Mutex
	faults map[string][]Fault
	counts map[string]Counts
	err    error // why the host ended
}

// Start reads the script root, starts the handler and returns when it is ready.
// The host runs until ctx ends, the handler has failed three times, or Close.
func Start(ctx context.Context, options Options) (*Host, error) {
	host, err := newHost(options)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the host: %w", err), closeListener(options.Listener))
	}
	listener, err := open(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("starting the host: %w", err)
	}
	host.address = listener.Addr()
	running, cancel := context.WithCancel(ctx)
	host.cancel = cancel
	host.background.Go(func() { host.supervisor.run(running) })
	if _, err := host.supervisor.acquire(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the host: %w", err), host.Close(), listener.Close())
	}
	host.listen(running, listener)
	return host, nil
}

// newHost reads and checks everything and starts nothing.
func newHost(options Options) (*Host, error) {
	env := newSettings(options.Env)
	loaded, err := loadScript(options.Dir, env)
	if err != nil {
		return nil, err
	}
	loaded.host.functionTimeout = cmp.Or(options.FunctionTimeout, loaded.host.functionTimeout)
	loaded.host.initializationTimeout = cmp.Or(options.InitializationTimeout, loaded.host.initializationTimeout)
	table, err := newRouter(loaded)
	if err != nil {
		return nil, err
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	for i := range loaded.functions {
		loaded.functions[i].decideMonitoring(options.Now())
	}
	host := &Host{
		script: loaded, router: table, bus: options.Bus, local: options.Local, observe: options.Observe, now: options.Now,
		logger:        newLogger(options),
		contentLength: options.ContentLength, forwarding: options.Forwarding, functionKey: options.FunctionKey,
		development: strings.EqualFold(env["AZURE_FUNCTIONS_ENVIRONMENT"], "Development"),
		monitor:     newMonitor(options.Timers), fireNow: make(chan *function),
		stop: make(chan struct{}), done: make(chan struct{}),
		faults: map[string][]Fault{}, counts: map[string]Counts{},
	}
	host.supervisor = &supervisor{
		config: &loaded.host, environ: options.Env, logger: host.logger, now: options.Now, stop: host.stop,
		output:  &output{logger: host.logger},
		changed: make(chan struct{}), finished: make(chan struct{}),
	}
	return host, host.checkQueues()
}

// checkQueues makes sure that each queue exists that a function is bound to.
func (h *Host) checkQueues() error {
	var problems []error
	for i := range h.script.functions {
		f := &h.script.functions[i]
		for _, b := range f.queueBindings() {
			if h.bus == nil {
				problems = append(problems, fmt.Errorf("function %s: binding %s: there is no bus", f.name, b.Name))
			} else if _, err := h.bus.Queue(b.QueueName); err != nil {
				problems = append(problems, fmt.Errorf("function %s: binding %s: %w", f.name, b.Name, err))
			}
		}
	}
	return errors.Join(problems...)
}

// open opens the port that requests come to. Only loopback will do, since nobody
// is asked who they are.
func open(ctx context.Context, options Options) (net.Listener, error) {
	listener := options.Listener
	if listener == nil {
		opened, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cmp.Or(options.Listen, "127.0.0.1:0"))
		if err != nil {
			return nil, fmt.Errorf("opening the port: %w", err)
		}
		listener = opened
	}
	if address, ok := listener.Addr().(*net.TCPAddr); !ok || !address.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("%s is not a loopback address", listener.Addr()), listener.Close())
	}
	return listener, nil
}

func closeListener(listener net.Listener) error {
	if listener == nil {
		return nil
	}
	return listener.Close()
}

// listen starts to serve requests, queues and timers.
func (h *Host) listen(ctx context.Context, listener net.Listener) {
	h.server = &http.Server{
		Handler:           h.serving.wrap(http.HandlerFunc(h.serve)),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          slog.NewLogLogger(h.logger.Handler(), slog.LevelDebug),
	}
	h.background.Go(func() { _ = h.server.Serve(listener) }) // ends with the server's closing
	h.background.Go(func() { h.attend(ctx) })
	for i := range h.script.functions {
		f := &h.script.functions[i]
		switch f.trigger.Type {
		case typeServiceBusTrigger:
			queue, err := h.bus.Queue(f.trigger.QueueName)
			if err == nil { // checked before
				h.background.Go(func() { h.pump(ctx, f, queue) })
			}
		case typeTimerTrigger:
			h.background.Go(func() { h.timerOf(f).run(ctx) })
		}
	}
	go h.watch(ctx)
}

// watch ends the host when ctx ends or when there is no handler any more. A
// handler that exited with code 0 leaves the host running, as in Azure.
func (h *Host) watch(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-h.stop:
	case <-h.supervisor.finished:
		if errors.Is(h.supervisor.failure(), ErrHandlerExited) {
			select {
			case <-ctx.Done():
			case <-h.stop:
			}
		}
	}
	h.end()
	close(h.done)
}

// end stops everything: the handler by SIGKILL, requests by cutting their
// connections.
func (h *Host) end() {
	if err := h.supervisor.failure(); err != nil && !errors.Is(err, ErrClosed) {
		h.mu.Lock()
		h.err = err
		h.mu.Unlock()
	}
	h.stopOnce.Do(func() { close(h.stop) })
	h.cancel()
	<-h.supervisor.finished
	if h.server != nil {
		_ = h.server.Close()
	}
	h.serving.wait()
	h.background.Wait()
}

// URL returns the address of the host, without a trailing slash.
func (h *Host) URL() string {
	return (&url.URL{Scheme: "http", Host: h.address.String()}).String()
}

// Done is closed when the host has ended.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err says why the host ended by itself, with [ErrStrikes] in its chain; nil: it
// did not. A handler that exited with code 0 shows as [ErrHandlerExited] once the
// host has been stopped.
func (h *Host) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// Close ends the host and waits until the handler, and whatever it has started,
// is gone. It is safe to repeat.
func (h *Host) Close() error {
	h.stopOnce.Do(func() { close(h.stop) })
	if h.server == nil { // Start did not come to an end
		h.end()
		return nil
	}
	<-h.done
	return nil
}

// HandlerURL waits for the handler to be ready and returns its address, for calls
// that leave the host out.
func (h *Host) HandlerURL(ctx context.Context) (string, error) {
	current, err := h.supervisor.acquire(ctx)
	if err != nil {
		return "", err
	}
	return "http://" + current.address, nil
}

// HandlerPID waits for the handler to be ready and returns its process id.
func (h *Host) HandlerPID(ctx context.Context) (int, error) {
	current, err := h.supervisor.acquire(ctx)
	if err != nil {
		return 0, err
	}
	return current.command.Process.Pid, nil
}

// KillHandler ends the handler by SIGKILL, as the loss of an instance does. It is
// started anew, and this does not count as its failure.
func (h *Host) KillHandler() { h.supervisor.kill(errKilled) }

// Starts is how often the handler has been started.
func (h *Host) Starts() int {
	h.supervisor.mu.Lock()
	defer h.supervisor.mu.Unlock()
	return h.supervisor.starts
}

// Counts returns what has become of a function's invocations.
func (h *Host) Counts(function string) Counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.counts[function]
}
