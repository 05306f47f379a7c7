package system_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
	"chatgate/internal/standin/vault"
)

// Everything that is secret in one busy life of the app, in which much goes
// wrong, and every place where it might have been written down. Each test checks
// the log of its handlers; this one brings what the others lack together, and
// looks into tables, answers and the quarantine too.
func TestNothingSecretIsWrittenDown(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{DeliveryCount: 1000})
	s.set("LOG_LEVEL=debug")
	visitorKey := cloud.NewKey()
	s.Vault.Set(cloud.VisitorKey, visitorKey)
	s.canaries.add("visitor key", visitorKey)
	i := s.startInstance(t)
	direct := i.handler(t)

	given := i.newcomer(t)
	i.refresh(t, given.Token)
	chat := s.newBrowser(t, given.Token)
	chat.start(t, given.ConversationID)
	chat.say(t, given.ConversationID, "hello", given.UserID)

	texts := secretsInRequests(given)
	answers := callWithSecrets(t, direct, texts)
	answers = append(answers, callWhileAllFails(t, s, direct, given)...)
	for _, each := range texts {
		s.canaries.add(each.what, each.text)
	}
	const spoken = "canary-of-what-was-said"
	deliverWithSecrets(t, s, i, spoken)

	for _, got := range answers {
		if found := s.canaries.foundIn(got.body + headerText(got.header)); len(found) > 0 {
			t.Errorf("an answer of status %d holds %v: %s", got.status, found, got.body)
		}
	}
	if found := s.canaries.foundIn(s.Tables.dump(t)); len(found) > 0 {
		t.Errorf("the tables hold %v", found)
	}
	for _, each := range i.queue(t, cloud.QuarantineQueue).Peek() {
		if found := s.canaries.foundIn(string(each.Body)); len(found) > 0 {
			t.Errorf("the quarantine holds %v", found)
		}
	}
	// What is said may be in tables and in the quarantine, but in no log.
	s.canaries.add("message text", spoken)
	s.canaries.add("message text", "hello")
}

// secretsInRequests are what a page might send in the wrong place, by mistake or
// to see where it ends up.
func secretsInRequests(given grant) []canary {
	return []canary{
		{"token in a path", "canary-in-the-path"},
		{"token in a query", "canary-in-the-query"},
		{"token in a body", "canary-in-the-body"},
		{"token that is none", "canary.that.is-no-token"},
		{"key in a header", "canary-in-a-header"},
		{"origin", "https://canary-in-the-origin.example"},
		{"client address", "203.0.113.77"},
		{"visitor token", given.Visitor},
	}
}

func callWithSecrets(t *testing.T, a *app, texts []canary) []answer {
	t.Helper()
	var answers []answer
	for _, each := range texts {
		text := each.text
		for _, r := range []request{
			{path: "/api/GetNewToken/" + url.PathEscape(text)},
			{path: "/" + url.PathEscape(text)},
			{path: "/api/GetNewToken?code=" + url.QueryEscape(text)},
			{path: "/api/GetNewToken", body: `{"visitor":` + fmt.Sprintf("%q", text) + `}`},
			{path: "/api/GetNewToken", body: `{` + fmt.Sprintf("%q", text) + `:1}`},
			{path: "/api/GetNewToken", body: text},
			{path: "/api/RefreshToken", header: map[string]string{"Authorization": "Bearer " + text}},
			{path: "/api/RefreshToken", header: map[string]string{"Authorization": text}},
			{path: "/api/RefreshToken", body: `{"token":` + fmt.Sprintf("%q", text) + `}`},
			{path: "/api/GetNewToken", header: map[string]string{"Origin": text}},
			{path: "/api/GetNewToken", header: map[string]string{"X-Forwarded-For": text}},
			{path: "/api/GetNewToken", header: map[string]string{"X-Functions-Key": text, "User-Agent": text, "Cookie": text}},
			{path: "/api/Health", method: http.MethodGet, header: map[string]string{"X-Azure-Functions-InvocationId": text}},
			{path: "/PersistConversation", body: text, header: map[string]string{"Content-Type": "application/json"}},
		} {
			got := a.call(t, r)
			if _, err := a.granted(got); err != nil { // a token's own answer holds the token
				answers = append(answers, got)
			}
		}
	}
	return answers
}

// callWhileAllFails lets every service fail with words that nobody outside may
// read.
func callWhileAllFails(t *testing.T, s *System, a *app, given grant) []answer {
	t.Helper()
	const words = "canary-of-an-error"
	s.canaries.add("error of another service", words)
	var answers []answer
	refresh := request{path: "/api/RefreshToken", header: map[string]string{"Authorization": "Bearer " + given.Token}}
	for _, fault := range []directline.Fault{
		directline.Refuse(400, words, words), directline.Refuse(401, words, words), directline.Refuse(403, words, words),
		directline.Refuse(429, words, words), directline.Refuse(500, words, words),
		directline.Reply(200, "text/plain", words), directline.Reply(200, "application/json", `{"token":"`+words+`"}`),
		directline.CutMidAnswer(),
	} {
		lift := s.DirectLine.Fail(directline.Any, 0, fault)
		answers = append(answers, a.call(t, refresh), a.call(t, request{path: "/api/GetNewToken"}))
		lift()
	}
	s.Vault.Faults.Add(faults.Answer(http.StatusForbidden, words).When(vault.Reading(cloud.DirectLineSecret)))
	lift := s.DirectLine.Fail(directline.GenerateToken, 0, directline.Refuse(401, words, words))
	answers = append(answers, a.call(t, request{path: "/api/GetNewToken"}))
	lift()
	return answers
}

// deliverWithSecrets has activities stored, set aside and fail that hold what may
// not be stored.
func deliverWithSecrets(t *testing.T, s *System, i *instance, spoken string) {
	t.Helper()
	const credential = "canary-of-a-sign-in"
	s.canaries.add("credential in an activity", credential)
	s.TableFaults.Add(faults.Answer(http.StatusForbidden, "canary-of-an-error").Times(2))
	event := fmt.Sprintf(`{"type":"event","name":"tokens/response","id":"1","conversation":{"id":"c"},"value":{"token":%q}}`, credential)
	invoke := fmt.Sprintf(`{"type":"invoke","name":"signin/verifyState","id":"2","conversation":{"id":"c"},"value":{"state":%q}}`, credential)
	i.deliver(t,
		message("1", event),
		message("2", invoke),
		message("3", said("c", "3", spoken)),
		message("4", "["+event+",42]"),
		message("5", event+"broken off"),
		message("6", `{"type":"message","text":"`+spoken+`"}`),
		messageFor("other", "7", event),
	)
	i.awaitHealth(t, http.StatusOK)
}

func headerText(header http.Header) string {
	var text bytes.Buffer
	_ = header.Write(&text)
	return text.String()
}

// dump is everything in all tables as text, packed activities unpacked.
func (s *tables) dump(t *testing.T) string {
	t.Helper()
	var dump strings.Builder
	pager := s.client.NewListTablesPager(nil)
	for pager.More() {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatalf("listing tables: %v", err)
		}
		for _, table := range page.Tables {
			for _, r := range s.rows(t, *table.Name) {
				fmt.Fprintln(&dump, r)
				if *table.Name == "messages" {
					fmt.Fprintln(&dump, r.activity(t))
				}
			}
		}
	}
	if dump.Len() == 0 {
		t.Error("there is nothing in the tables")
	}
	return dump.String()
}

// Operators find an invocation in the log by the id that the host, or an error's
// answer, gave them.
func TestEachInvocationHasALineInTheLog(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	i := s.startInstance(t)
	i.issue(t, "")
	failed := wantProblem(t, i.call(t, request{path: "/api/GetNewToken/other"}), http.StatusNotFound, "unknown_assistant")
	i.get(t, "/api/site/widget.js")
	i.get(t, "/api/Health")
	i.deliver(t, message("m", said("c", "1", "hello")), message("bad", "bad"))
	ended := i.endedOnce(t, 5)
	if len(ended) != 5 {
		t.Fatalf("the host counts %d invocations, want 5", len(ended))
	}
	known := false
	for _, each := range ended {
		line := i.stdout.await(t, "of the invocation of "+each.Function, func(line logLine) bool { return line.InvocationID == each.ID })
		if line.Status != each.Status || line.Message != each.Function {
			t.Errorf("%s answered %d, its line says %+v", each.Function, each.Status, line)
		}
		known = known || each.ID == failed.InvocationID
		if each.Function == persist && (line.Stored != 1 || line.Quarantined != 1) {
			t.Errorf("the line says %d stored and %d quarantined", line.Stored, line.Quarantined)
		}
	}
	if !known {
		t.Error("the id in the problem is not the host's")
	}
}
