package tablestore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/tables/tablestest"
	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// BenchmarkPut measures a Store against aztables by itself: a program that
// writes the same columns in the same groups with as many requests at a time,
// and a row of the index for each conversation without asking what is there.
// They take turns on one Azurite; "ratio" is the Store's throughput over the
// other's.
func BenchmarkPut(b *testing.B) {
	for _, parallelism := range []int{1, 4, tablestore.DefaultParallelism, 16} {
		b.Run(fmt.Sprintf("parallelism=%d", parallelism), func(b *testing.B) {
			_, connection := emulator.Account(b)
			store := open(b, connection, tablestore.Options{Parallelism: parallelism})
			_, connection = emulator.Account(b)
			bare := newBareClient(b, connection, parallelism)

			var ours, theirs time.Duration
			round := 0
			put := func() {
				records := workload(round)
				round++
				ours += timed(b, func() error {
					_, err := store.Put(b.Context(), records)
					return err
				})
				theirs += timed(b, func() error { return bare.put(b.Context(), records) })
			}
			put()
			ours, theirs = 0, 0
			for b.Loop() {
				put()
			}
			b.ReportMetric(1000*float64(b.N)/ours.Seconds(), "rows/s")
			b.ReportMetric(1000*float64(b.N)/theirs.Seconds(), "bare-rows/s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
		})
	}
}

func timed(b *testing.B, run func() error) time.Duration {
	start := time.Now()
	if err := run(); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// workload is the next 1,000 messages of 120 conversations.
func workload(round int) []transcript.Record {
	const messages, conversations = 1000, 120
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).Add(time.Duration(round) * time.Second)
	records := make([]transcript.Record, messages)
	for i := range records {
		conversation := fmt.Sprintf("7Xk2pQm9Zr4conversation%03d-eu", i%conversations)
		id := fmt.Sprintf("%s|%07d", conversation, round*messages+i)
		records[i] = message(conversation, id, start.Add(time.Duration(i)*time.Millisecond),
			"Where is the nearest branch, and is it open on a Saturday afternoon?")
	}
	return records
}

// message is an activity of assistant bankx by its user.
func message(conversation, id string, at time.Time, text string) transcript.Record {
	activity, _ := json.Marshal(map[string]any{
		"type": "message", "id": id, "timestamp": at, "channelId": "directline", "serviceUrl": "https://directline.botframework.com/",
		"from": map[string]string{"id": "dl_visitor", "name": "Visitor", "role": "user"}, "recipient": map[string]string{"id": "bot", "name": "Bank X"},
		"conversation": map[string]string{"id": conversation}, "locale": "en-GB", "text": text, "entities": []any{},
	})
	return transcript.Record{
		Key:            transcript.NewKey("bankx", conversation, id, at),
		Assistant:      "bankx",
		ConversationID: conversation,
		ActivityID:     id,
		Type:           "message",
		Role:           "user",
		FromID:         "dl_visitor",
		FromName:       "Visitor",
		Text:           text,
		ChannelID:      "directline",
		SentAt:         at,
		User:           transcript.Party{ID: "dl_visitor", Name: "Visitor", Certainty: transcript.UserByRole},
		Activity:       activity,
	}
}

// bareClient writes with aztables and nothing else.
type bareClient struct {
	messages, conversations *aztables.Client
	parallelism             int
}

// bareOptions are aztables' own defaults, with connections that end with the test.
func bareOptions(t testing.TB) *aztables.ClientOptions {
	return &aztables.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: tablestest.NewHTTPClient(t)}}
}

func newBareClient(b *testing.B, connection string, parallelism int) *bareClient {
	b.Helper()
	service, err := aztables.NewServiceClientFromConnectionString(connection, bareOptions(b))
	if err != nil {
		b.Fatal(err)
	}
	client := &bareClient{service.NewClient("messages"), service.NewClient("conversations"), parallelism}
	for _, table := range []*aztables.Client{client.messages, client.conversations} {
		if _, err := table.CreateTable(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
	return client
}

func (c *bareClient) put(ctx context.Context, records []transcript.Record) error {
	messages := make(map[string][]map[string]any)
	for i := range records {
		key := records[i].Key.Partition
		messages[key] = append(messages[key], messageColumns(&records[i]))
	}
	if err := c.submit(ctx, c.messages, messages); err != nil {
		return err
	}
	index := make(map[string][]map[string]any)
	for _, summary := range transcript.Summarize(records) {
		key := summary.Key.Partition
		index[key] = append(index[key], indexColumns(&summary))
	}
	return c.submit(ctx, c.conversations, index)
}

// submit writes each partition's rows in transactions of up to 100.
func (c *bareClient) submit(ctx context.Context, table *aztables.Client, partitions map[string][]map[string]any) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.parallelism)
	for key, rows := range partitions {
		for len(rows) > 0 {
			count := min(len(rows), 100)
			batch := rows[:count]
			rows = rows[count:]
			group.Go(func() error {
				actions := make([]aztables.TransactionAction, len(batch))
				for i, columns := range batch {
					entity, err := json.Marshal(edmEntity(key, columns))
					if err != nil {
						return err
					}
					actions[i] = aztables.TransactionAction{ActionType: aztables.TransactionTypeInsertReplace, Entity: entity}
				}
				_, err := table.SubmitTransaction(ctx, actions, nil)
				return err
			})
		}
	}
	return group.Wait()
}

func edmEntity(partition string, columns map[string]any) aztables.EDMEntity {
	row := columns["RowKey"].(string)
	delete(columns, "RowKey")
	return aztables.EDMEntity{Entity: aztables.Entity{PartitionKey: partition, RowKey: row}, Properties: columns}
}

func messageColumns(r *transcript.Record) map[string]any {
	return map[string]any{
		"RowKey": r.Key.Row, "Assistant": r.Assistant, "ConversationId": r.ConversationID, "ActivityId": r.ActivityID,
		"Type": r.Type, "Role": r.Role, "FromId": r.FromID, "FromName": r.FromName, "Text": r.Text, "ChannelId": r.ChannelID,
		"SentAt": aztables.EDMDateTime(r.SentAt), "Activity": string(r.Activity),
	}
}

func indexColumns(s *transcript.DaySummary) map[string]any {
	return map[string]any{
		"RowKey": s.Key.Row, "ConversationId": s.ConversationID, "UserId": s.UserID, "UserName": s.UserName,
		"ChannelId": s.ChannelID, "LastActivityAt": aztables.EDMDateTime(s.LastActivityAt), "LastText": s.LastText,
		"LastKey": s.LastKey, "UserKey": s.UserKey, "UserCertainty": int32(s.UserCertainty),
	}
}
