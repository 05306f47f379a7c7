package handlers

import "chatgate/internal/redacted"

// getNewToken exchanges the bot's secret for a Direct Line token that is bound
// to one user.
func (s *server) getNewToken(x *exchange, rest segments) error {
	assistant, err := s.admitted(x, rest)
	if assistant == "" || err != nil {
		return err
	}
	earlier, err := decodeBody(x, "visitor")
	if err != nil {
		return err
	}
	if err := s.withinAssistantLimit(assistant); err != nil {
		return err
	}
	grant, err := s.Issuer.Issue(x.request.Context(), assistant, redacted.New(earlier))
	if err != nil {
		return err
	}
	return writeGrant(x, grant)
}
