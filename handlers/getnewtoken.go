package handlers

import "chatgate/internal/redacted"

// getNewToken exchanges the bot's secret for a Direct Line token that is bound
// to one user.
func (s *server) getNewToken(x *exchange, rest []string) error {
	assistant, err := s.admitted(x, rest)
	if assistant == "" || err != nil {
		return err
	}
	if err := s.withinAssistantLimit(assistant); err != nil {
		return err
	}
	var body struct {
		Visitor string `json:"visitor"`
	}
	if err := decodeBody(x, &body); err != nil {
		return err
	}
	grant, err := s.Issuer.Issue(x.request.Context(), assistant, redacted.New(body.Visitor))
	if err != nil {
		return err
	}
	return writeGrant(x, grant)
}
