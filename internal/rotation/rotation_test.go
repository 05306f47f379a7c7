package rotation_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"chatgate/internal/redacted"
	"chatgate/internal/rotation"
	"chatgate/internal/secrets"
	standin "chatgate/internal/standin/botservice"
	site "chatgate/internal/standin/directline"
	"chatgate/internal/standin/faults"
)

func TestAnEventPutsTheOtherKeyIntoTheVault(t *testing.T) {
	w := newWorld(t)
	old := w.current(t)
	start := time.Now().Truncate(time.Second)
	outcome := want(t, handle(t, w.rotator(t), w.event(old.Version)), rotation.Rotated)

	current := w.current(t)
	if w.inUse(t) != site.Key2 || current.Version == old.Version || outcome.Version != current.Version || outcome.Key != "key2" {
		t.Errorf("key %d is in use, version %s; outcome %+v", w.inUse(t), current.Version, outcome)
	}
	if w.DirectLine.Secret(site.Key1).Reveal() != old.Value.Reveal() {
		t.Error("the key that was in use is no longer valid")
	}
	for tag, value := range map[string]string{
		"CredentialId": "key2", "ValidityPeriodDays": "180", "ProviderAddress": standin.ResourceID, "DirectLineSite": standin.SiteName,
	} {
		if current.Tags[tag] != value {
			t.Errorf("tag %s is %q, want %q", tag, current.Tags[tag], value)
		}
	}
	if low, high := start.AddDate(0, 0, 180), time.Now().AddDate(0, 0, 180); current.Expires.Before(low) || current.Expires.After(high) {
		t.Errorf("it expires at %s", current.Expires)
	}
}

func TestTheNextVersionKeepsWhatPeoplePutBesideTheSecret(t *testing.T) {
	w := newWorld(t)
	for given, days := range map[string]int{"31": 31, "": 180, "soon": 180, "0": 180, "-5": 180, "99999": 180, "90": 90,
		// Key Vault reports a version 30 days before its end: this one would be
		// rotated at once and for ever.
		"30": 180,
	} {
		t.Run("ValidityPeriodDays "+given, func(t *testing.T) {
			version, err := w.writer.Write(t.Context(), secretName, secrets.Draft{
				Value: w.DirectLine.Secret(site.Key2), ContentType: "text/plain",
				Tags: map[string]string{"owner": "team", "ValidityPeriodDays": given},
			})
			if err != nil {
				t.Fatal(err)
			}
			outcome := want(t, handle(t, w.rotator(t), w.event(version)), rotation.Rotated)
			current := w.current(t)
			if w.inUse(t) != site.Key1 || current.Tags["owner"] != "team" || current.ContentType != "text/plain" {
				t.Errorf("key %d, %+v", w.inUse(t), current)
			}
			if got := time.Until(outcome.Expires).Hours() / 24; got < float64(days)-0.1 || got > float64(days) {
				t.Errorf("valid for %.1f days, want %d", got, days)
			}
		})
	}
}

func TestTheValuesSayWhichKeyIsInUseWhateverTheTagSays(t *testing.T) {
	w := newWorld(t)
	for _, inUse := range []site.Key{site.Key1, site.Key2} {
		for _, tag := range []string{"", "key1", "key2", "key3", "KEY1"} {
			t.Run(fmt.Sprintf("key%d tagged %q", inUse, tag), func(t *testing.T) {
				value := w.DirectLine.Secret(inUse)
				version, err := w.writer.Write(t.Context(), secretName, secrets.Draft{Value: value, Tags: map[string]string{"CredentialId": tag}})
				if err != nil {
					t.Fatal(err)
				}
				want(t, handle(t, w.rotator(t), w.event(version)), rotation.Rotated)
				if w.DirectLine.Secret(inUse).Reveal() != value.Reveal() || w.inUse(t) != otherOf(inUse) {
					t.Error("the key in use was regenerated")
				}
			})
		}
	}
}

func TestEventsThatComeTwiceLateOrOutOfOrderChangeNothing(t *testing.T) {
	w := newWorld(t)
	r := w.rotator(t)
	first := w.event(w.current(t).Version)
	want(t, handle(t, r, first), rotation.Rotated)
	second := w.event(w.current(t).Version)
	want(t, handle(t, r, second), rotation.Rotated)
	settled := w.current(t).Version
	for _, body := range []string{first, second, first, "[" + second + "," + first + "]"} {
		for _, outcome := range handle(t, w.rotator(t), body) {
			if outcome.Result != rotation.AlreadyDone {
				t.Errorf("%+v", outcome)
			}
		}
	}
	if w.current(t).Version != settled || w.BotService.Regenerated(site.Key1)+w.BotService.Regenerated(site.Key2) != 2 {
		t.Error("something was rotated again")
	}
	// The same event twice in one message.
	third := w.event(settled)
	outcomes := handle(t, r, "["+third+","+third+"]")
	if len(outcomes) != 2 || outcomes[0].Result != rotation.Rotated || outcomes[1].Result != rotation.AlreadyDone {
		t.Errorf("%+v", outcomes)
	}
}

func TestForeignAndMalformedEventsAreRefusedWithoutACall(t *testing.T) {
	w := newWorld(t)
	version := w.current(t).Version
	id := w.Vault.URL() + "/secrets/" + secretName + "/" + version
	typed := func(name string) string {
		return eventOf(id, func(e, _ map[string]any) { e["eventType"] = name })
	}
	with := func(member string, value any) string {
		return eventOf(id, func(_, data map[string]any) { data[member] = value })
	}
	for name, test := range map[string]struct{ body, reason string }{
		"nothing":                {"", "not a JSON"},
		"no JSON":                {"canary-text", "not a JSON"},
		"half an object":         {typed("x")[:40], "not a JSON"},
		"two objects":            {typed("x") + typed("x"), "not a JSON"},
		"a string":               {`"x"`, "not a JSON"},
		"an array of no objects": {`[1]`, "not a JSON"},
		"too large":              {`{"data":{"Id":"` + strings.Repeat("x", 1<<20) + `"}}`, "larger"},
		"an empty object":        {`{}`, "another type"},
		"a null in an array":     {`[null]`, "another type"},
		"a new version":          {typed("Microsoft.KeyVault.SecretNewVersionCreated"), "another type"},
		"an expired secret":      {typed("Microsoft.KeyVault.SecretExpired"), "another type"},
		"a certificate":          {typed("Microsoft.KeyVault.CertificateNearExpiry"), "another type"},
		"a subscription's check": {`[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"x"}}]`, "another type"},
		"two types":              {eventOf(id, func(e, _ map[string]any) { e["eventType"], e["type"] = "other", "Microsoft.KeyVault.SecretNearExpiry" }), "another type"},
		"another vault":          {eventOf("https://other.vault.azure.net/secrets/"+secretName+"/"+version, nil), "another vault"},
		"a vault with our name":  {eventOf("https://chatgate-local.vault.azure.net.evil.example/secrets/"+secretName+"/"+version, nil), "another vault"},
		"our vault as user":      {eventOf("https://chatgate-local.vault.azure.net@evil.example/secrets/"+secretName+"/"+version, nil), "another vault"},
		"another secret":         {eventOf(w.Vault.URL()+"/secrets/visitor-key/"+version, nil), "has this secret"},
		"a key":                  {eventOf(w.Vault.URL()+"/keys/"+secretName+"/"+version, nil), "no version of a secret"},
		"no version":             {eventOf(w.Vault.URL()+"/secrets/"+secretName, nil), "no version of a secret"},
		"no version at all":      {eventOf(w.Vault.URL()+"/secrets/"+secretName+"/latest", nil), "no version of a secret"},
		"more path":              {eventOf(id+"/"+version, nil), "no version of a secret"},
		"http":                   {eventOf(strings.Replace(id, "https", "http", 1), nil), "no version of a secret"},
		"no id":                  {with("Id", ""), "no version of a secret"},
		"another name beside":    {with("ObjectName", "other"), "contradicts"},
		"another version beside": {with("Version", strings.Repeat("0", 32)), "contradicts"},
		"another kind beside":    {with("ObjectType", "Key"), "contradicts"},
	} {
		t.Run(name, func(t *testing.T) {
			w.network.plan(nil, nil)
			outcome := want(t, handle(t, w.rotator(t), test.body), rotation.Refused)
			if !strings.Contains(outcome.Reason, test.reason) || strings.Contains(outcome.Reason, "canary") {
				t.Errorf("reason %q, want %q", outcome.Reason, test.reason)
			}
			if w.network.requests() > 0 {
				t.Errorf("%d calls were made for it", w.network.requests())
			}
		})
	}
	if outcomes := handle(t, w.rotator(t), "[]"); len(outcomes) != 0 {
		t.Errorf("no events: %+v", outcomes)
	}
}

func TestBothSchemasAreUnderstood(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(event, data map[string]any){
		"Event Grid": nil,
		"CloudEvents": func(event, _ map[string]any) {
			event["type"], event["specversion"], event["source"] = event["eventType"], "1.0", event["topic"]
			delete(event, "eventType")
			delete(event, "topic")
		},
		"the id alone": func(_, data map[string]any) {
			delete(data, "ObjectType")
			delete(data, "ObjectName")
			delete(data, "Version")
		},
		"other letter case": func(_, data map[string]any) {
			data["Id"] = strings.ToUpper(data["Id"].(string)[:len(data["Id"].(string))-32]) + data["Id"].(string)[len(data["Id"].(string))-32:]
			data["Id"] = strings.Replace(data["Id"].(string), "HTTPS", "https", 1)
		},
	} {
		for _, shape := range []string{"%s", "[%s]", "\xef\xbb\xbf  %s\n"} {
			t.Run(name+" "+shape, func(t *testing.T) {
				body := fmt.Sprintf(shape, eventOf(w.Vault.URL()+"/secrets/"+secretName+"/"+w.current(t).Version, change))
				want(t, handle(t, w.rotator(t), body), rotation.Rotated)
			})
		}
	}
}

// One event that is not ours costs its neighbours in the message nothing.
func TestAForeignEventIsNoReasonToLeaveItsNeighboursOut(t *testing.T) {
	w := newWorld(t)
	foreign := eventOf("https://other.vault.azure.net/secrets/x/"+strings.Repeat("0", 32), nil)
	outcomes := handle(t, w.rotator(t), "["+foreign+","+w.event(w.current(t).Version)+","+foreign+"]")
	if len(outcomes) != 3 || outcomes[0].Result != rotation.Refused || outcomes[1].Result != rotation.Rotated || outcomes[2].Result != rotation.Refused {
		t.Errorf("%+v", outcomes)
	}
}

func TestTheSecretOfAnotherBotIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	for name, prepare := range map[string]func(w *world) string{
		"by hand, without tags": func(w *world) string { return w.Vault.Set(secretName, "another.bots-key-canary") },
		"written for another bot": func(w *world) string {
			version, err := w.writer.Write(context.Background(), secretName, secrets.Draft{
				Value: redacted.New("another.bots-key-canary"),
				Tags:  map[string]string{"CredentialId": "key1", "ProviderAddress": "/subscriptions/other", "DirectLineSite": standin.SiteName},
			})
			if err != nil {
				panic(err)
			}
			return version
		},
		"written for another site": func(w *world) string {
			version, err := w.writer.Write(context.Background(), secretName, secrets.Draft{
				Value: redacted.New("another.bots-key-canary"),
				Tags:  map[string]string{"CredentialId": "key1", "ProviderAddress": standin.ResourceID, "DirectLineSite": "other"},
			})
			if err != nil {
				panic(err)
			}
			return version
		},
	} {
		t.Run(name, func(t *testing.T) {
			version := prepare(w)
			_, err := w.rotator(t).Handle(t.Context(), []byte(w.event(version)))
			if !errors.Is(err, rotation.ErrForeignSecret) || strings.Contains(err.Error(), "canary") {
				t.Errorf("err = %v, want ErrForeignSecret", err)
			}
			if w.current(t).Version != version || w.BotService.Regenerated(site.Key1)+w.BotService.Regenerated(site.Key2) > 0 {
				t.Error("something was changed")
			}
		})
	}
}

// Somebody has regenerated the key in use in the portal: everything is refused
// until a valid key is in the vault.
func TestAKeyInUseThatWasRegeneratedByMistakeIsRepaired(t *testing.T) {
	w := newWorld(t)
	r := w.rotator(t)
	want(t, handle(t, r, w.event(w.current(t).Version)), rotation.Rotated)
	w.DirectLine.Regenerate(site.Key2)
	if w.inUse(t) != 0 {
		t.Fatal("the secret is still valid")
	}
	plan, err := r.Plan(t.Context(), "bankx")
	if err != nil || !plan.Repair || plan.InUse != "key2" {
		t.Errorf("Plan = %+v, %v", plan, err)
	}
	outcome, err := r.Rotate(t.Context(), "bankx")
	if err != nil || outcome.Result != rotation.Repaired || w.inUse(t) != site.Key2 {
		t.Errorf("Rotate = %+v, %v; key %d is in use", outcome, err, w.inUse(t))
	}
	if w.BotService.Regenerated(site.Key1) > 0 {
		t.Error("the other key was regenerated too")
	}
}

func TestByHandThereIsNoEvent(t *testing.T) {
	w := newWorld(t)
	r := w.rotator(t)
	plan, err := r.Plan(t.Context(), "bankx")
	if err != nil || plan.InUse != "key1" || plan.Repair || plan.Version != w.current(t).Version {
		t.Errorf("Plan = %+v, %v", plan, err)
	}
	if w.BotService.Regenerated(site.Key2) > 0 {
		t.Error("looking changed something")
	}
	for _, key := range []site.Key{site.Key2, site.Key1, site.Key2} {
		outcome, err := r.Rotate(t.Context(), "bankx")
		if err != nil || outcome.Result != rotation.Rotated || w.inUse(t) != key {
			t.Fatalf("Rotate = %+v, %v; key %d is in use", outcome, err, w.inUse(t))
		}
	}
	for _, id := range []string{"", "banky"} {
		if _, err := r.Rotate(t.Context(), id); err == nil {
			t.Errorf("assistant %q was rotated", id)
		}
		if _, err := r.Plan(t.Context(), id); err == nil {
			t.Errorf("assistant %q was planned", id)
		}
	}
}

// What the network does to calls: done and not heard of, throttled, refused for a
// while. The clients retry; the end is the same.
func TestCallsThatFailOnTheWayLeadToTheSameEnd(t *testing.T) {
	w := newWorld(t)
	writing := func(r *http.Request) bool { return r.Method == http.MethodPut }
	for name, arrange := range map[string]func(w *world){
		"regenerated, not heard":   func(w *world) { w.BotService.Faults.Add(faults.CutAfterWork().When(standin.Regenerating).Times(1)) },
		"regenerate cut off":       func(w *world) { w.BotService.Faults.Add(faults.Cut().When(standin.Regenerating).Times(2)) },
		"listing cut off":          func(w *world) { w.BotService.Faults.Add(faults.Cut().When(standin.Listing).Times(2)) },
		"management throttles":     func(w *world) { w.BotService.Faults.Add(faults.Throttle(0).Times(2)) },
		"management fails":         func(w *world) { w.BotService.Faults.Add(faults.Answer(503, "ServerBusy").Times(2)) },
		"written, not heard":       func(w *world) { w.Vault.Faults.Add(faults.CutAfterWork().When(writing).Times(1)) },
		"the vault fails to write": func(w *world) { w.Vault.Faults.Add(faults.Answer(500, "InternalServerError").When(writing).Times(2)) },
	} {
		t.Run(name, func(t *testing.T) {
			old, before := w.current(t), w.inUse(t)
			arrange(w)
			want(t, handle(t, w.rotator(t), w.event(old.Version)), rotation.Rotated)
			if w.inUse(t) != otherOf(before) || w.DirectLine.Secret(before).Reveal() != old.Value.Reveal() {
				t.Errorf("key %d is in use after key %d", w.inUse(t), before)
			}
			if left := w.Vault.Faults.Hits() + w.BotService.Faults.Hits(); left == 0 {
				t.Error("no fault befell anything")
			}
		})
	}
}

func TestLastingFailuresAreErrorsThatLeaveAValidSecretAndTellNoSecret(t *testing.T) {
	w := newWorld(t)
	old := w.current(t)
	writing := func(r *http.Request) bool { return r.Method == http.MethodPut }
	for name, test := range map[string]struct {
		arrange func(w *world)
		says    string
	}{
		"no role at the bot": {func(w *world) { w.BotService.Faults.Add(faults.Answer(403, "AuthorizationFailed")) }, "403 AuthorizationFailed"},
		"no role to regenerate": {func(w *world) {
			w.BotService.Faults.Add(faults.Answer(403, "AuthorizationFailed").When(standin.Regenerating))
		}, "regenerating key2"},
		"no such bot":            {func(w *world) { w.BotService.Faults.Add(faults.Answer(404, "ResourceNotFound")) }, "404 ResourceNotFound"},
		"no role to write":       {func(w *world) { w.Vault.Faults.Add(faults.Answer(403, "Forbidden").When(writing)) }, "403 Forbidden"},
		"the secret is disabled": {func(w *world) { _ = w.Vault.SetEnabled(secretName, "", false) }, "403 Forbidden"},
		"Direct Line is away": {func(w *world) {
			w.DirectLine.Fail(site.GenerateToken, 4, func(rw http.ResponseWriter, _ *http.Request) bool {
				rw.WriteHeader(http.StatusServiceUnavailable)
				return false
			})
		}, "trying the new value of key2"},
	} {
		t.Run(name, func(t *testing.T) {
			test.arrange(w)
			t.Cleanup(func() {
				w.Vault.Faults.Clear()
				w.BotService.Faults.Clear()
				_ = w.Vault.SetEnabled(secretName, old.Version, true)
			})
			_, err := w.rotator(t).Handle(t.Context(), []byte(w.event(old.Version)))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("err = %v, want %q", err, test.says)
			}
			if w.DirectLine.Secret(site.Key1).Reveal() != old.Value.Reveal() {
				t.Error("the secret in the vault is no longer valid")
			}
			for _, secret := range []string{old.Value.Reveal(), w.DirectLine.Secret(site.Key2).Reveal()} {
				if strings.Contains(err.Error()+w.progress.String(), secret) {
					t.Error("a key was told")
				}
			}
		})
	}
}

func TestWithoutAssistantsEverythingIsRefused(t *testing.T) {
	w := newWorld(t)
	r := rotation.New(w.Vault.URL(), w.writer, nil, nil)
	want(t, handle(t, r, w.event(w.current(t).Version)), rotation.Refused)
}
