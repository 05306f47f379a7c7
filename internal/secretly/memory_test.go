//go:build linux

package secretly_test

import (
	"bufio"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"chatgate/internal/secretly"
	"chatgate/internal/standin/egress"
)

// The test of what stays in memory needs two processes: the server's keeps the
// token, the client's must not. asClient makes this program the client.
const asClient = "CHATGATE_TEST_CLIENT"

func TestMain(m *testing.M) {
	if address := os.Getenv(asClient); address != "" {
		os.Exit(beClient(address))
	}
	os.Exit(m.Run())
}

// hidden is how every token of these tests begins, with each byte's lowest bit
// turned, so that searching for it does not find the search itself.
var hidden = []byte("ubo`sx,uoken,2c8")

func mark() []byte {
	turned := make([]byte, len(hidden))
	for i, c := range hidden {
		turned[i] = c ^ 1
	}
	return turned
}

// TestNothingIsLeftOfATokenAfterUse is the trap of secrets in memory: a token
// comes in one answer, goes out in a header of the next call, and is then to be
// found nowhere in the process: not on the heap, on no stack, in no buffer of
// net/http or crypto/tls.
func TestNothingIsLeftOfATokenAfterUse(t *testing.T) {
	if !secretly.Erases {
		t.Skip("this build erases nothing: run with GOEXPERIMENT=runtimesecret on linux (make test does)")
	}
	const calls = 20
	token := string(mark()) + strings.Repeat("0123456789abcdef", 40)
	used := 0
	bank := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			_, _ = io.WriteString(w, token)
			return
		}
		if r.Header.Get("Authorization") == "Bearer "+token {
			used++
		}
	})
	direct := httptest.NewTLSServer(bank)
	defer direct.Close()
	proxy := startProxy(t, "bank.example", bank)

	for name, test := range map[string]struct {
		how string
		env []string
		// left tells that something is found. Where net/http's own transport is
		// used it is the proof that the search finds what is there.
		left bool
	}{
		"secretly":                 {"secretly " + direct.URL, []string{"SSL_CERT_FILE=" + authorityOf(t, direct)}, false},
		"secretly through a proxy": {"secretly https://bank.example", proxy.Env(), false},
		"plainly":                  {"plainly " + direct.URL, []string{"SSL_CERT_FILE=" + authorityOf(t, direct)}, true},
	} {
		used = 0
		client := exec.CommandContext(t.Context(), os.Args[0])
		client.Env = append(append(os.Environ(), test.env...), asClient+"="+test.how)
		said, err := client.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, said)
		}
		if used != calls {
			t.Errorf("%s: the token arrived %d times, want %d", name, used, calls)
		}
		if left := !strings.Contains(string(said), "found 0 "); left != test.left {
			t.Errorf("%s: the process says %q", name, said)
		}
	}
}

func startProxy(t *testing.T, host string, behind http.Handler) *egress.Proxy {
	t.Helper()
	proxy, err := egress.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	proxy.Handle(host, behind)
	return proxy
}

func authorityOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	path := t.TempDir() + "/ca.pem"
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// beClient uses tokens and then looks for what is left of them.
func beClient(how string) int {
	way, address, _ := strings.Cut(how, " ")
	do, client := secretly.Do, &http.Client{Transport: secretly.NewTransport(1 << 20)}
	if way == "plainly" {
		do, client = func(f func()) { f() }, http.DefaultClient
	}
	for range 20 {
		do(func() { useToken(client, address) })
	}
	for range 5 {
		runtime.GC()
	}
	found, err := findMark()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Printf("found %d places\n", found)
	return 0
}

func useToken(client *http.Client, address string) {
	got, err := client.Get(address + "/token")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, _ := io.ReadAll(got.Body)
	_ = got.Body.Close()
	req, _ := http.NewRequest(http.MethodPost, address+"/use", strings.NewReader(`{"token":"`+string(token)+`"}`))
	req.Header.Set("Authorization", "Bearer "+string(token))
	got, err = client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = got.Body.Close()
	secretly.Bytes(token).Clear()
}

// findMark counts the places in this process's memory that hold the mark, apart
// from its own.
func findMark() (int, error) {
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return 0, err
	}
	defer maps.Close()
	memory, err := os.Open("/proc/self/mem")
	if err != nil {
		return 0, err
	}
	defer memory.Close()
	found := 0
	lines := bufio.NewScanner(maps)
	buffer := make([]byte, 1<<20)
	for lines.Scan() {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		found += findIn(memory, from, to, buffer)
	}
	return found, lines.Err()
}

// findIn searches a range by the turned mark: each chunk is turned first, so that
// no buffer ever holds the mark itself.
func findIn(memory io.ReaderAt, from, to int64, buffer []byte) int {
	found := 0
	for at := from; at < to; at += int64(len(buffer) - len(hidden)) {
		n, _ := memory.ReadAt(buffer[:min(int64(len(buffer)), to-at)], at)
		for i := range buffer[:n] {
			buffer[i] ^= 1
		}
		found += bytes.Count(buffer[:n], hidden)
		clear(buffer)
	}
	return found
}
