package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"golang.org/x/sync/errgroup"

	"chatgate/internal/transcript"
	"chatgate/internal/transcript/tablestore"
)

// bareClient writes rows with aztables and nothing else: no envelope, no reading
// of activities, no care for other writers.
type bareClient struct {
	messages, conversations *aztables.Client
}

func newBareClient(ctx context.Context, connection string) (*bareClient, error) {
	service, err := aztables.NewServiceClientFromConnectionString(connection, nil)
	if err != nil {
		return nil, fmt.Errorf("making the bare client: %w", err)
	}
	client := &bareClient{service.NewClient("messages"), service.NewClient("conversations")}
	for _, table := range []*aztables.Client{client.messages, client.conversations} {
		if _, err := table.CreateTable(ctx, nil); err != nil {
			return nil, fmt.Errorf("creating a table: %w", err)
		}
	}
	return client, nil
}

// put writes a row for each activity, and then one for each conversation.
func (c *bareClient) put(ctx context.Context, activities, index []aztables.EDMEntity) error {
	if err := submit(ctx, c.messages, activities); err != nil {
		return err
	}
	return submit(ctx, c.conversations, index)
}

// submit writes each partition's rows in transactions of up to 100, as many at a
// time as the store does.
func submit(ctx context.Context, table *aztables.Client, rows []aztables.EDMEntity) error {
	partitions := make(map[string][]aztables.EDMEntity)
	for _, row := range rows {
		partitions[row.PartitionKey] = append(partitions[row.PartitionKey], row)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(tablestore.DefaultParallelism)
	for _, partition := range partitions {
		for batch := range slices.Chunk(partition, 100) {
			group.Go(func() error { return transact(ctx, table, batch) })
		}
	}
	return group.Wait()
}

func transact(ctx context.Context, table *aztables.Client, rows []aztables.EDMEntity) error {
	actions := make([]aztables.TransactionAction, len(rows))
	for i := range rows {
		entity, err := json.Marshal(rows[i])
		if err != nil {
			return fmt.Errorf("encoding a row: %w", err)
		}
		actions[i] = aztables.TransactionAction{ActionType: aztables.TransactionTypeInsertReplace, Entity: entity}
	}
	if _, err := table.SubmitTransaction(ctx, actions, nil); err != nil {
		return errors.New("a transaction of the bare client failed") // the client's own error quotes the rows
	}
	return nil
}

// rowsOf are the rows that the handler writes for a batch, made by its own code,
// ready for the bare client.
func rowsOf(ctx context.Context, batch *posted) (activities, index []aztables.EDMEntity, err error) {
	var kept keeper
	recorder := transcript.NewRecorder(&kept, &transcript.RecorderOptions{Assistants: []string{"demo"}})
	messages := make([]transcript.Message, len(batch.ids))
	for i := range messages {
		messages[i] = transcript.Message{ID: batch.ids[i], Assistant: "demo", Body: batch.bodies[i]}
	}
	if _, err := recorder.Record(ctx, messages); err != nil {
		return nil, nil, fmt.Errorf("making rows: %w", err)
	}
	for i := range kept.records {
		activities = append(activities, messageRow(&kept.records[i]))
	}
	for _, summary := range transcript.Summarize(kept.records) {
		index = append(index, indexRow(&summary))
	}
	return activities, index, nil
}

func messageRow(r *transcript.Record) aztables.EDMEntity {
	return entity(r.Key, map[string]any{
		"Assistant": r.Assistant, "ConversationId": r.ConversationID, "ActivityId": r.ActivityID,
		"Type": r.Type, "Role": r.Role, "FromId": r.FromID, "FromName": r.FromName, "Text": r.Text,
		"ChannelId": r.ChannelID, "ReplyToId": r.ReplyToID, "SentAt": aztables.EDMDateTime(r.SentAt), "Activity": string(r.Activity),
	})
}

func indexRow(s *transcript.DaySummary) aztables.EDMEntity {
	return entity(s.Key, map[string]any{
		"ConversationId": s.ConversationID, "UserId": s.UserID, "UserName": s.UserName, "ChannelId": s.ChannelID,
		"LastActivityAt": aztables.EDMDateTime(s.LastActivityAt), "LastText": s.LastText,
		"LastKey": s.LastKey, "UserKey": s.UserKey, "UserCertainty": int32(s.UserCertainty), //nolint:gosec // one of three
	})
}

// entity leaves empty columns out, as the store does.
func entity(key transcript.Key, columns map[string]any) aztables.EDMEntity {
	maps.DeleteFunc(columns, func(_ string, value any) bool { return value == "" })
	return aztables.EDMEntity{Entity: aztables.Entity{PartitionKey: key.Partition, RowKey: key.Row}, Properties: columns}
}

// keeper is a store that only holds on to what it is given.
type keeper struct {
	records []transcript.Record
}

func (k *keeper) Put(_ context.Context, records []transcript.Record) ([]transcript.Refusal, error) {
	k.records = append(k.records, records...)
	return nil, nil
}
