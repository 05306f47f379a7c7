package main

import (
	"fmt"
	"log/slog"

	"chatgate/handlers"
	"chatgate/internal/audit"
	"chatgate/internal/consultant"
	"chatgate/internal/desk"
	"chatgate/internal/retention"
	"chatgate/internal/settings"
	"chatgate/internal/transcript"
)

// conversationStore is all that one store of conversations does: it takes them
// in, and lets them be read, erased and accounted for.
type conversationStore interface {
	transcript.Store
	desk.Store
	Ledger() audit.Ledger
}

// serviceDesk is what consultants are served by, and what must be closed in the
// end. The zero value is no desk.
type serviceDesk struct {
	service  *handlers.ServiceDesk
	verifier *consultant.Verifier
}

// newServiceDesk opens the desk where there is an API for which consultants can
// get tokens.
func newServiceDesk(config settings.Settings, store conversationStore, logger *slog.Logger) (serviceDesk, error) {
	if config.APIClientID == "" {
		return serviceDesk{}, nil
	}
	assistants := make([]desk.Assistant, 0, len(config.Assistants))
	var tenants []string
	for _, assistant := range config.Assistants {
		if assistant.DeskTenantID != "" {
			assistants = append(assistants, desk.Assistant{ID: assistant.ID, TenantID: assistant.DeskTenantID})
			tenants = append(tenants, assistant.DeskTenantID)
		}
	}
	verifier, err := consultant.NewVerifier(consultant.Config{
		Authority: config.Authority,
		Audience:  config.APIClientID,
		Tenants:   tenants,
	}, &consultant.VerifierOptions{Logger: logger})
	if err != nil {
		return serviceDesk{}, fmt.Errorf("making the verifier of tokens: %w", err)
	}
	service := &handlers.ServiceDesk{
		Desk:      desk.New(assistants, store, store.Ledger(), nil),
		Verifier:  verifier,
		Authority: config.Authority,
		ClientID:  config.APIClientID,
		Scope:     "api://" + config.APIClientID + "/Desk.Access",
	}
	return serviceDesk{service: service, verifier: verifier}, nil
}

func (d serviceDesk) close() {
	if d.verifier != nil {
		d.verifier.Close()
	}
}

// newPurger erases what is past the retention, and finishes interrupted erasures
// whether there is a retention or not.
func newPurger(config settings.Settings, store conversationStore) *retention.Purger {
	return retention.New(retention.Options{
		Assistants: assistantIDs(config),
		Days:       config.RetentionDays,
		DryRun:     config.RetentionDryRun,
		Eraser:     store,
		Ledger:     store.Ledger(),
	})
}
