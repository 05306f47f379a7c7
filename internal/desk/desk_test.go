package desk_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/audit"
	"chatgate/internal/desk"
	"chatgate/internal/problem"
	"chatgate/internal/transcript"
)

// The whole matrix of who, which assistant and which role. What belongs to
// another tenant is as unknown as what does not exist.
func TestWhoMayDoWhat(t *testing.T) {
	p := newPeople(t)
	d := newDesk(p, newStore(), 0)
	own := map[string]string{"of X": "bankx", "of Y": "banky"}
	for name, who := range p.by {
		kind, tenant := name, ""
		if at := strings.LastIndex(name, " of "); at > 0 {
			kind, tenant = name[:at], name[at+1:]
		}
		for _, assistant := range []string{"bankx", "banky", "BankX", "silent", "nobody", ""} {
			isOwn := own[tenant] != "" && strings.EqualFold(own[tenant], assistant)
			want := func(may ...string) problem.Code {
				switch {
				case !isOwn:
					return problem.UnknownAssistant
				case !slices.Contains(may, kind):
					return problem.RoleMissing
				}
				return ""
			}
			visit := desk.Visit{Consultant: who, Assistant: assistant}
			reader, err := d.Reader(visit)
			if codeOf(err) != want("reader", "both") || (err == nil) != (reader != nil) {
				t.Errorf("%s reads %q: %v, want %q", name, assistant, err, want("reader", "both"))
			}
			eraser, err := d.Eraser(visit)
			if codeOf(err) != want("eraser", "both") || (err == nil) != (eraser != nil) {
				t.Errorf("%s erases in %q: %v, want %q", name, assistant, err, want("eraser", "both"))
			}
		}
	}
}

func TestAnothersAssistantIsNotToldFromAnUnknownOne(t *testing.T) {
	p := newPeople(t)
	d := newDesk(p, newStore(), 0)
	_, foreign := d.Reader(desk.Visit{Consultant: p.by["both of X"], Assistant: "banky"})
	_, unknown := d.Reader(desk.Visit{Consultant: p.by["both of X"], Assistant: "nobody"})
	if foreign.Error() != unknown.Error() {
		t.Errorf("%v\n%v", foreign, unknown)
	}
}

func TestAssistants(t *testing.T) {
	p := newPeople(t)
	d := desk.New([]desk.Assistant{{"b", p.bankX}, {"c", p.bankY}, {"a", p.bankX}, {"d", ""}}, newStore(), newStore(), nil)
	for name, want := range map[string][]string{
		"reader of X": {"a", "b"}, "eraser of X": {"a", "b"}, "reader of Y": {"c"},
		"none of X": nil, "broker of X": nil, "a stranger": nil,
	} {
		got, err := d.Assistants(p.by[name])
		if !slices.Equal(got, want) || want == nil && codeOf(err) != problem.RoleMissing {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}

// Each action leaves exactly one entry, which says who, what and when; what
// reads leaves it before anything is handed out, what erases before anything is
// erased.
func TestEveryActionIsAuditedFirst(t *testing.T) {
	p := newPeople(t)
	who := p.by["both of X"]
	base := audit.Entry{Assistant: "bankx", TenantID: who.TenantID, ObjectID: who.ObjectID, At: now, InvocationID: "an-invocation"}
	with := func(change func(*audit.Entry)) audit.Entry {
		entry := base
		change(&entry)
		return entry
	}
	for name, test := range map[string]struct {
		do     func(*testing.T, *desk.Reader, *desk.Eraser) error
		entry  audit.Entry
		events []string
	}{
		"list": {
			func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
				_, err := r.List(t.Context(), transcript.Span{}, transcript.Mark{}, 10)
				return err
			},
			with(func(e *audit.Entry) { e.Action, e.Count = audit.List, 2 }),
			[]string{"list bankx", "audit list"},
		},
		"read": {
			func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
				_, _, err := r.Read(t.Context(), "one", transcript.Part{After: "a", Limit: 1, MaxBytes: 1})
				return err
			},
			with(func(e *audit.Entry) { e.Action, e.ConversationKey, e.Count = audit.Read, "one", 1 }),
			[]string{"find one", "read one after a", "audit read"},
		},
		"export": {
			func(t *testing.T, r *desk.Reader, _ *desk.Eraser) error {
				_, _, err := r.Export(t.Context(), "one")
				return err
			},
			with(func(e *audit.Entry) { e.Action, e.ConversationKey = audit.Export, "one" }),
			[]string{"find one", "audit export"},
		},
		"erase a conversation": {
			func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error { return e.Conversation(t.Context(), "one") },
			with(func(e *audit.Entry) { e.Action, e.ConversationKey, e.Count = audit.EraseConversation, "one", 1 }),
			[]string{"audit erase_conversation", "erase one"},
		},
		"erase a conversation that there is not": {
			func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error { return e.Conversation(t.Context(), "none") },
			with(func(e *audit.Entry) { e.Action, e.ConversationKey, e.Count = audit.EraseConversation, "none", 1 }),
			[]string{"audit erase_conversation", "erase none"},
		},
		"erase a user": {
			func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error {
				_, err := e.User(t.Context(), "a/user")
				return err
			},
			with(func(e *audit.Entry) { e.Action, e.UserID, e.Count = audit.EraseUser, "a/user", 1 }),
			[]string{"look a/user", "interrupted ", "audit erase_user", "erase one", "look a/user"},
		},
		"erase a user that there is not": {
			func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error {
				_, err := e.User(t.Context(), "nobody")
				return err
			},
			with(func(e *audit.Entry) { e.Action, e.UserID = audit.EraseUser, "nobody" }),
			[]string{"look nobody", "interrupted ", "audit erase_user"},
		},
		"read the audit": {
			func(t *testing.T, _ *desk.Reader, e *desk.Eraser) error {
				_, err := e.Audit(t.Context(), "", 10)
				return err
			},
			with(func(e *audit.Entry) { e.Action = audit.ReadAudit }),
			[]string{"page bankx", "audit read_audit"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore()
			s.conversations = map[string][]string{"one": {"a", "b", "c"}, "two": {"d"}}
			s.users["a/user"] = []string{"one"}
			r, e := enter(t, newDesk(p, s, 0), p)
			if err := test.do(t, r, e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]audit.Entry{test.entry}, s.entries); diff != "" {
				t.Errorf("audit (-want +got):\n%s", diff)
			}
			wantEvents(t, s, test.events...)
			// Fail closed: without the audit nothing is handed out or erased.
			s.failures["audit"] = errors.New("https://account.example/?sig=canary")
			err := test.do(t, r, e)
			if codeOf(err) != problem.StoreUnavailable || strings.Contains(problem.From(err).Message, "canary") {
				t.Errorf("without the audit: %v", err)
			}
			for _, event := range s.did() {
				if strings.HasPrefix(event, "erase") {
					t.Errorf("%s, although the audit could not be written", event)
				}
			}
		})
	}
}

// enter admits someone who may do everything at Bank X.
func enter(t *testing.T, d *desk.Desk, p people) (*desk.Reader, *desk.Eraser) {
	t.Helper()
	visit := desk.Visit{Consultant: p.by["both of X"], Assistant: "BANKX", InvocationID: "an-invocation"}
	r, err := d.Reader(visit)
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.Eraser(visit)
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}
