package functionshost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

const (
	maxStrikes    = 3
	strikesWindow = 30 * time.Minute
	// restartExitCode is how a worker asks to be started anew
	// (WorkerConstants.IntentionalRestartExitCode).
	restartExitCode = 200
)

// Reasons for which there is no worker any more.
var (
	// ErrHandlerExited means that the handler exited with code 0: hosts take that
	// for its wish and never start it again, so the app is dead.
	ErrHandlerExited = errors.New("the handler exited with code 0 and is not restarted")
	// ErrStrikes means that the handler failed three times within half an hour,
	// upon which the host stops.
	ErrStrikes = errors.New("the handler failed three times within 30 minutes")
	// ErrClosed means that the host was stopped.
	ErrClosed = errors.New("the host is stopped")
)

// supervisor keeps a handler running.
type supervisor struct {
	config  *hostConfig
	environ []string
	output  *output
	logger  *slog.Logger
	now     func() time.Time
	stop    <-chan struct{}

	mu       sync.Mutex
	current  *worker
	starts   int
	strikes  []time.Time
	err      error         // why there will be no other worker
	changed  chan struct{} // closed and replaced when current or err changes
	finished chan struct{} // closed when err is set and the last worker is gone
}

// run starts workers until there is a reason not to. It holds on to its thread:
// on Linux a worker is killed when the thread that started it ends.
func (s *supervisor) run(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.finished)
	for {
		err := s.live(ctx)
		if err == nil {
			continue
		}
		s.mu.Lock()
		s.current, s.err = nil, err
		s.announce()
		s.mu.Unlock()
		return
	}
}

// live is one life of the handler. An error means that it was the last.
func (s *supervisor) live(ctx context.Context) error {
	select {
	case <-s.stop:
		return ErrClosed
	default:
	}
	running, err := startWorker(ctx, s.config, s.environ, s.output)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.current = running
	s.starts++
	s.announce()
	s.mu.Unlock()
	select {
	case <-running.exited:
	case <-s.stop:
		running.kill(errStopped)
		<-running.exited
		return ErrClosed
	}
	return s.judge(running)
}

// judge decides what follows the end of a worker.
func (s *supervisor) judge(ended *worker) error {
	code, how, cause := ended.ending()
	switch {
	case errors.Is(cause, errKilled), errors.Is(cause, errTimeout):
		s.logger.Warn("The handler is started anew.", "source", "host", "cause", cause.Error())
		return nil
	case cause != nil:
		return s.strike(cause)
	case code == 0:
		s.logger.Error("The handler exited with code 0. It is not restarted; the app is dead.", "source", "host")
		return ErrHandlerExited
	case code == restartExitCode:
		s.logger.Info("The handler asked to be started anew.", "source", "host")
		return nil
	default:
		return s.strike(fmt.Errorf("it ended with %s: %s", how, s.output.takeErrors()))
	}
}

// strike counts a failure. The third within the window is the last.
func (s *supervisor) strike(cause error) error {
	s.logger.Error("The handler failed.", "source", "host", "cause", cause.Error())
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if last := len(s.strikes) - 1; last >= 0 && now.Sub(s.strikes[last]) > strikesWindow {
		s.strikes = nil
	}
	s.strikes = append(s.strikes, now)
	if len(s.strikes) >= maxStrikes {
		return fmt.Errorf("%w; at last %w", ErrStrikes, cause)
	}
	return nil
}

// acquire waits for a worker that is ready.
func (s *supervisor) acquire(ctx context.Context) (*worker, error) {
	for {
		s.mu.Lock()
		current, err, changed := s.current, s.err, s.changed
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		var ready, leaving chan struct{}
		if current != nil {
			ready, leaving = current.ready, current.leaving
		}
		select {
		case <-leaving: // and another will follow, or an error
			leaving, ready = nil, nil
		default:
		}
		select {
		case <-ready:
			return current, nil
		case <-leaving:
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the handler: %w", context.Cause(ctx))
		}
	}
}

// failure says why there will be no worker any more; nil: there will.
func (s *supervisor) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// kill ends the current worker, if any.
func (s *supervisor) kill(cause error) {
	s.mu.Lock()
	current := s.current
	s.mu.Unlock()
	if current != nil {
		current.kill(cause)
	}
}

// announce wakes those who wait. s.mu is held.
func (s *supervisor) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}
