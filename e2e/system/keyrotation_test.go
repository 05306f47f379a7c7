package system_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"chatgate/internal/standin/botservice"
	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
)

// nearExpiry is what Event Grid puts into the queue 30 days before a version of
// the secret expires.
func (s *System) nearExpiry(id, secret, version string) bus.Message {
	return bus.Message{ID: id, ContentType: "application/json", Body: fmt.Appendf(nil,
		`[{"id":%q,"eventType":"Microsoft.KeyVault.SecretNearExpiry","subject":%q,"eventTime":"2026-06-01T10:00:00Z","dataVersion":"1",`+
			`"data":{"Id":"%s/secrets/%s/%s","VaultName":"chatgate-local","ObjectType":"Secret","ObjectName":%q,"Version":%q}}]`,
		id, secret, s.Vault.URL(), secret, version, secret, version)}
}

// awaitEvents waits until the queue of events is idle.
func (i *instance) awaitEvents(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := i.queue(t, cloud.VaultEventsQueue).Wait(ctx, bus.Counts.Idle); err != nil {
		t.Fatalf("%v; the last invocations: %+v", err, lastOf(i.ended(), 3))
	}
}

// guardKeys makes both keys something that nobody may ever read.
func (s *System) guardKeys() {
	for _, key := range []directline.Key{directline.Key1, directline.Key2} {
		s.canaries.add("Direct Line secret", s.DirectLine.Secret(key).Reveal())
	}
}

// Key Vault reports the secret, the packaged app rotates the keys through the
// management API, and nobody who chats notices.
func TestAReportedSecretIsRotatedWhilePeopleChat(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	i := s.startInstance(t)
	i.issue(t, "")
	crowd := i.newCrowd(t, 4)
	first := s.Vault.Set(cloud.DirectLineSecret, s.DirectLine.Secret(directline.Key1).Reveal())
	messages := []bus.Message{
		s.nearExpiry("first", cloud.DirectLineSecret, first),
		s.nearExpiry("again", cloud.DirectLineSecret, first),
		s.nearExpiry("other secret", cloud.VisitorKey, first),
		{ID: "no event", Body: []byte("canary-of-the-queue")},
	}
	s.canaries.add("message of the queue", "canary-of-the-queue")
	if err := s.Bus.Send(t.Context(), cloud.VaultEventsQueue, messages...); err != nil {
		t.Fatal(err)
	}
	i.awaitEvents(t)
	s.guardKeys()
	crowd.awaitAll(t)
	if one, two := s.BotService.Regenerated(directline.Key1), s.BotService.Regenerated(directline.Key2); one != 0 || two != 1 {
		t.Errorf("key 1 was regenerated %d times, key 2 %d times; want only key 2, once", one, two)
	}
	// The proof that the new key is in the vault: without the old one all goes on.
	s.DirectLine.RevokeKey(directline.Key1)
	crowd.awaitAll(t)
	t.Logf("%d tokens issued", crowd.leave())
	if dead := i.queue(t, cloud.VaultEventsQueue).DeadLetters(); len(dead) > 0 {
		t.Errorf("%d events became dead letters", len(dead))
	}
	for _, line := range []string{`"result":"rotated"`, `"result":"already_done"`, `"result":"refused"`} {
		poll(t, "the line "+line, func() bool { return strings.Contains(i.stdout.String(), line) })
	}
}

// Without its role the app cannot rotate: the event ends among the dead letters,
// where an alert waits, and the secret stays as it was.
func TestAnEventThatCannotBeDealtWithBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{DeliveryCount: 2})
	s.BotService.Faults.Add(faults.Answer(http.StatusForbidden, "AuthorizationFailed").When(botservice.Regenerating))
	i := s.startInstance(t)
	version := s.Vault.Set(cloud.DirectLineSecret, s.DirectLine.Secret(directline.Key1).Reveal())
	reads := s.Vault.Reads(cloud.DirectLineSecret)
	if err := s.Bus.Send(t.Context(), cloud.VaultEventsQueue, s.nearExpiry("one", cloud.DirectLineSecret, version)); err != nil {
		t.Fatal(err)
	}
	i.awaitEvents(t)
	if dead := i.queue(t, cloud.VaultEventsQueue).DeadLetters(); len(dead) != 1 || dead[0].ID != "one" {
		t.Errorf("dead letters: %+v", dead)
	}
	if s.Vault.Reads(cloud.DirectLineSecret) == reads {
		t.Error("nobody looked at the secret")
	}
	i.issue(t, "")
}
