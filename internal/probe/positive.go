package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func health(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, question{method: http.MethodGet, path: "/api/Health"})
	if err != nil {
		return final(fmt.Sprintf("%s cannot be reached (%v); check URL, and that the app is started. Nothing else can be tried", p.base, err))
	}
	var said struct {
		Status  string   `json:"status"`
		Version string   `json:"version"`
		Failing []string `json:"failing"`
	}
	if json.Unmarshal(got.body, &said) == nil && len(said.Failing) > 0 {
		return fmt.Errorf("answered %d, failing: %q", got.status, said.Failing)
	}
	if err := got.wantStatus(http.StatusOK); err != nil {
		return err
	}
	if said.Status != "ok" || said.Version == "" {
		return errors.New("the answer is not that of Chatgate")
	}
	return nil
}

func preflight(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, p.askPreflight(p.origin))
	if err != nil {
		return err
	}
	if got.code() == "origin_not_allowed" {
		return final("ORIGIN " + p.origin + " is not in the assistant's AllowedOrigins; name one that is, or add it there. Nothing else can be tried")
	}
	if err := got.wantStatus(http.StatusNoContent); err != nil {
		return err
	}
	if got.header.Get("Access-Control-Allow-Origin") != p.origin {
		return errors.New("Access-Control-Allow-Origin is not the page's origin")
	}
	if !strings.Contains(got.header.Get("Access-Control-Allow-Methods"), http.MethodPost) {
		return errors.New("POST is not among Access-Control-Allow-Methods")
	}
	allowed := strings.ToLower(got.header.Get("Access-Control-Allow-Headers"))
	for _, name := range []string{"authorization", "content-type", "x-ms-bot-agent"} {
		if !strings.Contains(allowed, name) {
			return fmt.Errorf("%s is not among Access-Control-Allow-Headers", name)
		}
	}
	return nil
}

func (p *prober) askPreflight(origin string) question {
	return question{method: http.MethodOptions, path: p.tokenPath("GetNewToken"), header: map[string]string{
		"Origin": origin, "Access-Control-Request-Method": http.MethodPost, "Access-Control-Request-Headers": "content-type",
	}}
}

func issue(ctx context.Context, p *prober) error {
	got, err := p.askToken(ctx, "")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(got.UserID, "dl_") || got.ConversationID == "" {
		return errors.New("the token is bound to no user of ours, or to no conversation")
	}
	p.first = got
	return nil
}

// askToken asks for a token as the page would, for a visitor if there is one.
func (p *prober) askToken(ctx context.Context, visitor string) (grant, error) {
	q := question{path: p.tokenPath("GetNewToken"), header: p.fromPage()}
	if visitor != "" {
		q.body = `{"visitor":` + strconv.Quote(visitor) + `}`
	}
	got, err := p.send(ctx, q)
	if err != nil {
		return grant{}, err
	}
	return p.granted(got)
}

var errNoToken = errors.New("there is no token to try it with; see above")

func refresh(ctx context.Context, p *prober) error {
	if p.first.Token == "" {
		return errNoToken
	}
	header := p.fromPage()
	header["Authorization"] = "Bearer " + p.first.Token
	got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: header})
	if err != nil {
		return err
	}
	fresh, err := p.granted(got)
	if err != nil {
		return err
	}
	if fresh.ConversationID != p.first.ConversationID {
		return errors.New("the refreshed token is for another conversation")
	}
	return nil
}

func comeBack(ctx context.Context, p *prober) error {
	if p.first.Token == "" {
		return errNoToken
	}
	if p.first.Visitor == "" {
		return skip("visitor tokens are off (VisitorKeySecretName)")
	}
	got, err := p.askToken(ctx, p.first.Visitor)
	if err != nil {
		return err
	}
	if got.UserID != p.first.UserID {
		return errors.New("the visitor became another user")
	}
	if got.ConversationID == p.first.ConversationID {
		return errors.New("the visitor got somebody's running conversation")
	}
	return nil
}
