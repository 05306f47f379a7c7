package bus

import (
	"net/http"
	"testing"
)

// FuzzSend feeds the decoder of the REST send: whatever comes, it gives messages
// that fit together or an error, and never panics.
func FuzzSend(f *testing.F) {
	f.Add("application/json", `{"MessageId":"m"}`, `"demo"`, []byte(`{"type":"message"}`))
	f.Add(batchType, "", "3", []byte(`[{"Body":"b","UserProperties":{"a":1}}]`))
	f.Add(batchType+"; charset=utf-8", "null", `"`, []byte(`[{"Body":"!","IsBodyBase64":true}]`))
	f.Fuzz(func(t *testing.T, contentType, broker, property string, body []byte) {
		header := http.Header{"Content-Type": {contentType}, "Brokerproperties": {broker}, "Assistant": {property}}
		messages, err := decodeSend(header, body)
		if err != nil {
			if statusOf(err) != http.StatusBadRequest {
				t.Errorf("status %d for %v", statusOf(err), err)
			}
			return
		}
		if len(messages) == 0 {
			t.Error("neither a message nor an error")
		}
		for _, message := range messages {
			if len([]rune(message.ID)) > maxMessageID {
				t.Errorf("id of %d characters", len([]rune(message.ID)))
			}
			for name, value := range message.Properties {
				switch value.(type) {
				case string, float64, bool:
				default:
					t.Errorf("property %q is a %T", name, value)
				}
			}
		}
	})
}
