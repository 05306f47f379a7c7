package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

// posted is a batch of messages as it waits on the bus.
type posted struct {
	ids    []string
	bodies [][]byte
}

func (p *posted) add(id string, body []byte) {
	p.ids = append(p.ids, id)
	p.bodies = append(p.bodies, body)
}

const (
	batchActivities    = 1000
	batchConversations = 120
)

// smallBatch are messages of visitors, no two of which are the same in any round.
func smallBatch(round int) *posted {
	batch := &posted{}
	begin := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC).Add(time.Duration(round) * time.Second)
	for i := range batchActivities {
		number := round*batchActivities + i
		conversation := fmt.Sprintf("7Xk2pQm9Zr4Conversation%03d-eu", i%batchConversations)
		text := fmt.Sprintf("Where is the nearest branch, and is it open on a Saturday afternoon? (%d)", number)
		batch.add(fmt.Sprintf("message-%08d", number), activity(conversation, number, begin.Add(time.Duration(i)*time.Millisecond), text, ""))
	}
	return batch
}

func activity(conversation string, number int, at time.Time, text, attachment string) []byte {
	return fmt.Appendf(nil, `{"type":"message","id":"%s|%07d","timestamp":"%s","serviceUrl":"https://directline.botframework.com/","channelId":"directline",`+
		`"from":{"id":"dl_7d9e4c1b5a6f","name":"Visitor","role":"user"},"recipient":{"id":"bankx-bot","name":"BankX"},"conversation":{"id":"%s"},`+
		`"textFormat":"plain","locale":"en-GB","text":"%s","channelData":{"clientActivityID":"%016x"},"attachments":[%s],"entities":[]}`,
		conversation, number, at.Format("2006-01-02T15:04:05.0000000Z"), conversation, text, number, attachment)
}

// largeMessage is about the size of which a batch of the most messages that
// function.json allows has 60 MB.
const (
	largeMessages = 250
	largeMessage  = 180_000
)

// largeBatch are messages that each hold a picture, which gzip hardly shortens.
func largeBatch() *posted {
	batch := &posted{}
	random := rand.NewChaCha8([32]byte{})
	for i := range largeMessages {
		picture := make([]byte, largeMessage*3/4)
		_, _ = random.Read(picture) // never fails
		attachment := `{"contentType":"image/jpeg","contentUrl":"data:image/jpeg;base64,` + base64.StdEncoding.EncodeToString(picture) + `"}`
		conversation := fmt.Sprintf("7Xk2pQm9Zr4Large%03d-eu", i%batchConversations)
		batch.add(fmt.Sprintf("large-%08d", i), activity(conversation, i, time.Date(2026, 11, 21, 9, 0, i, 0, time.UTC), "This is my card.", attachment))
	}
	return batch
}

// envelope is what the Functions host makes of a batch, cardinality many and
// dataType binary: arrays are strings that hold JSON.
func (p *posted) envelope() ([]byte, error) {
	count := len(p.ids)
	metadata := map[string]any{
		"MessageIdArray":             p.ids,
		"EnqueuedTimeUtcArray":       repeated("2026-11-21T09:00:00.123", count),
		"ApplicationPropertiesArray": repeated(map[string]string{"assistant": "demo"}, count),
		"DeliveryCountArray":         repeated(1, count),
		"ContentTypeArray":           repeated("application/json", count),
		"LockTokenArray":             repeated("5b0e8b3c-9a2e-4a55-8f5e-0d5b7a1c2e3f", count),
	}
	for name, values := range metadata {
		inner, err := json.Marshal(values)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", name, err)
		}
		metadata[name] = string(inner)
	}
	metadata["sys"] = map[string]string{"MethodName": "PersistConversation", "UtcNow": "2026-11-21T09:00:01Z"}
	bodies, err := json.Marshal(p.bodies)
	if err != nil {
		return nil, fmt.Errorf("encoding the bodies: %w", err)
	}
	whole, err := json.Marshal(map[string]any{"Data": map[string]string{"activities": string(bodies)}, "Metadata": metadata})
	if err != nil {
		return nil, fmt.Errorf("encoding an envelope: %w", err)
	}
	return whole, nil
}

func repeated[T any](value T, count int) []T {
	values := make([]T, count)
	for i := range values {
		values[i] = value
	}
	return values
}
