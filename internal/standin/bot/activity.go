package bot

import "encoding/json"

// Activity is a Bot Framework activity, as far as the bot uses it.
type Activity struct {
	Type             string            `json:"type"`
	ID               string            `json:"id,omitempty"`
	Timestamp        string            `json:"timestamp,omitempty"`
	ServiceURL       string            `json:"serviceUrl,omitempty"`
	ChannelID        string            `json:"channelId,omitempty"`
	From             Account           `json:"from"`
	Conversation     Account           `json:"conversation"`
	Recipient        Account           `json:"recipient"`
	ReplyToID        string            `json:"replyToId,omitempty"`
	Locale           string            `json:"locale,omitempty"`
	MembersAdded     []Account         `json:"membersAdded,omitempty"`
	Text             string            `json:"text,omitempty"`
	TextFormat       string            `json:"textFormat,omitempty"`
	InputHint        string            `json:"inputHint,omitempty"`
	AttachmentLayout string            `json:"attachmentLayout,omitempty"`
	Attachments      []Attachment      `json:"attachments,omitempty"`
	SuggestedActions *SuggestedActions `json:"suggestedActions,omitempty"`
	Name             string            `json:"name,omitempty"`
	Value            json.RawMessage   `json:"value,omitempty"`
}

// Account is a party of a conversation, or the conversation itself.
type Account struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	Role string `json:"role,omitempty"`
}

// Attachment is a card or a file.
type Attachment struct {
	ContentType string          `json:"contentType"`
	ContentURL  string          `json:"contentUrl,omitempty"`
	Content     json.RawMessage `json:"content,omitempty"`
	Name        string          `json:"name,omitempty"`
}

// SuggestedActions are the buttons under the newest message.
type SuggestedActions struct {
	Actions []CardAction `json:"actions"`
}

// CardAction is a button.
type CardAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	Value string `json:"value"`
}

// message is a plain message of the bot.
func message(text string) Activity {
	return Activity{Type: "message", Text: text, TextFormat: "plain", InputHint: "acceptingInput"}
}
