package system_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
)

// Of the bank's tokens nothing stays in the handler's memory: not on the heap, on
// no stack, in no buffer. Erasing is the garbage collector's work, so requests
// that need none of them are made until it has run.
func TestNothingOfALoginStaysInTheHandlersMemory(t *testing.T) {
	t.Parallel()
	s := newLoginSystem(t)
	p := s.startHandler(t)
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.command.Process.Pid)); err != nil {
		t.Skipf("the handler keeps its memory to itself, only root may look: %v", err)
	}
	b := s.newBot(t, p.app, "conversation")
	code := b.start(t).BindingCode
	b.poll(t, "authorization_pending")
	s.decide(t, code, true)
	b.poll(t, "approved")
	b.balance(t)

	// The proof that the search finds what is there: a setting, and the token
	// while a call with it is under way.
	if found := p.memory(t, []string{"https://" + cloud.BankHost + "/login"}); len(found) == 0 {
		t.Fatal("a setting is not found: the search does not work")
	}
	var inUse []string
	var once sync.Once
	s.meanwhile(func(r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer bank-token-")
		once.Do(func() { inUse = p.memory(t, halves(token)) })
	})
	b.balance(t)
	s.meanwhile(nil)
	if len(inUse) == 0 {
		t.Fatal("a token in use is not found: the search does not work")
	}

	b.refresh(t)
	for range 5 {
		b.balance(t)
	}
	got := b.ask(t, b.backendRequest(http.MethodGet, "accounts/no-such"))
	if got.status != http.StatusNotFound || got.header.Get("X-Backend-Status") == "" {
		t.Errorf("the bank's refusal: %d %s", got.status, got.body)
	}
	b.refresh(t)
	b.signOut(t)
	p.awaitForgotten(t, s, b)
}

// halves are what is searched for of each token: either half is a find.
func halves(tokens ...string) (parts []string) {
	for _, token := range tokens {
		parts = append(parts, token[:len(token)/2], token[len(token)/2:])
	}
	return parts
}

// awaitForgotten makes requests, and with them garbage, until the memory holds
// nothing of what the bank handed out.
func (p *process) awaitForgotten(t *testing.T, s *loginSystem, b *bot) {
	t.Helper()
	secrets := s.handedOut()
	if len(secrets) < 7 { // a polling token, and three times a token and what refreshes it
		t.Fatalf("the bank handed out %d tokens only", len(secrets))
	}
	// Refused before anybody is asked, and for the collector a lot to do.
	harmless := b.loginRequest("start", map[string]string{"userId": "dl_user", "hint": strings.Repeat("x", 30_000)})
	start := time.Now()
	var left []string
	for rounds := 1; time.Since(start) < patience; rounds++ {
		if left = p.memory(t, halves(secrets...)); len(left) == 0 {
			t.Logf("erased after %s, %d rounds of requests", time.Since(start).Round(time.Millisecond), rounds)
			return
		}
		for range 50 {
			wantProblem(t, p.call(t, harmless), http.StatusBadRequest, "bad_request")
		}
	}
	t.Errorf("after %s there are still:\n%s", patience, strings.Join(left, "\n"))
}

// memory finds texts in all memory of the process that it can write to, and tells
// where, and what stands around each.
func (p *process) memory(t *testing.T, texts []string) (found []string) {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/", p.command.Process.Pid)
	maps, err := os.ReadFile(folder + "maps")
	if err != nil {
		t.Errorf("reading the memory's map: %v", err)
		return nil
	}
	memory, err := os.Open(folder + "mem")
	if err != nil {
		t.Errorf("opening the memory: %v", err)
		return nil
	}
	defer memory.Close()
	lines := bufio.NewScanner(bytes.NewReader(maps))
	for lines.Scan() {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil || !strings.HasPrefix(rights, "rw") {
			continue
		}
		content := make([]byte, to-from)
		n, _ := memory.ReadAt(content, from) // what is gone meanwhile holds nothing
		found = append(found, findAll(content[:n], from, texts)...)
	}
	return found
}

func findAll(content []byte, from int64, texts []string) (found []string) {
	const around = 96
	for _, text := range texts {
		for at := 0; ; at++ {
			next := bytes.Index(content[at:], []byte(text))
			if next < 0 {
				break
			}
			at += next
			context := content[max(0, at-around):min(len(content), at+len(text)+around)]
			found = append(found, fmt.Sprintf("%#x: %q", from+int64(at), context))
		}
	}
	return found
}

var coreLimit = regexp.MustCompile(`Max core file size +0 +0 `)

// A crash would write all memory to a file.
func TestTheHandlerLeavesNoCoreDump(t *testing.T) {
	t.Parallel()
	p := newSystem(t, cloud.Options{}).startHandler(t)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if !coreLimit.Match(limits) {
		t.Errorf("core files are not forbidden:\n%s", limits)
	}
}
