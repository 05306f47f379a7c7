package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"chatgate/internal/standin/bus"
	"chatgate/internal/standin/cloud"
	"chatgate/internal/standin/functionshost"
	"chatgate/internal/transcript"
)

// Where stand-ins are on the local server.
const (
	signInPath       = "/local/entra"
	bankPath         = "/local/bank"
	tokenServicePath = "/local/tokenservice"
	phonePath        = "/local/phone"
)

// site is what the local server offers beside the app: pages for people who look
// around, the bus for bots, and for the browser Direct Line and sign-in.
type site struct {
	cloud   *cloud.Cloud
	store   transcript.Contents
	webChat string
	env     []string
	host    atomic.Pointer[functionshost.Host]
}

//go:embed index.html
var indexPage string

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("GET /local/status", s.status)
	mux.HandleFunc("GET /local/transcripts", s.transcripts)
	mux.HandleFunc("GET /local/quarantine", s.quarantine)
	mux.HandleFunc("GET /local/deadletters", s.deadLetters)
	mux.HandleFunc("GET /local/webchat.js", s.bundle)
	mux.Handle("/local/bus/", http.StripPrefix("/local/bus", s.cloud.Bus.Handler()))
	mux.Handle(signInPath+"/", http.StripPrefix(signInPath, s.cloud.Directory))
	mux.Handle(bankPath+"/", http.StripPrefix(bankPath, s.cloud.BankHandler()))
	mux.Handle(tokenServicePath+"/", http.StripPrefix(tokenServicePath, s.cloud.TokenService))
	mux.Handle(phonePath, s.cloud.Bank.Phone(phonePath))
	mux.Handle(phonePath+"/", s.cloud.Bank.Phone(phonePath))
	mux.Handle("/v3/directline/", http.StripPrefix("/v3/directline", s.cloud.DirectLine))
	return mux
}

func (s *site) bundle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=3600")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	http.ServeFile(w, r, s.webChat)
}

// index shows what runs and where.
func (s *site) index(w http.ResponseWriter, _ *http.Request) {
	page, err := template.New("index").Parse(indexPage)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string]any{"Settings": s.settings(), "People": s.people()})
}

// consultant is somebody who can sign in to the service desk.
type consultant struct{ Name, Tenant, May string }

func (s *site) people() []consultant {
	desk := s.cloud.Desk
	return []consultant{
		{desk.Reader.Name, desk.Tenant.Name(), "Lists, reads and exports the conversations"},
		{desk.Eraser.Name, desk.Tenant.Name(), "Erases them as well"},
		{desk.Stranger.Name, desk.Other.Name(), "May do the same for another client, and sees nothing of this one"},
	}
}

type shownSetting struct{ Name, Value string }

// settings are the app settings in force, those that are secrets hidden.
func (s *site) settings() []shownSetting {
	shown := make([]shownSetting, 0, len(s.env))
	for _, entry := range s.env {
		name, value, _ := strings.Cut(entry, "=")
		if name == "IDENTITY_HEADER" || strings.HasSuffix(name, "DirectLineSecret") || name == "SealingKey" {
			value = "(hidden)"
		}
		if strings.HasSuffix(name, "__LoginApiKeySecretName") {
			value += " (holds " + bankKey + ")"
		}
		shown = append(shown, shownSetting{name, value})
	}
	slices.SortFunc(shown, func(a, b shownSetting) int { return strings.Compare(a.Name, b.Name) })
	return shown
}

// status is what the index page shows live.
func (s *site) status(w http.ResponseWriter, r *http.Request) {
	activities, conversations := 0, 0
	for conversation, err := range s.conversations(r) {
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		conversations++
		activities += len(conversation.Activities)
	}
	queued, deadLettered := s.counts(cloud.ActivityQueue)
	quarantined, _ := s.counts(cloud.QuarantineQueue)
	writeJSON(w, map[string]int{
		"open":          s.cloud.DirectLine.ConversationCount(),
		"tokens":        s.tokenCalls(),
		"conversations": conversations,
		"activities":    activities,
		"queued":        queued,
		"deadLettered":  deadLettered,
		"quarantined":   quarantined,
	})
}

func (s *site) counts(queue string) (waiting, deadLettered int) {
	q, err := s.cloud.Bus.Queue(queue)
	if err != nil {
		return 0, 0
	}
	counts := q.Counts()
	return counts.Active + counts.Locked, counts.DeadLettered
}

func (s *site) quarantine(w http.ResponseWriter, _ *http.Request) {
	s.messages(w, cloud.QuarantineQueue, (*bus.Queue).Peek)
}

func (s *site) deadLetters(w http.ResponseWriter, _ *http.Request) {
	s.messages(w, cloud.ActivityQueue, (*bus.Queue).DeadLetters)
}

// shownMessage is a message for people: its body is JSON where it can be.
type shownMessage struct {
	bus.Message
	Body any `json:"body"`
}

func (s *site) messages(w http.ResponseWriter, name string, look func(*bus.Queue) []bus.Message) {
	queue, err := s.cloud.Bus.Queue(name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	shown := []shownMessage{}
	for _, message := range look(queue) {
		var body any = message.Body
		if json.Valid(message.Body) {
			body = json.RawMessage(message.Body)
		}
		shown = append(shown, shownMessage{message, body})
	}
	writeJSON(w, shown)
}

func writeJSON(w http.ResponseWriter, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		http.Error(w, fmt.Sprintf("encoding: %v", err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n'))
}
