package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"chatgate/internal/backend"
	"chatgate/internal/consultant"
	"chatgate/internal/login"
	"chatgate/internal/problem"
	"chatgate/internal/redacted"
)

// LoginService is what bots log users in by, and act for them.
type LoginService struct {
	Broker   *login.Broker
	Callers  *login.Callers
	Verifier BotVerifier
	// Backends are the clients' systems, by assistant. For an assistant without
	// one nothing is forwarded.
	Backends map[string]*backend.Backend
}

// BotVerifier tells which bot's access token this is. Its errors are problems.
type BotVerifier interface {
	Bot(ctx context.Context, token redacted.Text) (consultant.Bot, error)
}

const (
	// maxLoginRequest bounds the body of a request. The sealed token in it may
	// have 20 KiB.
	maxLoginRequest = 32 << 10
	// loginTimeout bounds a request: at most two calls of the provider and a few
	// of the table.
	loginTimeout = 30 * time.Second
)

// loginCall is one request to the broker of a bot that may send it.
type loginCall struct {
	*exchange

	broker    *login.Broker
	assistant string
}

// loginAction finds what serves the last segment of a path, which ignores letter
// case.
func loginAction(name string) func(context.Context, *loginCall) error {
	switch strings.ToLower(name) {
	case "start":
		return startLogin
	case "poll":
		return pollLogin
	case "refresh":
		return refreshLogin
	case "signout":
		return signOut
	}
	return nil
}

// login serves bots. There is no CORS: no page ever asks.
func (s *server) login(x *exchange, rest segments) error {
	x.header().Set("Cache-Control", "no-store")
	if s.Login == nil {
		return noLogin()
	}
	named := rest.decoded()
	if len(named) != 2 {
		return notFound()
	}
	serve := loginAction(named[1])
	if serve == nil {
		return notFound()
	}
	if x.request.Method != http.MethodPost {
		return methodNotAllowed(x, http.MethodPost)
	}
	assistant, err := s.Login.admit(x, named[0])
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(x.request.Context(), loginTimeout)
	defer cancel()
	return serve(ctx, &loginCall{exchange: x, broker: s.Login.Broker, assistant: assistant})
}

func noLogin() error {
	return problem.New(problem.NotFound,
		"There is no login here. The operator turns it on with an assistant's setting LoginUrl or OAuthConnections.")
}

// admit lets an assistant's own bot in, and returns the assistant's id.
func (l *LoginService) admit(x *exchange, assistant string) (string, error) {
	token, err := accessToken(x, "Send the bot's own access token as Authorization: Bearer.")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(x.request.Context(), verifyTimeout)
	defer cancel()
	bot, err := l.Verifier.Bot(ctx, token)
	if err != nil {
		return "", err
	}
	caller := login.Caller{TenantID: bot.TenantID, ClientID: bot.ClientID}
	id, err := l.Callers.Authorize(assistant, caller, bot.Has(consultant.Broker))
	if err != nil {
		return "", err
	}
	x.event.assistant = id
	return id, nil
}

// members reads the body. Those that are required are named first.
func (c *loginCall) members(required int, names ...string) (map[string]string, error) {
	body, err := readBody(c.exchange, maxLoginRequest, smallBodyTimeout)
	if err != nil {
		return nil, err
	}
	members, err := decodeMembers(body, names...)
	if err != nil {
		return nil, err
	}
	for _, name := range names[:required] {
		if members[name] == "" {
			return nil, badRequest("The body lacks the member " + name + ".")
		}
	}
	return members, nil
}

func (c *loginCall) binding(members map[string]string) login.Binding {
	return login.Binding{Assistant: c.assistant, ConversationID: members["conversationId"], UserID: members["userId"]}
}

func startLogin(ctx context.Context, c *loginCall) error {
	given, err := c.members(2, "conversationId", "userId", "hint", "provider", "connection", "channelId", "serviceUrl")
	if err != nil {
		return err
	}
	started, err := c.broker.Start(ctx, login.StartRequest{
		Binding:    c.binding(given),
		Provider:   login.ProviderName(given["provider"]),
		Connection: given["connection"],
		Hint:       given["hint"],
		ChannelID:  given["channelId"],
		ServiceURL: given["serviceUrl"],
	})
	if err != nil {
		return err
	}
	return c.writeJSON(http.StatusCreated, jsonType, struct {
		Login       string `json:"login"`
		BindingCode string `json:"bindingCode,omitempty"`
		SignInLink  string `json:"signInLink,omitempty"`
		ExpiresIn   int    `json:"expires_in"`
		Interval    int    `json:"interval"`
	}{started.Login.Reveal(), started.BindingCode, started.SignInLink, lifeOf(started.ExpiresIn), pauseOf(started.Interval)})
}

func pollLogin(ctx context.Context, c *loginCall) error {
	given, err := c.members(3, "login", "conversationId", "userId", "code")
	if err != nil {
		return err
	}
	progress, err := c.broker.Poll(ctx, c.binding(given), redacted.New(given["login"]), given["code"])
	if err != nil {
		return err
	}
	c.event.details = append(c.event.details, slog.String("login", string(progress.Status)))
	answer := struct {
		Status    login.Status `json:"status"`
		Interval  int          `json:"interval"`
		Token     string       `json:"token,omitempty"`
		ExpiresIn int          `json:"expires_in,omitempty"`
	}{Status: progress.Status, Interval: pauseOf(progress.Interval)}
	if progress.Status == login.StatusApproved {
		answer.Token, answer.ExpiresIn = progress.Issued.Token.Reveal(), lifeOf(progress.Issued.ExpiresIn)
	}
	return c.writeJSON(http.StatusOK, jsonType, answer)
}

func refreshLogin(ctx context.Context, c *loginCall) error {
	given, err := c.members(2, "token", "conversationId")
	if err != nil {
		return err
	}
	issued, err := c.broker.Refresh(ctx, c.assistant, given["conversationId"], redacted.New(given["token"]))
	if err != nil {
		return err
	}
	return c.writeJSON(http.StatusOK, jsonType, struct {
		Token     string `json:"token"`
		ExpiresIn int    `json:"expires_in"`
	}{issued.Token.Reveal(), lifeOf(issued.ExpiresIn)})
}

func signOut(ctx context.Context, c *loginCall) error {
	given, err := c.members(2, "token", "conversationId")
	if err != nil {
		return err
	}
	if err := c.broker.SignOut(ctx, c.assistant, given["conversationId"], redacted.New(given["token"])); err != nil {
		return err
	}
	c.writer.WriteHeader(http.StatusNoContent)
	return nil
}

// lifeOf is a life in whole seconds, rounded down: nobody is to count on more.
func lifeOf(life time.Duration) int {
	return max(1, int(life/time.Second))
}

// pauseOf is a pause in whole seconds, of which there is at least one.
func pauseOf(pause time.Duration) int {
	return max(1, secondsOf(pause))
}
