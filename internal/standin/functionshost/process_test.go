package functionshost_test

import (
	"bufio"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/standin/functionshost"
)

var oneFunction = map[string]string{"Ask/function.json": httpFunction("")}

func TestStartWaitsUntilTheHandlerAnswersAnything(t *testing.T) {
	held := make(chan struct{})
	leading := lead(t, nil)
	leading.onStart = func(int) order { <-held; return order{} } // the port is not open yet
	leading.onReady = func() order { return order{Status: 500} } // any answer is one
	started := make(chan *system, 1)
	go func() { started <- startLed(t, oneFunction, leading) }()
	select {
	case <-started:
		t.Fatal("ready before the port was open")
	case <-time.After(4 * 25 * time.Millisecond): // some polls of a refused port
	}
	close(held)
	s := <-started
	if s.Starts() != 1 {
		t.Errorf("%d starts", s.Starts())
	}
}

func TestAHandlerThatNeverAnswersIsKilledAndFailsTheHost(t *testing.T) {
	leading := lead(t, nil)
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	leading.onStart = func(int) order { <-held; return order{} }
	_, err := functionshost.Start(within(t), functionshost.Options{
		Dir: root(t, oneFunction), Env: settings(leading), InitializationTimeout: 50 * time.Millisecond,
	})
	if !errors.Is(err, functionshost.ErrStrikes) || !strings.Contains(err.Error(), "initializationTimeout") {
		t.Errorf("Start = %v", err)
	}
}

func TestAHandlerThatFailsAtStartFailsTheHostWithItsLastWords(t *testing.T) {
	leading := lead(t, nil)
	leading.onStart = func(int) order { return order{Stderr: "setting KEY_VAULT_URI is missing\n", Exit: code(2)} }
	_, err := functionshost.Start(within(t), functionshost.Options{Dir: root(t, oneFunction), Env: settings(leading)})
	if !errors.Is(err, functionshost.ErrStrikes) || !strings.Contains(err.Error(), "setting KEY_VAULT_URI is missing") || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("Start = %v", err)
	}
	if leading.starts != 3 {
		t.Errorf("started %d times, want 3", leading.starts)
	}
}

func TestExitCode0IsNotRestarted(t *testing.T) {
	s := start(t, oneFunction, func(call) order { return order{Exit: code(0)} })
	if response, _ := s.do(t, request{path: "/api/Ask"}); response.StatusCode != http.StatusBadGateway {
		t.Errorf("the call that ended the handler: %d", response.StatusCode)
	}
	if response, _ := s.do(t, request{path: "/api/Ask"}); response.StatusCode < 502 { // 502 while it is dying
		t.Errorf("a call to the dead app: %d", response.StatusCode)
	}
	select {
	case <-s.Done():
		t.Error("the host ended")
	default:
	}
	if s.Starts() != 1 {
		t.Errorf("%d starts, want 1", s.Starts())
	}
}

func TestACrashIsRestartedAtOnceAndTheThirdWithinHalfAnHourIsTheLast(t *testing.T) {
	clock := struct {
		sync.Mutex
		at time.Time
	}{at: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)}
	forward := func(d time.Duration) { clock.Lock(); clock.at = clock.at.Add(d); clock.Unlock() }
	s := start(t, oneFunction, func(c call) order {
		if strings.HasSuffix(c.URI, "crash") {
			return order{Exit: code(1)}
		}
		return order{Body: "fine"}
	}, func(o *functionshost.Options) {
		o.Now = func() time.Time { clock.Lock(); defer clock.Unlock(); return clock.at }
	})
	crashes := 0
	crash := func() {
		s.do(t, request{path: "/api/Ask?crash"})
		crashes++
		s.leader.awaitStart(t, crashes+1)
	}
	crash()
	crash()
	if response, body := s.do(t, request{path: "/api/Ask"}); body != "fine" {
		t.Fatalf("after two crashes: %d %s", response.StatusCode, body)
	}
	forward(31 * time.Minute)
	crash() // the others are forgotten
	crash()
	if _, body := s.do(t, request{path: "/api/Ask"}); body != "fine" {
		t.Fatal("the host stopped too early")
	}
	if response, err := http.Get(s.URL() + "/api/Ask?crash"); err == nil { // or the host is gone first
		response.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	<-s.Done()
	if !errors.Is(s.Err(), functionshost.ErrStrikes) {
		t.Errorf("Err = %v", s.Err())
	}
	if s.Starts() != 5 {
		t.Errorf("%d starts, want 5", s.Starts())
	}
}

func TestAKillFromOutsideIsAFailureAndOneByTheHostIsNot(t *testing.T) {
	s := start(t, oneFunction, func(call) order { return order{Body: "fine"} })
	for range 5 {
		pid, err := s.HandlerPID(within(t))
		if err != nil {
			t.Fatal(err)
		}
		s.KillHandler()
		waitGone(t, pid)
	}
	s.leader.awaitStart(t, 6)
	if _, body := s.do(t, request{path: "/api/Ask"}); body != "fine" {
		t.Fatal("the host gave up after its own kills")
	}
	for n := range 3 {
		pid, err := s.HandlerPID(within(t))
		if err != nil {
			t.Fatal(err)
		}
		process, err := os.FindProcess(pid)
		if err != nil {
			t.Fatal(err)
		}
		_ = process.Kill()
		if n < 2 {
			s.leader.awaitStart(t, 7+n)
		}
	}
	<-s.Done()
	if !errors.Is(s.Err(), functionshost.ErrStrikes) || !strings.Contains(s.Err().Error(), "killed") {
		t.Errorf("Err = %v", s.Err())
	}
}

// waitGone waits for the end of a process that was killed.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	ctx := within(t)
	for alive(pid) {
		select {
		case <-ctx.Done():
			t.Fatalf("process %d is still there", pid)
		default:
			runtime.Gosched()
		}
	}
}

func TestExitCode200AsksForARestart(t *testing.T) {
	s := start(t, oneFunction, func(c call) order {
		if strings.HasSuffix(c.URI, "again") {
			return order{Exit: code(200)}
		}
		return order{Body: "fine"}
	})
	for n := range 4 { // more than there are strikes
		s.do(t, request{path: "/api/Ask?again"})
		s.leader.awaitStart(t, n+2)
	}
	if _, body := s.do(t, request{path: "/api/Ask"}); body != "fine" || s.Starts() != 5 {
		t.Errorf("%q after %d starts", body, s.Starts())
	}
}

func TestTheHandlerGetsTheSettingsAndNothingElse(t *testing.T) {
	t.Setenv("SECRET_OF_THE_DEVELOPER", "x")
	dir := root(t, oneFunction)
	if err := os.Remove(dir + "/handler"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/handler", "#!/bin/sh\nenv >&2\npwd >&2\nexit 3\n")
	if err := os.Chmod(dir+"/handler", 0o700); err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	_, err := functionshost.Start(within(t), functionshost.Options{Dir: dir, Env: []string{"A=1"}, Logger: slog.New(log)})
	if !errors.Is(err, functionshost.ErrStrikes) {
		t.Fatal(err)
	}
	for _, want := range []string{"A=1", "FUNCTIONS_CUSTOMHANDLER_PORT=", dir} {
		if !log.has(entry{slog.LevelError, want, "stderr"}) {
			t.Errorf("%q is missing: %+v", want, log.entries)
		}
	}
	if log.has(entry{slog.LevelError, "SECRET_OF_THE_DEVELOPER", "stderr"}) {
		t.Error("the environment of the host leaks")
	}
}

func TestOutputBecomesLogs(t *testing.T) {
	s := start(t, oneFunction, func(call) order {
		return order{Stdout: "{\"msg\":\"error on stdout\"}\nlast line without end", Stderr: "broken\nWARNing: low\n"}
	})
	s.do(t, request{path: "/api/Ask"})
	pid, err := s.HandlerPID(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil { // after which all output has been read
		t.Fatal(err)
	}
	if alive(pid) {
		t.Error("the handler outlives the host")
	}
	for _, want := range []entry{
		{slog.LevelInfo, `{"msg":"error on stdout"}`, "stdout"},
		{slog.LevelInfo, "last line without end", "stdout"},
		{slog.LevelError, "broken", "stderr"},
		{slog.LevelWarn, "WARNing: low", "stderr"},
	} {
		if !s.log.has(want) {
			t.Errorf("%+v is missing from %+v", want, s.log.entries)
		}
	}
}

func TestWhatTheHandlerStartedEndsWithIt(t *testing.T) {
	s := start(t, oneFunction, func(c call) order {
		if strings.HasSuffix(c.URI, "exit") {
			return order{Exit: code(1)}
		}
		return order{Spawn: true}
	})
	spawn := func() int {
		_, body := s.do(t, request{path: "/api/Ask"})
		child, err := strconv.Atoi(body)
		if err != nil || !alive(child) {
			t.Fatalf("no child: %q", body)
		}
		return child
	}
	child := spawn()
	s.do(t, request{path: "/api/Ask?exit"})
	waitGone(t, child) // after an exit of its parent
	s.leader.awaitStart(t, 2)
	child = spawn()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	waitGone(t, child) // after the end of the host
}

// TestTheHandlerIsEndedBySIGKILL: the host gives no notice, so that all work must
// be safe to lose at any instruction.
func TestTheHandlerIsEndedBySIGKILL(t *testing.T) {
	working, hold := make(chan struct{}), make(chan struct{})
	s := start(t, oneFunction, func(call) order { close(working); <-hold; return order{} })
	defer close(hold)
	cut := make(chan error, 1)
	go func() {
		response, err := http.Get(s.URL() + "/api/Ask")
		if err == nil {
			response.Body.Close()
		}
		cut <- err
	}()
	<-working
	pid, err := s.HandlerPID(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	<-cut // with or without a 502
	http.DefaultClient.CloseIdleConnections()
	s.leader.mu.Lock()
	defer s.leader.mu.Unlock()
	if alive(pid) || s.leader.asked != 0 {
		t.Errorf("alive: %t, asked to stop %d times", alive(pid), s.leader.asked)
	}
}

func TestTheEndOfTheContextEndsTheHost(t *testing.T) {
	leading := lead(t, nil)
	ctx, cancel := contextWithCancel(t)
	host, err := functionshost.Start(ctx, functionshost.Options{Dir: root(t, oneFunction), Env: settings(leading)})
	if err != nil {
		t.Fatal(err)
	}
	pid, err := host.HandlerPID(within(t))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-host.Done()
	if alive(pid) || host.Err() != nil {
		t.Errorf("handler alive: %t, Err = %v", alive(pid), host.Err())
	}
}

func TestTheHandlerDiesWithAHostThatIsKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a process with the one that started it")
	}
	leading := lead(t, nil)
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostEnv+"="+root(t, oneFunction), puppetEnv+"="+leading.url)
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	_ = host.Process.Kill()
	_ = host.Wait()
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("no handler: %q", line)
	}
	waitGone(t, pid)
}

func TestLogsForPeople(t *testing.T) {
	var text safeBuilder
	s := start(t, oneFunction, func(call) order { return order{Stdout: "hello\n", Stderr: "broken\nwarn\n"} }, func(o *functionshost.Options) {
		o.Logger, o.Output = nil, &text
	})
	s.do(t, request{path: "/api/Ask"})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"] Information: hello\n", "] Error: broken\n", "] Warning: warn\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing from %q", want, text.String())
		}
	}
}
