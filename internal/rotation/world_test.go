package rotation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"

	"chatgate/internal/botservice"
	"chatgate/internal/directline"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
	standin "chatgate/internal/standin/botservice"
	"chatgate/internal/standin/cloud"
	site "chatgate/internal/standin/directline"
	"chatgate/internal/standin/entra"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const secretName = cloud.DirectLineSecret

// world is the stand-ins of Azure, and real clients of them.
type world struct {
	*cloud.Cloud

	writer   *secrets.Writer
	network  *network
	progress *lines
}

func newWorld(t *testing.T) *world {
	t.Helper()
	azure, err := cloud.Start(t.Context(), cloud.Options{Assistant: "bankx"})
	if err != nil {
		t.Fatal(err)
	}
	transport := azure.Proxy.Transport()
	w := &world{Cloud: azure, network: &network{next: &http.Client{Transport: transport}}, progress: &lines{}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		azure.Vault.Faults.Clear()
		azure.BotService.Faults.Clear()
		if err := azure.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	w.writer = secrets.NewWriter(w.vault(t, &http.Client{Transport: transport}))
	return w
}

// credential is the managed identity without its endpoint.
type credential struct{ tenant *entra.Tenant }

func (c credential) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, expires, err := c.tenant.Token(strings.TrimSuffix(options.Scopes[0], "/.default"))
	return azcore.AccessToken{Token: token.Reveal(), ExpiresOn: expires}, err
}

func options(transport policy.Transporter) policy.ClientOptions {
	return policy.ClientOptions{
		Transport: transport,
		Retry:     policy.RetryOptions{MaxRetries: 2, RetryDelay: time.Millisecond, MaxRetryDelay: 2 * time.Millisecond},
	}
}

func (w *world) vault(t *testing.T, transport policy.Transporter) *secrets.Vault {
	t.Helper()
	vault, err := secrets.NewVault(w.Vault.URL(), credential{w.Tenant}, &secrets.VaultOptions{ClientOptions: options(transport)})
	if err != nil {
		t.Fatal(err)
	}
	return vault
}

func (w *world) line(t *testing.T, transport policy.Transporter) *directline.Client {
	t.Helper()
	line, err := directline.NewClient("https://"+cloud.DirectLineHost+"/v3/directline", &directline.ClientOptions{ClientOptions: options(transport)})
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func localSite() botservice.Site {
	return botservice.Site{SubscriptionID: standin.SubscriptionID, ResourceGroup: standin.ResourceGroup, Bot: standin.Bot, Name: standin.SiteName}
}

// rotator returns a rotator with nothing in its memory, whose requests pass
// through w.network.
func (w *world) rotator(t *testing.T, change ...func(*rotation.Assistant)) *rotation.Rotator {
	t.Helper()
	keys, err := botservice.NewClient(localSite(), credential{w.Tenant}, &botservice.ClientOptions{ClientOptions: options(w.network)})
	if err != nil {
		t.Fatal(err)
	}
	assistant := rotation.Assistant{
		ID: "bankx", SecretName: secretName, BotResourceID: standin.ResourceID, SiteName: standin.SiteName,
		Keys: keys, DirectLine: w.line(t, w.network),
	}
	for _, each := range change {
		each(&assistant)
	}
	return rotation.New(w.Vault.URL(), secrets.NewWriter(w.vault(t, w.network)), []rotation.Assistant{assistant},
		&rotation.Options{Progress: w.progress.add})
}

// current is the secret as the vault has it.
func (w *world) current(t *testing.T) secrets.Details {
	t.Helper()
	details, err := w.writer.Current(context.WithoutCancel(t.Context()), secretName)
	if err != nil {
		t.Fatal(err)
	}
	return details
}

// inUse is the key whose value the vault has; 0 where it is of neither.
func (w *world) inUse(t *testing.T) site.Key {
	t.Helper()
	value := w.current(t).Value.Reveal()
	for _, key := range []site.Key{site.Key1, site.Key2} {
		if w.DirectLine.Secret(key).Reveal() == value {
			return key
		}
	}
	return 0
}

func otherOf(key site.Key) site.Key {
	return site.Key1 + site.Key2 - key
}

// event is what Event Grid puts into the queue for a version of the secret.
func (w *world) event(version string) string {
	return eventOf(w.Vault.URL()+"/secrets/"+secretName+"/"+version, nil)
}

// eventOf is an event in Event Grid's own schema; change edits it.
func eventOf(id string, change func(event, data map[string]any)) string {
	parts := strings.Split(id, "/")
	data := map[string]any{
		"Id": id, "VaultName": "chatgate-local", "ObjectType": "Secret", "ObjectName": parts[len(parts)-2], "Version": parts[len(parts)-1],
		"NBF": nil, "EXP": 1814832000,
	}
	event := map[string]any{
		"id": "00eccf70-95a7-4e7c-8299-2eb17ee9ad64", "topic": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v",
		"subject": secretName, "eventType": "Microsoft.KeyVault.SecretNearExpiry", "eventTime": "2026-06-01T10:00:00Z",
		"data": data, "dataVersion": "1", "metadataVersion": "1",
	}
	if change != nil {
		change(event, data)
	}
	text, err := json.Marshal(event)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// handle delivers a message and returns the results.
func handle(t *testing.T, r *rotation.Rotator, body string) []rotation.Outcome {
	t.Helper()
	outcomes, err := r.Handle(t.Context(), []byte(body))
	if err != nil {
		t.Fatalf("Handle: %v", err)
	}
	return outcomes
}

// want checks the result of a message with one event.
func want(t *testing.T, outcomes []rotation.Outcome, result rotation.Result) rotation.Outcome {
	t.Helper()
	if len(outcomes) != 1 || outcomes[0].Result != result {
		t.Fatalf("outcomes %+v, want one %s", outcomes, result)
	}
	return outcomes[0]
}

// network passes requests on, counts them, and lets something happen at one of
// them.
type network struct {
	next policy.Transporter

	mu     sync.Mutex
	count  int
	before map[int]func()
	after  map[int]func()
}

var errCrashed = errors.New("the process has ended")

// plan forgets what was and makes things happen before or after the nth request.
func (n *network) plan(before, after map[int]func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.count, n.before, n.after = 0, before, after
}

func (n *network) requests() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

func (n *network) Do(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.count++
	before, after := n.before[n.count], n.after[n.count]
	n.mu.Unlock()
	if before != nil {
		before()
	}
	if r.Context().Err() != nil {
		return nil, errCrashed
	}
	response, err := n.next.Do(r)
	if after != nil {
		after()
	}
	if err == nil && r.Context().Err() != nil {
		_ = response.Body.Close()
		return nil, errCrashed
	}
	return response, err
}

// lines collects what people are told.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) add(_ context.Context, assistant, step string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(assistant + ": " + step + "\n")
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
