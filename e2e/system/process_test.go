package system_test

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
)

func TestAllProblemsOfTheSettingsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.set(
		"KEY_VAULT_URI=http://vault.example",
		"ConversationStore__tableServiceUri=",
		"SecretMaxAge=soon",
		"TokenRateLimit=many",
		"Assistants__"+assistant+"__AllowedOrigins=https://www.example.com/path",
		"Assistants__shop__DirectLineSecret=a-secret-in-the-wrong-place",
	)
	p := s.launch(t, freePort(t))
	if code := p.awaitExit(t); code != 2 {
		t.Errorf("exit code %d, want 2", code)
	}
	for _, setting := range []string{
		"KEY_VAULT_URI", "ConversationStore__tableServiceUri", "SecretMaxAge", "TokenRateLimit",
		"Assistants__" + assistant + "__AllowedOrigins", "Assistants__shop__AllowedOrigins", "Assistants__shop__DirectLineSecret",
	} {
		if !strings.Contains(p.stderr.String(), setting) {
			t.Errorf("stderr does not name %s", setting)
		}
	}
	if strings.Contains(p.stderr.String(), "a-secret-in-the-wrong-place") {
		t.Error("stderr shows a secret")
	}
	if text := p.stdout.String(); text != "" {
		t.Errorf("stdout has %q", text)
	}
}

func TestWhatIsForDevelopmentOnlyIsRefusedInProduction(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.set("ConversationStore=UseDevelopmentStorage=true")
	p := s.launch(t, freePort(t))
	if code := p.awaitExit(t); code != 2 || !strings.Contains(p.stderr.String(), "ConversationStore ") {
		t.Errorf("exit code %d, stderr: %s", code, p.stderr)
	}
}

func TestAPortThatIsTakenEndsItWithCode1(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	p := s.launch(t, port)
	if code := p.awaitExit(t); code != 1 || p.stderr.String() == "" {
		t.Errorf("exit code %d, stderr: %q; want 1 and a reason", code, p.stderr)
	}
}

func TestAskedToStopItAnswersWhatIsInFlightAndExitsWith0(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	p := s.startHandler(t)
	hang, release := directline.Hang()
	arrived := make(chan struct{})
	s.DirectLine.Fail(directline.GenerateToken, 1, func(w http.ResponseWriter, r *http.Request) bool {
		close(arrived)
		return hang(w, r)
	})
	answered := make(chan answer, 1)
	go func() {
		got, err := p.try(t.Context(), request{path: "/api/GetNewToken"})
		if err != nil {
			t.Errorf("the call in flight: %v", err)
		}
		answered <- got
	}()
	receive(t, arrived)
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.stdout.await(t, "that it is stopping", func(line logLine) bool { return line.Message == "stopping" })
	release()
	if got := receive(t, answered); got.status != http.StatusOK {
		t.Errorf("the call in flight was answered %d %s", got.status, got.body)
	}
	if code := p.awaitExit(t); code != 0 {
		t.Errorf("exit code %d, want 0; stderr: %s", code, p.stderr)
	}
}

// receive waits for a channel, but not for ever.
func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

// The host forwards from the same machine; nobody else may reach the triggers.
func TestItListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	p := newSystem(t, cloud.Options{}).startHandler(t)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	others := []string{"127.0.0.2", "::1"}
	for _, address := range addresses {
		if ip, _, err := net.ParseCIDR(address.String()); err == nil && !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			others = append(others, ip.String())
		}
	}
	for _, other := range others {
		connection, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(t.Context(), "tcp", net.JoinHostPort(other, p.port))
		if err == nil {
			connection.Close()
			t.Errorf("it can be reached at %s", other)
		}
	}
}

// The host takes a handler for dead that does not open its port, so the port
// must not wait for the vault.
func TestThePortOpensBeforeAnySecretIsRead(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.Vault.Faults.Add(faults.Hang())
	p := s.startHandler(t)

	if got := p.call(t, request{method: http.MethodGet, path: "/"}); got.status != http.StatusOK {
		t.Errorf("GET / answered %d", got.status)
	}
	// After them it would be 503, as it is below once the vault is given up.
	if status, failing := p.health(t); status != http.StatusOK {
		t.Errorf("Health answered %d %v: it or the port waited for the vault", status, failing)
	}
	wantProblem(t, p.call(t, request{path: "/api/GetNewToken"}), http.StatusServiceUnavailable, "secret_unavailable")
	p.awaitHealth(t, http.StatusServiceUnavailable, "key_vault")

	s.Vault.Faults.Clear()
	poll(t, "a token and a visitor token, now that the vault answers", func() bool {
		given, err := p.granted(p.call(t, request{path: "/api/GetNewToken"}))
		return err == nil && given.Visitor != ""
	})
	p.awaitHealth(t, http.StatusOK)
}

func TestASecretThatIsCachedOutlivesTheVault(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.set("SecretMaxAge=1s")
	p := s.startHandler(t)
	before := p.newcomer(t)
	s.Vault.Faults.Add(faults.Cut())
	poll(t, "the background re-read to fail", func() bool {
		if got := p.issue(t, before.Visitor); got.UserID != before.UserID {
			t.Fatalf("user %s became %s", before.UserID, got.UserID)
		}
		return s.Vault.Faults.Hits() > 0
	})
	p.issue(t, before.Visitor)
	if status, failing := p.health(t); status != http.StatusOK {
		t.Errorf("Health answered %d %v although all secrets are there", status, failing)
	}
}

// Until the identity gives a token nothing can be read, and nothing of what it
// says may get out.
func TestAnIdentityThatFailsIsASecretOutOfReach(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	s.Identity.Faults.Add(faults.Answer(http.StatusBadRequest, "canary-of-the-identity"))
	s.canaries.add("answer of the identity endpoint", "canary-of-the-identity")
	p := s.startHandler(t)
	got := p.call(t, request{path: "/api/GetNewToken"})
	wantProblem(t, got, http.StatusServiceUnavailable, "secret_unavailable")
	if s.Vault.Reads(cloud.DirectLineSecret) > 0 {
		t.Error("the vault was asked with a token that nobody gave")
	}
	s.Identity.Faults.Clear()
	poll(t, "a token", func() bool { return p.call(t, request{path: "/api/GetNewToken"}).status == http.StatusOK })
}
