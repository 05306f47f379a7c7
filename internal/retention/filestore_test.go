package retention_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"chatgate/internal/audit"
	"chatgate/internal/retention"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/filestore"
)

// activity is a stored activity of a conversation.
func activity(conversation, id string, at time.Time) transcript.Record {
	return transcript.Record{
		Key:       transcript.NewKey(bank, conversation, id, at),
		Assistant: bank, ConversationID: conversation, ActivityID: id, Type: "message", SentAt: at,
		Activity: []byte(`{"type":"message"}`),
	}
}

func TestThePurgeOfARealStore(t *testing.T) {
	store, err := filestore.Open(filepath.Join(t.TempDir(), "conversations.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	refused, err := store.Put(t.Context(), []transcript.Record{
		activity("old", "1", ago(400, 0)), activity("old", "2", ago(365, 0)), activity("Größe/?#", "1", ago(200, 0)),
		activity("just past", "1", ago(30, 1)), activity("on the same day", "1", ago(29, 23)),
		activity("goes on", "1", ago(400, 0)), activity("goes on", "2", ago(2, 0)),
		activity("undated", "1", time.Unix(0, 0).UTC()),
	})
	if err != nil || len(refused) > 0 {
		t.Fatal(err, refused)
	}
	ledger := store.Ledger()
	purger := retention.New(retention.Options{Assistants: []string{bank}, Days: 30, Eraser: store, Ledger: ledger, MaxConversations: 2, Now: now})
	report := retention.Report{}
	for range 4 {
		one, err := purger.Run(t.Context(), "invocation")
		if err != nil {
			t.Fatal(err)
		}
		report.Erased += one.Erased
	}
	if report.Erased != 4 {
		t.Errorf("%d are erased, want 4", report.Erased)
	}
	var left []string
	for conversation, err := range store.Conversations(t.Context(), bank) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, conversation.ConversationID)
	}
	if want := []string{"goes on", "on the same day", "goes on"}; !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q", left, want)
	}
	for _, gone := range []string{"old", "Größe/?#", "just past", "undated"} {
		for record, err := range store.Activities(t.Context(), bank, gone) {
			t.Errorf("of %s is left %s: %v", gone, record.ActivityID, err)
		}
	}
	recorded, count := ledgerOf(t, ledger)
	if count != 4 || slices.ContainsFunc(recorded, func(e audit.Entry) bool { return e.Action != audit.Purge || e.InvocationID != "invocation" }) {
		t.Errorf("recorded: %+v", recorded)
	}
}

func ledgerOf(t *testing.T, l audit.Ledger) (entries []audit.Entry, count int) {
	t.Helper()
	page, err := l.Page(t.Context(), bank, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range page.Entries {
		count += entry.Count
	}
	return page.Entries, count
}
