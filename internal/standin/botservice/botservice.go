// Package botservice stands for Azure Bot Service's part of Azure Resource
// Manager: the two calls by which the keys of a Direct Line site are listed and
// regenerated. The keys are those of the Direct Line stand-in, so that a
// regenerated one takes effect there.
package botservice

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/botservice/armbotservice"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/botservice/armbotservice/fake"

	"chatgate/internal/redacted"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
)

// Host is where Azure Resource Manager is reached.
const Host = "management.azure.com"

// Audience is what tokens for Azure Resource Manager carry.
const Audience = "https://management.core.windows.net/"

// The one bot that there is, and its site.
const (
	SubscriptionID = "0b1f6471-1bf0-4dda-aec3-cb9272f09590"
	ResourceGroup  = "rg-chatgate-local"
	Bot            = "chatgate-local-bot"
	SiteName       = "Default Site"

	// ResourceID names the bot.
	ResourceID = "/subscriptions/" + SubscriptionID + "/resourceGroups/" + ResourceGroup + "/providers/Microsoft.BotService/botServices/" + Bot
)

// Verifier accepts or refuses an access token. entra.Tenant is one.
type Verifier interface {
	Verify(token redacted.Text, audience string) error
}

// Service is the stand-in. It is an http.Handler for [Host] and may be used by
// several goroutines at once.
type Service struct {
	// Faults befall requests; see also [Listing] and [Regenerating].
	Faults faults.Injector

	verifier Verifier
	site     *directline.Server
	handler  http.Handler

	mu          sync.Mutex
	regenerated map[directline.Key]int
}

// New makes a bot whose Direct Line site is the given one.
func New(verifier Verifier, site *directline.Server) *Service {
	s := &Service{verifier: verifier, site: site, regenerated: map[directline.Key]int{}}
	s.handler = s.Faults.Wrap(http.HandlerFunc(s.serve))
	return s
}

// ServeHTTP answers as Azure Resource Manager does.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.handler.ServeHTTP(w, r)
}

// Regenerated is how often a key was regenerated through this service.
func (s *Service) Regenerated(key directline.Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.regenerated[key]
}

// Listing matches the requests that list the keys.
func Listing(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/listChannelWithKeys")
}

// Regenerating matches the requests that regenerate one.
func Regenerating(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/regeneratekeys")
}

// maxRequestBytes limits a request's body.
const maxRequestBytes = 64 << 10

// serve lets requests with a good token through to the SDK's fake, which
// otherwise is a transport inside the client's process.
func (s *Service) serve(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer") || s.verifier.Verify(redacted.New(token), Audience) != nil:
		w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="https://login.microsoftonline.com/common", error="invalid_token"`)
		fail(w, http.StatusUnauthorized, "AuthenticationFailed")
	case r.URL.Query().Get("api-version") == "":
		fail(w, http.StatusBadRequest, "MissingApiVersionParameter")
	case r.Method != http.MethodPost || !strings.HasPrefix(strings.ToLower(r.URL.Path), strings.ToLower(ResourceID+"/channels/DirectLineChannel/")):
		fail(w, http.StatusNotFound, "ResourceNotFound")
	default:
		s.dispatch(w, r)
	}
}

func (s *Service) dispatch(w http.ResponseWriter, r *http.Request) {
	var operation string
	var transport interface {
		Do(*http.Request) (*http.Response, error)
	}
	switch {
	case Listing(r):
		operation, transport = "ChannelsClient.ListWithKeys", fake.NewChannelsServerTransport(&fake.ChannelsServer{ListWithKeys: s.list})
	case Regenerating(r):
		operation, transport = "DirectLineClient.RegenerateKeys", fake.NewDirectLineServerTransport(&fake.DirectLineServer{RegenerateKeys: s.regenerate})
	default:
		fail(w, http.StatusNotFound, "ResourceNotFound")
		return
	}
	request := r.WithContext(context.WithValue(r.Context(), runtime.CtxAPINameKey{}, operation))
	request.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
	response, err := transport.Do(request)
	if err != nil {
		failAs(w, err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func (s *Service) list(context.Context, string, string, armbotservice.ChannelName, *armbotservice.ChannelsClientListWithKeysOptions) (
	answer azfake.Responder[armbotservice.ChannelsClientListWithKeysResponse], refusal azfake.ErrorResponder,
) {
	site := &armbotservice.DirectLineSite{
		SiteName: new(SiteName),
		Key:      new(s.site.Secret(directline.Key1).Reveal()),
		Key2:     new(s.site.Secret(directline.Key2).Reveal()),
	}
	answer.SetResponse(http.StatusOK, armbotservice.ChannelsClientListWithKeysResponse{
		ListChannelWithKeysResponse: armbotservice.ListChannelWithKeysResponse{Properties: channel(site)},
	}, nil)
	return answer, refusal
}

// regenerate answers without keys: they are promised only by the listing.
func (s *Service) regenerate(_ context.Context, _, _ string, _ armbotservice.RegenerateKeysChannelName, which armbotservice.SiteInfo, _ *armbotservice.DirectLineClientRegenerateKeysOptions) (
	answer azfake.Responder[armbotservice.DirectLineClientRegenerateKeysResponse], refusal azfake.ErrorResponder,
) {
	key, known := map[armbotservice.Key]directline.Key{armbotservice.KeyKey1: directline.Key1, armbotservice.KeyKey2: directline.Key2}[value(which.Key)]
	if !known || value(which.SiteName) != SiteName {
		refusal.SetResponseError(http.StatusBadRequest, "InvalidChannelData")
		return answer, refusal
	}
	s.site.Regenerate(key)
	s.mu.Lock()
	s.regenerated[key]++
	s.mu.Unlock()
	answer.SetResponse(http.StatusOK, armbotservice.DirectLineClientRegenerateKeysResponse{
		BotChannel: armbotservice.BotChannel{Properties: channel(&armbotservice.DirectLineSite{SiteName: new(SiteName)})},
	}, nil)
	return answer, refusal
}

func channel(site *armbotservice.DirectLineSite) *armbotservice.DirectLineChannel {
	site.IsEnabled, site.IsV3Enabled = new(true), new(true)
	return &armbotservice.DirectLineChannel{
		ChannelName: new("DirectLineChannel"),
		Properties:  &armbotservice.DirectLineChannelProperties{Sites: []*armbotservice.DirectLineSite{site}},
	}
}

func value[T any](from *T) T {
	var zero T
	if from == nil {
		return zero
	}
	return *from
}

// fail answers with an error of Azure Resource Manager's form.
func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":{"code":"`+code+`","message":"`+http.StatusText(status)+`"}}`)
}

// failAs answers with the error that a fake operation returned.
func failAs(w http.ResponseWriter, err error) {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		fail(w, refused.StatusCode, refused.ErrorCode)
		return
	}
	fail(w, http.StatusBadRequest, "BadRequest")
}
