package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// program is how a process is started. All of them take the port as the
// Functions host gives it.
type program struct {
	path string
	args []string
	env  []string
}

// process is a running program that answers HTTP at address.
type process struct {
	command *exec.Cmd
	address string
	started time.Time
}

// spawn starts p on a free port; it may not listen yet.
func spawn(ctx context.Context, p program) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("reading the address of a free port: %w", err)
	}
	command := exec.CommandContext(ctx, p.path, p.args...) //nolint:gosec // the programs that are measured
	command.Env = slices.Concat(p.env, []string{"FUNCTIONS_CUSTOMHANDLER_PORT=" + port})
	command.Stderr = os.Stderr
	started := time.Now()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting a program: %w", err)
	}
	return &process{command: command, address: address, started: started}, nil
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// launch starts p and waits until it answers.
func launch(ctx context.Context, p program) (*process, error) {
	process, err := spawn(ctx, p)
	if err != nil {
		return nil, err
	}
	if _, err := process.until200(ctx, getRoot()); err != nil {
		return nil, errors.Join(err, process.kill())
	}
	return process, nil
}

// between two attempts to reach a process that starts. It is slept by the
// system call: the runtime's timers are a millisecond apart when all is idle.
const between = 100 * time.Microsecond

// until200 sends request until it is answered with 200, and tells how long after
// the start that was.
func (p *process) until200(ctx context.Context, request []byte) (time.Duration, error) {
	for ctx.Err() == nil {
		if client, err := dial(ctx, p.address); err == nil {
			status, err := client.do(request)
			_ = client.connection.Close() // nothing is lost by it
			if err == nil && status == http.StatusOK {
				return time.Since(p.started), nil
			}
		}
		if time.Since(p.started) > time.Minute {
			return 0, errors.New("no answer of 200 within a minute")
		}
		pause := syscall.NsecToTimespec(between.Nanoseconds())
		_ = syscall.Nanosleep(&pause, nil) // shorter is fine
	}
	return 0, fmt.Errorf("waiting for the first answer: %w", ctx.Err())
}

// kill ends the process, and waits for it.
func (p *process) kill() error {
	if err := p.command.Process.Kill(); err != nil {
		return fmt.Errorf("ending a program: %w", err)
	}
	_ = p.command.Wait() // says that it was killed
	return nil
}

// memory is a line of /proc/<pid>/status in MiB: VmRSS is what the process has in
// memory, VmHWM the most that it ever had.
func (p *process) memory(line string) (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading a process's memory, which needs Linux: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		value, found := strings.CutPrefix(scanner.Text(), line+":")
		if !found {
			continue
		}
		kibibytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 64)
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", line, err)
		}
		return kibibytes / 1024, nil
	}
	return 0, fmt.Errorf("the status of the process has no line %s", line)
}

// processorTime is how long the process has kept a processor busy, in
// milliseconds. Unlike the time of a call it hardly depends on what else the
// machine does.
func (p *process) processorTime() (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading a process's times, which needs Linux: %w", err)
	}
	// The name of the program, in parentheses, may hold spaces.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	const user, system = 11, 12 // counted from the state, see proc_pid_stat(5)
	if len(fields) <= system {
		return 0, errors.New("the times of a process are missing")
	}
	total := 0.0
	for _, field := range []string{fields[user], fields[system]} {
		ticks, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, fmt.Errorf("reading a process's times: %w", err)
		}
		total += ticks * 10 // USER_HZ is 100 wherever Go runs
	}
	return total, nil
}
