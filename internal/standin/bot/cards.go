package bot

import "encoding/json"

// The content types of the cards that Web Chat draws.
const (
	adaptiveCardType = "application/vnd.microsoft.card.adaptive"
	heroCardType     = "application/vnd.microsoft.card.hero"
)

// cards is one message with an adaptive card, which sends a form back, and a
// hero card, whose button speaks for the user.
func cards() Activity {
	answer := message("Two kinds of cards:")
	answer.AttachmentLayout = "list"
	answer.Attachments = []Attachment{
		{ContentType: adaptiveCardType, Content: json.RawMessage(adaptiveCard)},
		{ContentType: heroCardType, Content: json.RawMessage(heroCard)},
	}
	return answer
}

const adaptiveCard = `{
	"type": "AdaptiveCard",
	"$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
	"version": "1.5",
	"fallbackText": "A form that asks how the chat is going.",
	"body": [
		{"type": "TextBlock", "size": "medium", "weight": "bolder", "text": "How is the chat going?"},
		{"type": "FactSet", "facts": [
			{"title": "Channel", "value": "Direct Line"},
			{"title": "Card", "value": "Adaptive Card 1.5"}
		]},
		{"type": "Input.Text", "id": "remark", "label": "Your remark", "placeholder": "Fine, thank you"}
	],
	"actions": [{"type": "Action.Submit", "title": "Send", "data": {"form": "remark"}}]
}`

const heroCard = `{
	"title": "A hero card",
	"subtitle": "With a button that speaks for you",
	"text": "The button below says help.",
	"buttons": [{"type": "imBack", "title": "Say help", "value": "help"}]
}`
