package handlers

import "net/http"

// health tells a load balancer or an operator whether this instance can serve.
// It reads what earlier work found out; it mints nothing and calls nobody.
func (s *server) health(x *exchange, _ segments) error {
	if x.request.Method != http.MethodGet && x.request.Method != http.MethodHead {
		return methodNotAllowed(x, "GET, HEAD")
	}
	answer := struct {
		Status  string   `json:"status"`
		Version string   `json:"version"`
		Failing []string `json:"failing,omitempty"`
	}{Status: "ok", Version: s.Version, Failing: s.failing()}
	status := http.StatusOK
	if len(answer.Failing) > 0 {
		answer.Status = "failing"
		status = http.StatusServiceUnavailable
	}
	x.header().Set("Cache-Control", "no-store")
	return x.writeJSON(status, jsonType, answer)
}

// failing names the parts that could not serve when they were last asked.
func (s *server) failing() []string {
	var parts []string
	if !s.SecretsReady() {
		parts = append(parts, "key_vault")
	}
	if s.storeFailing.Load() {
		parts = append(parts, "conversation_store")
	}
	return parts
}
