package login_test

import (
	"testing"

	"chatgate/internal/login"
	"chatgate/internal/problem"
)

// The whole table: which bot, which assistant, with the role and without.
func TestWhoMayActForAnAssistant(t *testing.T) {
	var (
		ofX      = login.Caller{TenantID: "tenant-1", ClientID: "bot-x"}
		ofY      = login.Caller{TenantID: "tenant-1", ClientID: "bot-y"}
		sibling  = login.Caller{TenantID: "tenant-2", ClientID: "bot-x"}
		stranger = login.Caller{TenantID: "tenant-1", ClientID: "bot-z"}
		nobody   = login.Caller{}
		noClient = login.Caller{TenantID: "tenant-1"}
	)
	callers := login.NewCallers(map[string]login.Caller{"bankx": ofX, "banky": ofY, "unset": nobody, "half": noClient})
	owners := map[string]login.Caller{"bankx": ofX, "BankX": ofX, "banky": ofY}
	for _, assistant := range []string{"bankx", "BankX", "banky", "unset", "half", "unknown", ""} {
		for _, bot := range []login.Caller{ofX, ofY, sibling, stranger, nobody, noClient} {
			for _, brokers := range []bool{true, false} {
				want := problem.UnknownAssistant
				if owner, owned := owners[assistant]; owned && owner == bot {
					want = problem.RoleMissing
					if brokers {
						want = ""
					}
				}
				id, err := callers.Authorize(assistant, bot, brokers)
				if want == "" && (err != nil || id != "bankx" && id != "banky") {
					t.Errorf("%+v for %q: %q, %v", bot, assistant, id, err)
				}
				if want != "" && (err == nil || problem.From(err).Code != want || id != "") {
					t.Errorf("%+v for %q (role: %t): %q, %v, want %s", bot, assistant, brokers, id, err, want)
				}
			}
		}
	}
}

// Whether there is such an assistant is told to its bot only.
func TestAllAssistantsOfOthersAreRefusedAlike(t *testing.T) {
	bot := login.Caller{TenantID: "tenant", ClientID: "bot-x"}
	callers := login.NewCallers(map[string]login.Caller{"bankx": {TenantID: "tenant", ClientID: "another"}})
	_, others := callers.Authorize("bankx", bot, false)
	_, unknown := callers.Authorize("unknown", bot, true)
	if others == nil || unknown == nil || others.Error() != unknown.Error() {
		t.Errorf("%v, %v", others, unknown)
	}
}

func TestTheZeroValueLetsNobody(t *testing.T) {
	var callers login.Callers
	if id, err := callers.Authorize("bankx", login.Caller{}, true); err == nil {
		t.Errorf("%q got in", id)
	}
}
