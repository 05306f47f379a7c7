package system_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
)

// maxQuarantine is the contract's limit for a quarantine message: a queue of the
// Standard tier takes 256 KB with properties.
const maxQuarantine = 192 << 10

// badMessage is a message that can never be stored.
type badMessage struct {
	body      string
	assistant string // bankx
	reason    string
}

func badMessages() map[string]badMessage {
	const notJSON, notActivity = "not_json", "not_an_activity"
	noise := rand.NewChaCha8([32]byte{1})
	random := func(size int) string {
		text := make([]byte, size)
		_, _ = noise.Read(text)
		return hex.EncodeToString(text)
	}
	return map[string]badMessage{
		"empty":              {body: "", reason: notJSON},
		"only a BOM":         {body: "\ufeff", reason: notJSON},
		"text":               {body: "hello", reason: notJSON},
		"broken off":         {body: `{"type":"message","conversation":{"id":"c"}`, reason: notJSON},
		"trailing data":      {body: said("c", "x", "") + "x", reason: notJSON},
		"not UTF-8":          {body: `{"type":"message","conversation":{"id":"c"},"text":"` + "\xff" + `"}`, reason: notJSON},
		"UTF-16":             {body: "\xff\xfe{\x00}\x00", reason: notJSON},
		"nested too deep":    {body: strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000), reason: notJSON},
		"XML, a lot of it":   {body: strings.Repeat("<message/>", 100_000), reason: notJSON},
		"noise, a lot of it": {body: random(400 << 10), reason: notJSON},
		"a number":           {body: "42", reason: notActivity},
		"null":               {body: "null", reason: notActivity},
		"no type":            {body: `{"conversation":{"id":"c"}}`, reason: notActivity},
		"type is a number":   {body: `{"type":1,"conversation":{"id":"c"}}`, reason: notActivity},
		"no conversation":    {body: `{"type":"message"}`, reason: notActivity},
		"no conversation id": {body: `{"type":"message","conversation":{"id":""}}`, reason: notActivity},
		"one bad of two":     {body: "[" + said("c", "never stored", "") + `,{"type":"message"}]`, reason: notActivity},
		"array in array":     {body: "[[" + said("c", "never stored", "") + "]]", reason: notActivity},
		"unknown assistant":  {body: said("c", "never stored", ""), assistant: "other", reason: "unknown_assistant"},
		"assistant as path":  {body: said("c", "never stored", ""), assistant: "../" + assistant, reason: "unknown_assistant"},
		"too large":          {body: said("c", "never stored", random(1100<<10)), reason: "too_large"},
	}
}

// One bad message must cost neither its batch mates nor a second delivery.
func TestWhatCanNeverBeStoredIsSetAsideAndItsMatesAreKept(t *testing.T) {
	t.Parallel()
	s := newSystemWithTables(t, cloud.Options{})
	premium := openBus(t, bus.Options{MaxMessageBytes: 4 << 20})
	i := s.startInstanceUnder(t, functionshost.Options{Bus: premium})

	bad := badMessages()
	var batch []bus.Message
	var mates []string
	for name, each := range bad {
		mate := said("mates", fmt.Sprintf("%03d", len(mates)), "beside "+name)
		mates = append(mates, mate)
		to := each.assistant
		if to == "" {
			to = assistant
		}
		batch = append(batch, message("mate of "+name, mate), messageFor(to, name, each.body))
	}
	start := time.Now()
	i.deliver(t, batch...)

	if diff := cmp.Diff(mates, conversation(t, s.Tables.rows(t, "messages"), assistant, "mates")); diff != "" {
		t.Errorf("the mates (-sent +stored):\n%s", diff)
	}
	if rows := s.Tables.rows(t, "messages"); len(rows) != len(mates) {
		t.Errorf("%d rows, want %d: nothing of a bad message is stored", len(rows), len(mates))
	}
	ended := i.endedOnce(t, 1)
	if counts := i.Counts(persist); counts.Succeeded != 1 || counts.Failed != 0 {
		t.Errorf("invocations: %+v, want one that succeeds", counts)
	}
	want := fmt.Sprintf(`{"quarantined":%d,"skipped":0,"stored":%d}`, len(bad), len(mates))
	if got := string(ended[0].ReturnValue); got != want {
		t.Errorf("ReturnValue %s, want %s", got, want)
	}
	for _, set := range i.quarantined(t, len(bad)) {
		checkQuarantined(t, set, bad[set.MessageID], start)
	}
}

func checkQuarantined(t *testing.T, set quarantineMessage, from badMessage, since time.Time) {
	t.Helper()
	to := from.assistant
	if to == "" {
		to = assistant
	}
	if set.Reason != from.reason || set.Detail == "" || set.Assistant != to {
		t.Errorf("%s: reason %q (%s), assistant %q; want %q, %q", set.MessageID, set.Reason, set.Detail, set.Assistant, from.reason, to)
	}
	at, err := time.Parse(time.RFC3339Nano, set.EnqueuedTime)
	if err != nil || at.Before(since.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("%s: enqueuedTime %q", set.MessageID, set.EnqueuedTime)
	}
	if set.size > maxQuarantine {
		t.Errorf("%s: the quarantine message has %d bytes", set.MessageID, set.size)
	}
	sum := sha256.Sum256([]byte(from.body))
	isDescribed := set.BodySha256 == hex.EncodeToString(sum[:]) && set.BodyBytes == len(from.body)
	isThere := set.body == from.body || isDescribed && len(from.body) > maxQuarantine
	if !isThere {
		t.Errorf("%s: its body of %d bytes is neither there nor described: %d bytes, %d, %q", set.MessageID, len(from.body), len(set.body), set.BodyBytes, set.BodySha256)
	}
}

// quarantineMessage is the contract's message for the quarantine queue.
type quarantineMessage struct {
	Reason       string  `json:"reason"`
	Detail       string  `json:"detail"`
	MessageID    string  `json:"messageId"`
	Assistant    string  `json:"assistant"`
	EnqueuedTime string  `json:"enqueuedTime"`
	Body         *string `json:"body"`
	BodyGzip     string  `json:"bodyGzip"`
	BodyBytes    int     `json:"bodyBytes"`
	BodySha256   string  `json:"bodySha256"`

	// body is the body as far as it can be read back.
	body string
	size int
}

// quarantined returns what was set aside, which must be so many messages.
func (i *instance) quarantined(t *testing.T, count int) []quarantineMessage {
	t.Helper()
	waiting := i.queue(t, cloud.QuarantineQueue).Peek()
	if len(waiting) != count {
		t.Fatalf("%d messages were set aside, want %d", len(waiting), count)
	}
	list := make([]quarantineMessage, count)
	for at, each := range waiting {
		if err := json.Unmarshal(each.Body, &list[at]); err != nil {
			t.Fatalf("set aside as %.200s: %v", each.Body, err)
		}
		list[at].size = len(each.Body)
		list[at].body = list[at].open(t)
	}
	return list
}

func (q *quarantineMessage) open(t *testing.T) string {
	t.Helper()
	switch {
	case q.Body != nil:
		text, err := base64.StdEncoding.DecodeString(*q.Body)
		if err != nil {
			t.Errorf("body of %s: %v", q.MessageID, err)
		}
		return string(text)
	case q.BodyGzip != "":
		return row{"ActivityGzip0": q.BodyGzip}.activity(t)
	default:
		return ""
	}
}
