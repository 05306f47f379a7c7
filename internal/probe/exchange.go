package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"chatgate/internal/outbound"
)

// maxAnswer bounds an answer.
const maxAnswer = 1 << 20

// question is a request. Without anything else it is a POST of no body from no
// origin.
type question struct {
	method string
	path   string
	body   string
	header map[string]string
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (p *prober) send(ctx context.Context, q question) (answer, error) {
	if q.method == "" {
		q.method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, q.method, p.base+q.path, strings.NewReader(q.body))
	if err != nil {
		return answer{}, fmt.Errorf("building the request: %w", outbound.Cause(err))
	}
	for name, value := range q.header {
		request.Header.Set(name, value)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return answer{}, outbound.Cause(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("reading the answer: %w", outbound.Cause(err))
	}
	return answer{response.StatusCode, response.Header, body}, nil
}

// tokenPath is the path of a token function.
func (p *prober) tokenPath(function string) string {
	path := "/api/" + function
	if p.assistant != "" {
		path += "/" + p.assistant
	}
	return path
}

// fromPage are the headers of a page's request.
func (p *prober) fromPage() map[string]string {
	return map[string]string{"Origin": p.origin, "Content-Type": "application/json"}
}

// code is the code of a problem document; "" where the body is none.
func (a answer) code() string {
	var document struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(a.body, &document) != nil {
		return ""
	}
	return outbound.Code(document.Code)
}

// describe says what came back, without its body, which can be a token.
func (a answer) describe() string {
	if code := a.code(); code != "" {
		return fmt.Sprintf("%d %s", a.status, code)
	}
	return strconv.Itoa(a.status)
}

var errThrottled = errors.New("too many requests from this address; wait a minute, or raise TokenRateLimit")

// wantStatus checks the status and, where codes are given, that the problem's
// code is one of them.
func (a answer) wantStatus(status int, codes ...string) error {
	if a.status == http.StatusTooManyRequests && status != a.status {
		return errThrottled
	}
	if a.status != status || len(codes) > 0 && !slices.Contains(codes, a.code()) {
		return fmt.Errorf("answered %s, want %s", a.describe(), strings.TrimSpace(fmt.Sprint(status, " ", strings.Join(codes, " or "))))
	}
	return nil
}

// wantNoToken checks that the answer is no grant.
func (a answer) wantNoToken() error {
	var found struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(a.body, &found) == nil && found.Token != "" {
		return errors.New("a token was issued")
	}
	return nil
}

// wantNoCORS checks that browsers will not show the answer to a page.
func (a answer) wantNoCORS() error {
	if allowed := a.header.Get("Access-Control-Allow-Origin"); allowed != "" {
		return errors.New("the answer has Access-Control-Allow-Origin, so that a foreign page can read it")
	}
	return nil
}

// grant is the answer of GetNewToken and RefreshToken.
type grant struct {
	Token          string `json:"token"`
	ExpiresIn      int    `json:"expires_in"`
	ConversationID string `json:"conversationId"`
	UserID         string `json:"userId"`
	Domain         string `json:"domain"`
	Visitor        string `json:"visitor"`
}

// granted reads an answer that must be a grant.
func (p *prober) granted(a answer) (grant, error) {
	if err := a.wantStatus(http.StatusOK); err != nil {
		return grant{}, err
	}
	var got grant
	if err := json.Unmarshal(a.body, &got); err != nil {
		return grant{}, errors.New("the answer is not the JSON object expected")
	}
	switch {
	case got.Token == "" || got.ExpiresIn < 1:
		return grant{}, errors.New("the answer lacks token or expires_in")
	case !strings.HasPrefix(got.Domain, "https://") && strings.HasPrefix(p.base, "https://"):
		return grant{}, errors.New("domain is not https")
	case a.header.Get("Access-Control-Allow-Origin") != p.origin:
		return grant{}, errors.New("Access-Control-Allow-Origin is not the page's origin: another CORS setting (the platform's?) is in the way")
	case !strings.Contains(strings.ToLower(a.header.Get("Cache-Control")), "no-store"):
		return grant{}, errors.New("the answer may be cached: Cache-Control lacks no-store")
	}
	return got, nil
}
