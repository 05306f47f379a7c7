package functionshost_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"chatgate/internal/standin/functionshost"
)

func TestFaults(t *testing.T) {
	twice := []string{"1", "2", "1", "2"}
	for name, test := range map[string]struct {
		fault functionshost.Fault
		err   string   // of the first invocation
		first []string // what the handler got first; nil: nothing whole
		calls int
	}{
		"kill":     {functionshost.KillHandler(nil), "EOF", nil, -1}, // whether the handler has read it is a race
		"drop":     {functionshost.DropAnswer(), "answer was lost", []string{"1", "2"}, 2},
		"lock":     {functionshost.LoseLock(), "lock was lost", []string{"1", "2"}, 2},
		"twice":    {functionshost.Duplicate(), "", twice, 1},
		"reversed": {functionshost.Reverse(), "", []string{"2", "1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, binaryBatches, func(call) order { return result(`{"Outputs":{"quarantine":"x y"}}`) })
			s.Inject(persist, test.fault)
			s.send(t, text("1", "2")...)
			ended := s.next(t)
			s.wait(t, isEmpty)
			if (test.err == "") != (ended.Err == nil) || (ended.Err != nil && !containsAny(ended.Err.Error(), test.err, "reset", "broken pipe")) {
				t.Errorf("first invocation: %v, want %q", ended.Err, test.err)
			}
			calls := s.leader.calls()
			if test.first != nil && !slices.Equal(bodies(t, calls[0]), test.first) {
				t.Errorf("the handler got %q first, want %q", bodies(t, calls[0]), test.first)
			}
			if test.calls > 0 && len(calls) != test.calls {
				t.Errorf("%d calls, want %d", len(calls), test.calls)
			}
			wantOut := map[string]int{"drop": 1, "kill": 1, "lock": 2, "twice": 1, "reversed": 1}[name]
			if got := s.out.Counts().Sent; got != wantOut {
				t.Errorf("%d outputs, want %d", got, wantOut)
			}
			if last := calls[len(calls)-1]; test.err != "" && !slices.Equal(bodies(t, last), []string{"1", "2"}) {
				t.Errorf("redelivered: %q", bodies(t, last))
			}
		})
	}
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

func TestKillInTheMiddleOfTheWork(t *testing.T) {
	working, hold := make(chan struct{}), make(chan struct{})
	first := true
	s := start(t, binaryBatches, func(call) order {
		if first {
			first = false
			close(working)
			<-hold
		}
		return result("{}")
	})
	defer close(hold)
	s.Inject(persist, functionshost.KillHandler(working))
	s.send(t, text("1")...)
	if ended := s.next(t); ended.Err == nil {
		t.Error("the invocation outlived its handler")
	}
	s.wait(t, isEmpty)
	if s.Starts() != 2 || s.in.Counts().Abandoned != 1 || s.Err() != nil {
		t.Errorf("%d starts, %+v, %v", s.Starts(), s.in.Counts(), s.Err())
	}
}

func TestABodyThatIsCutOff(t *testing.T) {
	for _, length := range []bool{false, true} {
		s := start(t, binaryBatches, func(call) order { return result("{}") }, func(o *functionshost.Options) { o.ContentLength = length })
		s.Inject(persist, functionshost.CutBody(0), functionshost.CutBody(10))
		s.send(t, text(strings.Repeat("x", 100_000))...)
		s.wait(t, isEmpty)
		if first := s.next(t); first.Err == nil || !strings.Contains(first.Err.Error(), "cut") {
			t.Errorf("first invocation: %v", first.Err)
		}
		calls := s.leader.calls()
		whole := calls[len(calls)-1]
		for _, cut := range calls[:len(calls)-1] {
			if cut.Broken == "" || len(cut.Body) >= len(whole.Body) {
				t.Errorf("the handler got %d bytes, broken: %q", len(cut.Body), cut.Broken)
			}
		}
		if s.in.Counts().Abandoned != 2 || whole.Broken != "" {
			t.Errorf("%+v, last call broken: %q", s.in.Counts(), whole.Broken)
		}
	}
}

func TestMetadataCanBeMissing(t *testing.T) {
	s := start(t, binaryBatches, func(call) order { return result("{}") })
	s.Inject(persist, functionshost.WithoutMetadata())
	s.send(t, text("1")...)
	s.wait(t, isEmpty)
	if body := s.leader.calls()[0].Body; !bytes.HasSuffix(body, []byte(`},"Metadata":{}}`)) || !json.Valid(body) {
		t.Errorf("%s", body)
	}
}
