package azurite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// listening begins the part of Azurite's output that says so. It is printed
// from the callback of listen, so a connection made after it succeeds.
const listening = "service successfully started"

// maxOutput is how much of Azurite's output is kept for an error message.
const maxOutput = 4 << 10

// process is a running child, the leader of its own process group.
type process struct {
	command *exec.Cmd
	// input stays open for as long as the child is to live.
	input io.Closer
	ready chan struct{}
	done  chan struct{}
	// result is what the child ended with; read it after done is closed.
	result error

	mutex  sync.Mutex
	output strings.Builder
}

// spawn starts program with variables added to this process's environment.
func spawn(ctx context.Context, program string, arguments []string, variables ...string) (*process, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(command.Environ(), variables...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return killGroup(command) }
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		return nil, err
	}
	child := &process{command: command, input: input, ready: make(chan struct{}), done: make(chan struct{})}
	go child.wait(reader, writer)
	return child, nil
}

func (p *process) wait(reader io.Reader, writer io.Closer) {
	var reading sync.WaitGroup
	reading.Go(func() { p.read(reader) })
	p.result = p.command.Wait()
	_ = writer.Close()
	reading.Wait()
	close(p.done)
}

// read takes all output, so that the child never blocks on a full pipe.
func (p *process) read(output io.Reader) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		p.keep(lines.Text())
		if strings.Contains(lines.Text(), listening) {
			close(p.ready)
			break
		}
	}
	_, _ = io.Copy(io.Discard, output)
}

func (p *process) keep(line string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.output.Len()+len(line) < maxOutput {
		p.output.WriteString(line + "\n")
	}
}

func (p *process) waitUntilReady(ctx context.Context) error {
	select {
	case <-p.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
		return p.failure()
	}
}

// failure says why the child ended before it listened.
func (p *process) failure() error {
	p.mutex.Lock()
	output := strings.TrimSpace(p.output.String())
	p.mutex.Unlock()
	if strings.Contains(output, "EADDRINUSE") {
		return fmt.Errorf("%w: %s", syscall.EADDRINUSE, output)
	}
	return fmt.Errorf("it ended with %w: %s", p.result, output)
}

// kill ends the child with all its own children, and returns when it is gone.
// It may be called again.
func (p *process) kill() error {
	select {
	case <-p.done:
		// The number of a process that is gone may be another's by now.
		return nil
	default:
	}
	err := killGroup(p.command)
	<-p.done
	_ = p.input.Close()
	return err
}

func killGroup(command *exec.Cmd) error {
	err := syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
