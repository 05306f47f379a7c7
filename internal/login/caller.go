package login

import (
	"strings"

	"chatgate/internal/problem"
)

// Caller names a bot as the tokens that it gets for itself do: by its tenant and
// its client id in there, both in lower case. The zero value is nobody.
type Caller struct {
	TenantID string
	ClientID string
}

// Callers knows which bot may log in the users of which assistant. The zero value
// lets nobody. It may be used by several goroutines at once.
type Callers struct {
	bots map[string]Caller
}

// NewCallers returns the Callers of the assistants that have a login, by their
// lower-case ids. A caller that lacks a part never gets in.
func NewCallers(bots map[string]Caller) *Callers {
	own := make(map[string]Caller, len(bots))
	for assistant, bot := range bots {
		if bot.TenantID != "" && bot.ClientID != "" {
			own[assistant] = bot
		}
	}
	return &Callers{bots: own}
}

// Authorize decides whether a bot, whose token was verified, may act for an
// assistant, named in any letter case, and returns the assistant's id. brokers
// tells whether the token grants the role of a broker.
//
// The error is a [problem.Error]: unknown_assistant for every assistant that is
// not the bot's, whether there is such a one or not, else role_missing.
func (c *Callers) Authorize(assistant string, bot Caller, brokers bool) (string, error) {
	id := strings.ToLower(assistant)
	own, known := c.bots[id]
	if !known || own != bot {
		return "", problem.New(problem.UnknownAssistant,
			"You are the bot of no assistant of this id. Check the path, and that BotTenantId and BotClientId of the assistant are those of your token (tid, azp).")
	}
	if !brokers {
		return "", problem.New(problem.RoleMissing,
			"This needs the app role Login.Broker. Ask an administrator of the tenant to grant it to the bot's identity, then get a new token.")
	}
	return id, nil
}
