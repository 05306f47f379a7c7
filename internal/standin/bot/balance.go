package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"chatgate/internal/redacted"
)

// Chatgate's codes for a token that the client's system takes no more, and for one
// that Chatgate cannot open.
const (
	loginAgain   = "login_again"
	loginUnknown = "login_unknown"
)

// statement is the back end's answer to GET balance.
type statement struct {
	Customer string `json:"customer"`
	Balance  string `json:"balance"`
	Currency string `json:"currency"`
	Accounts []struct {
		Name     string `json:"name"`
		ID       string `json:"id"`
		Balance  string `json:"balance"`
		Currency string `json:"currency"`
	} `json:"accounts"`
}

// balance shows what the user has in the bank.
func (b *Bot) balance(ctx context.Context, received Activity) error {
	found, err := b.readBalance(ctx, personOf(received))
	switch {
	case err == nil:
		return b.reply(ctx, received, balanceCard(found))
	case errors.Is(err, errNotLoggedIn):
		return b.reply(ctx, received, mustLogIn("I may not see your balance unless you log in."))
	case isOver(err):
		return b.reply(ctx, received, mustLogIn("Your login has ended. Please log in again."))
	}
	b.options.Logger.Warn("reading a balance failed", "error", err)
	return b.reply(ctx, received, message("The bank does not answer just now. Please ask again later."))
}

func mustLogIn(why string) Activity {
	answer := message(why)
	answer.SuggestedActions = suggestions("log in")
	return answer
}

var errNotLoggedIn = errors.New("nobody is logged in")

// readBalance refreshes the token once where it is not taken any more. If that
// does not help, the login is over.
func (b *Bot) readBalance(ctx context.Context, who person) (statement, error) {
	of := b.logins.session(who)
	if of == nil {
		return statement{}, errNotLoggedIn
	}
	of.using.Lock()
	defer of.using.Unlock()
	token := b.logins.token(of)
	if token.IsEmpty() {
		return statement{}, errNotLoggedIn
	}
	found, err := b.askBank(ctx, who, token)
	if codeOf(err) == loginAgain {
		found, err = b.askBankAnew(ctx, who, of)
	}
	if isOver(err) {
		b.forget(ctx, who, of)
	}
	return found, err
}

// isOver tells that only a new login helps.
func isOver(err error) bool {
	code := codeOf(err)
	return code == loginAgain || code == loginUnknown
}

func (b *Bot) askBankAnew(ctx context.Context, who person, of *session) (statement, error) {
	renewed, err := b.logins.api.refresh(ctx, b.logins.token(of), who.conversation)
	if err != nil {
		return statement{}, err
	}
	b.logins.keep(who, renewed)
	return b.askBank(ctx, who, renewed)
}

func (b *Bot) askBank(ctx context.Context, who person, token redacted.Text) (statement, error) {
	var found statement
	err := b.logins.api.get(ctx, "balance", token, who.conversation, &found)
	return found, err
}

// balanceCard is a statement as a card, and as text for who cannot see it.
func balanceCard(found statement) Activity {
	type fact struct {
		Title string `json:"title"`
		Value string `json:"value"`
	}
	facts := make([]fact, 0, len(found.Accounts))
	for _, account := range found.Accounts {
		facts = append(facts, fact{account.Name + " " + account.ID, account.Currency + " " + account.Balance})
	}
	total := found.Currency + " " + found.Balance
	answer := message("Your balance is " + total + ".")
	card, err := json.Marshal(map[string]any{
		"type": "AdaptiveCard", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "version": "1.5",
		"fallbackText": fmt.Sprintf("%s has %s.", found.Customer, total),
		"body": []any{
			map[string]any{"type": "TextBlock", "text": found.Customer, "isSubtle": true, "wrap": true},
			map[string]any{"type": "TextBlock", "text": total, "size": "extraLarge", "weight": "bolder", "wrap": true},
			map[string]any{"type": "FactSet", "facts": facts},
		},
	})
	if err == nil {
		answer.Attachments = []Attachment{{ContentType: adaptiveCardType, Content: card}}
	}
	answer.SuggestedActions = suggestions("balance", "log out")
	return answer
}

// oauthCardType is that of the card whose button Web Chat extends by the session's
// id, so that the sign-in needs no code.
const oauthCardType = "application/vnd.microsoft.card.oauth"

func signInCard(connection, link string) Activity {
	answer := message("")
	card, err := json.Marshal(map[string]any{
		"text": "Sign in to " + connection + ". If the page shows a code, type it here.", "connectionName": connection,
		"buttons": []CardAction{{Type: "signin", Title: "Sign in", Value: link}},
	})
	if err == nil {
		answer.Attachments = []Attachment{{ContentType: oauthCardType, Content: card}}
	}
	return answer
}
