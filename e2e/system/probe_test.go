package system_test

import (
	"net/http"
	"testing"

	"chatgate/internal/probe"
	"chatgate/internal/standin/cloud"
)

// What operators run after a deployment finds nothing wrong with the packaged app
// under the host.
func TestTheProberFindsNothingWrong(t *testing.T) {
	t.Parallel()
	s := newSystem(t, cloud.Options{})
	i := s.startInstance(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	failed, err := probe.Run(t.Context(), probe.Target{URL: i.url, Origin: page, Client: client}, func(o probe.Outcome) {
		if o.Err != nil || o.Skipped != "" {
			t.Errorf("%s: %v %s", o.Name, o.Err, o.Skipped)
		}
	})
	if err != nil || failed > 0 {
		t.Errorf("%d checks failed, %v", failed, err)
	}
}
