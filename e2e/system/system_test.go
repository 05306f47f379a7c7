package system_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
)

const (
	// page is the origin of the web page that embeds the chat.
	page = "https://www.bankx.example"

	// assistant is the one assistant of most tests.
	assistant = "bankx"

	// patience is how long a test waits for what should happen at once, on a
	// machine that has other things to do.
	patience = 60 * time.Second
)

// System is Azure around one Chatgate app: the stand-ins, and the settings of
// the app. Handlers and hosts are started in it.
type System struct {
	*cloud.Cloud

	// Tables is nil where the test did not ask for tables.
	Tables *tables
	// TableFaults befall the handler's requests to the table service.
	TableFaults faults.Injector

	settings []string
	canaries canaries
}

// newSystem starts what a test needs of Azure, without a table service: the
// handler's requests to one would be noticed.
func newSystem(t *testing.T, options cloud.Options) *System {
	t.Helper()
	options.Assistant = assistant
	options.Origins = []string{page}
	if options.DirectLine == nil {
		options.DirectLine = &directline.Options{}
	}
	options.DirectLine.SigningKey = shared.signingKey()
	azure, err := cloud.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s := &System{Cloud: azure}
	t.Cleanup(func() { s.close(t) })
	s.settings = append(azure.Env(), "ConversationStore__tableServiceUri=https://absent.table.core.windows.net")
	for _, setting := range s.settings {
		if header, found := strings.CutPrefix(setting, "IDENTITY_HEADER="); found {
			s.canaries.add("identity header", header)
		}
	}
	for _, key := range []directline.Key{directline.Key1, directline.Key2} {
		s.canaries.add("Direct Line secret", azure.DirectLine.Secret(key).Reveal())
	}
	return s
}

// newSystemWithTables starts what a test needs of Azure, with an account of its
// own in a real Azurite.
func newSystemWithTables(t *testing.T, options cloud.Options) *System {
	t.Helper()
	found := newTables(t)
	s := newSystem(t, options)
	s.Tables = found
	s.Proxy.Handle(found.host, s.TableFaults.Wrap(found.service))
	s.set("ConversationStore__tableServiceUri=https://" + found.host)
	return s
}

// set adds app settings of the form name=value; later ones win.
func (s *System) set(settings ...string) {
	s.settings = append(s.settings, settings...)
}

// addAssistant sets a further assistant, with a Direct Line site of its own
// behind a host name of its own.
func (s *System) addAssistant(id, secretName string, site http.Handler) {
	host := id + ".botframework.example"
	s.Proxy.Handle(host, http.StripPrefix("/v3/directline", site))
	prefix := "Assistants__" + id + "__"
	s.set(
		prefix+"DirectLineSecretName="+secretName,
		prefix+"DirectLineEndpoint=https://"+host+"/v3/directline",
		prefix+"AllowedOrigins="+page,
	)
}

// close ends the stand-ins; what runs in the system has ended by now.
func (s *System) close(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.TableFaults.Clear()
	s.Vault.Faults.Clear()
	if refused := s.Proxy.Refused(); len(refused) > 0 {
		t.Errorf("the handler called addresses that no setting names: %v", refused)
	}
	if err := s.Close(ctx); err != nil {
		t.Errorf("closing the stand-ins: %v", err)
	}
}

// canaries are texts that nobody may ever read in a log, an answer or a table.
// They may be used by several goroutines at once.
type canaries struct {
	mu    sync.Mutex
	known []canary
}

type canary struct{ what, text string }

func (c *canaries) add(what, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := func(other canary) bool { return other.text == text }
	if text != "" && !slices.ContainsFunc(c.known, known) {
		c.known = append(c.known, canary{what, text})
	}
}

// base64Form is a run of base64 that may hold something.
var base64Form = regexp.MustCompile(`[A-Za-z0-9+/_-]{12,}`)

// disguised is a text and whatever in it is base64, decoded.
func disguised(text string) string {
	var all strings.Builder
	all.WriteString(text)
	for _, run := range base64Form.FindAllString(text, -1) {
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if decoded, err := alphabet.DecodeString(run); err == nil {
				all.WriteByte('\n')
				all.Write(decoded)
			}
		}
	}
	return all.String()
}

// foundIn names the canaries that a text holds, in plain or in base64.
func (c *canaries) foundIn(text string) []string {
	text = disguised(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []string
	for _, each := range c.known {
		if strings.Contains(text, each.text) {
			found = append(found, fmt.Sprintf("a %s (%d characters)", each.what, len(each.text)))
		}
	}
	return found
}
