// Command handler is Chatgate: the custom handler of an Azure Functions app
// that hands out Direct Line tokens and keeps the transcripts of a web chat.
//
// It listens on 127.0.0.1 at the port that the Functions host names in
// FUNCTIONS_CUSTOMHANDLER_PORT, takes all settings from the environment and
// writes one JSON object a line to stdout. It exits with 0 only when asked to
// stop (older hosts never restart a handler that exited so), with 2 when the
// settings are wrong and with 1 on any other failure.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"chatgate/internal/settings"
)

// Exit codes other than 0.
const (
	exitFailure  = 1
	exitSettings = 2
)

func main() {
	tuneCollector(os.Environ())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Environ(), os.Stdout)
	stop()
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	var invalid *settings.InvalidError
	if errors.As(err, &invalid) {
		os.Exit(exitSettings)
	}
	os.Exit(exitFailure)
}

// run serves until ctx ends. environ has the form of os.Environ: the settings
// name assistants in the middle of their names, so looking names up would not do.
func run(ctx context.Context, environ []string, stdout io.Writer) error {
	config, err := settings.Load(environ)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: config.LogLevel}))
	for _, warning := range config.Warnings() {
		logger.Warn("this setting may be a mistake", "setting", warning.Setting, "what", warning.What)
	}
	protectMemory(config, logger)
	app, err := newApp(config, logger)
	if err != nil {
		return err
	}
	defer app.close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(config.Port)))
	if err != nil {
		return fmt.Errorf("opening the port that the host named: %w", err)
	}
	// The host sends requests as soon as the port is open; secrets are read
	// meanwhile.
	go app.warm(ctx)
	return serve(ctx, listener, app.handler, logger)
}

// protectMemory is done before there is a secret in memory. In Development a
// debugger may look. A platform that forbids it is no reason to serve nobody.
func protectMemory(config settings.Settings, logger *slog.Logger) {
	if config.Development {
		return
	}
	if err := denyDumps(); err != nil {
		logger.Warn("core dumps may show secrets", "cause", err.Error())
	}
}

// Time-outs of the server. Writing has none: how long an answer takes is bounded
// by each function's own deadline.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 3 * time.Minute
	shutdownTimeout   = 10 * time.Second
)

func serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	logger.Info("stopping", "cause", context.Cause(ctx).Error())
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(stopping); err != nil {
		return fmt.Errorf("waiting for the calls in flight: %w", err)
	}
	return nil
}
