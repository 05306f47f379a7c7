package probe

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// refusals are the checks of what the token functions must deny.
func refusals() []check {
	return []check{
		{"a foreign origin is denied", denies(func(*prober) string { return "https://chatgate-probe.invalid" })},
		{"the origin null is denied", denies(func(*prober) string { return "null" })},
		{"an origin that begins like ours is denied", denies(func(p *prober) string { return p.origin + ".chatgate-probe.invalid" })},
		{"a foreign page's preflight is denied", foreignPreflight},
		{"a foreign page's refresh is denied", foreignRefresh},
		{"a forged visitor is ignored", forgedVisitor},
		{"a changed visitor token is ignored", changedVisitor},
		{"a refresh without a token is denied", missingToken},
		{"a garbage token is denied", refuses(garbage, "token_invalid", "token_expired")},
		{"an expired token is denied", refuses(expired(), "token_expired")},
		{"an unknown assistant is denied", unknownAssistant},
	}
}

// denies checks that a page of another origin gets no token.
func denies(origin func(*prober) string) func(context.Context, *prober) error {
	return func(ctx context.Context, p *prober) error {
		got, err := p.send(ctx, question{path: p.tokenPath("GetNewToken"), header: map[string]string{"Origin": origin(p)}})
		if err != nil {
			return err
		}
		return errors.Join(got.wantNoToken(), got.wantNoCORS(), got.wantStatus(http.StatusForbidden, "origin_not_allowed"))
	}
}

func foreignPreflight(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, p.askPreflight("https://chatgate-probe.invalid"))
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoCORS(), got.wantStatus(http.StatusForbidden))
}

func foreignRefresh(ctx context.Context, p *prober) error {
	token := p.first.Token
	if token == "" {
		token = garbage
	}
	got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: map[string]string{
		"Origin": "https://chatgate-probe.invalid", "Authorization": "Bearer " + token,
	}})
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoToken(), got.wantNoCORS(), got.wantStatus(http.StatusForbidden, "origin_not_allowed"))
}

// forgedUser is the user that forged visitor tokens name.
const forgedUser = "dl_chatgateprobeforgeduser0"

// forgedVisitor shows a token of the right form that nobody signed.
func forgedVisitor(ctx context.Context, p *prober) error {
	forged := jwt(`{"alg":"none","typ":"JWT"}`,
		`{"iss":"chatgate","aud":"`+p.assistant+`","sub":"`+forgedUser+`","iat":1700000000,"exp":4102444800}`, "")
	got, err := p.askToken(ctx, forged)
	if err != nil {
		return err
	}
	if got.UserID == forgedUser {
		return errors.New("anybody can become any user: an unsigned visitor token was believed")
	}
	return nil
}

// changedVisitor shows a token of the app's own with another signature.
func changedVisitor(ctx context.Context, p *prober) error {
	if p.first.Token == "" {
		return errNoToken
	}
	at := strings.LastIndexByte(p.first.Visitor, '.')
	if at < 0 {
		return skip("visitor tokens are off (VisitorKeySecretName)")
	}
	signature := strings.Repeat("A", len(p.first.Visitor)-at-1)
	got, err := p.askToken(ctx, p.first.Visitor[:at+1]+signature)
	if err != nil {
		return err
	}
	if got.UserID == p.first.UserID {
		return errors.New("anybody can become any user: the visitor token's signature does not count")
	}
	return nil
}

func missingToken(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: p.fromPage()})
	if err != nil {
		return err
	}
	if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
		err = errors.New("the answer lacks WWW-Authenticate: Bearer")
	}
	return errors.Join(err, got.wantNoToken(), got.wantStatus(http.StatusUnauthorized, "token_missing"))
}

// garbage has the characters of a token and is none.
const garbage = "chatgate-probe-garbage"

// expired returns a token of Direct Line's form that has expired.
func expired() string {
	return jwt(`{"alg":"RS256","kid":"probe","typ":"JWT"}`, `{"user":"dl_probe","conv":"probe","nbf":1600000000,"exp":1600003600}`, "probe")
}

// jwt joins the parts of a token.
func jwt(header, claims, signature string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode([]byte(signature))
}

// refuses checks that a token cannot be refreshed.
func refuses(token string, codes ...string) func(context.Context, *prober) error {
	return func(ctx context.Context, p *prober) error {
		header := p.fromPage()
		header["Authorization"] = "Bearer " + token
		got, err := p.send(ctx, question{path: p.tokenPath("RefreshToken"), header: header})
		if err != nil {
			return err
		}
		return errors.Join(got.wantNoToken(), got.wantStatus(http.StatusUnauthorized, codes...))
	}
}

func unknownAssistant(ctx context.Context, p *prober) error {
	got, err := p.send(ctx, question{path: "/api/GetNewToken/chatgateprobeknowsnone", header: p.fromPage()})
	if err != nil {
		return err
	}
	return errors.Join(got.wantNoToken(), got.wantStatus(http.StatusNotFound, "unknown_assistant"))
}

// outsiders are the checks of paths that nobody outside may use.
func outsiders() []check {
	all := append(closedTrigger("PersistConversation", "activities"), closedTrigger("RotateDirectLineKey", "events")...)
	return append(all,
		closed(http.MethodGet, "/admin/host/status", "", ""),
		closed(http.MethodGet, "/admin/functions", "", ""),
		closed(http.MethodGet, "/admin/vfs/host.json", "", ""),
		closed(http.MethodGet, "/runtime/webhooks/durabletask/instances", "", ""),
		closed(http.MethodGet, "/api/desk/assistants", "", ""),
		closed(http.MethodGet, "/api/desk/assistants", "", garbage),
		closed(http.MethodGet, "/api/desk/assistants", "", expired()),
	)
}

// closedTrigger checks that nobody outside can invoke a trigger. An empty batch
// would do nothing if it were let in.
func closedTrigger(name, binding string) []check {
	batch := `{"Data":{"` + binding + `":"[]"},"Metadata":{}}`
	return []check{
		closed(http.MethodPost, "/"+name, batch, ""),
		closed(http.MethodPost, "/api/"+name, batch, ""),
		closed(http.MethodPost, "/api/site/../../"+name, batch, ""),
		closed(http.MethodPost, "/admin/functions/"+name, batch, ""),
	}
}

// closed checks that a path gives nothing to an outsider.
func closed(method, path, body, token string) check {
	name, header := method+" "+path+" is denied", map[string]string{"Content-Type": "application/json"}
	switch token {
	case "":
	case garbage:
		name, header["Authorization"] = method+" "+path+" with a garbage token is denied", "Bearer "+token
	default:
		name, header["Authorization"] = method+" "+path+" with an expired token is denied", "Bearer "+token
	}
	return check{name, func(ctx context.Context, p *prober) error {
		got, err := p.send(ctx, question{method: method, path: path, body: body, header: header})
		if err != nil {
			return err
		}
		switch got.status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
			return nil
		default:
			return fmt.Errorf("answered %s, want 401, 403, 404 or 405", got.describe())
		}
	}}
}
