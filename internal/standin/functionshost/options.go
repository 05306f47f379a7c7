package functionshost

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"chatgate/internal/standin/bus"
)

// Options say what to run, and how.
type Options struct {
	// Dir is the script root, dist.
	Dir string
	// Env are the app settings, name=value. The handler gets these, the port, and
	// nothing of this process's environment.
	Env []string
	// Bus holds the queues that functions are bound to; nil: none are.
	Bus *bus.Bus
	// Listener is where requests come in; nil: Listen is opened.
	Listener net.Listener
	// Listen is a loopback address; empty: a port of its own, 127.0.0.1:0.
	Listen string
	// Local answers what lies outside the route prefix; nil: nothing does.
	Local http.Handler
	// Output gets the log for people to read, one line an entry; nil: nobody.
	Output io.Writer
	// Logger gets the log in place of Output. Attribute source is stdout, stderr,
	// function or host.
	Logger *slog.Logger
	// Observe is called after each invocation, by several goroutines at once.
	Observe func(Invocation)
	// FunctionTimeout and InitializationTimeout, if not 0, replace those of
	// host.json.
	FunctionTimeout       time.Duration
	InitializationTimeout time.Duration
	// ContentLength sends invocations with a Content-Length, as Core Tools do; in
	// Azure they are chunked.
	ContentLength bool
	// Forwarding passes requests on as hosts before 2025 do: chunked bodies arrive
	// empty, answers are buffered.
	Forwarding bool
	// FunctionKey opens functions that are not anonymous and, outside of
	// development, POST /admin/functions/<name>, which fires a timer at once; empty:
	// nothing does.
	FunctionKey string
	// Timers is a folder in which the host remembers when timers fire next, so that
	// what it misses while it is down is made up for at its next start; empty: that
	// is forgotten with the host.
	Timers string
	// Now is the clock of restarts and timers; nil: time.Now. Timers sleep in real
	// time.
	Now func() time.Time
}
