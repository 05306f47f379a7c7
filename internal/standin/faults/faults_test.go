package faults_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"chatgate/internal/standin/faults"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// service is a server that counts what it carries out.
func service(t *testing.T, injector *faults.Injector) (url string, worked *atomic.Int32) {
	t.Helper()
	worked = &atomic.Int32{}
	server := httptest.NewServer(injector.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		worked.Add(1)
	})))
	t.Cleanup(server.Close)
	return server.URL, worked
}

// post sends a request that Go's client never repeats by itself.
func post(ctx context.Context, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response, response.Body.Close()
}

func TestAnswersFailAsAskedAndAsOftenAsAsked(t *testing.T) {
	var injector faults.Injector
	url, worked := service(t, &injector)
	injector.Add(faults.Answer(http.StatusServiceUnavailable, "ServerBusy").Times(2), faults.Throttle(1500*time.Millisecond).Times(1))
	for n, want := range []int{503, 503, 429, 200} {
		response, err := post(t.Context(), url)
		if err != nil || response.StatusCode != want {
			t.Fatalf("request %d: %v %v, want %d", n, response, err, want)
		}
		if want == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "2" {
			t.Errorf("Retry-After = %q, want 1.5 s rounded up", response.Header.Get("Retry-After"))
		}
	}
	if worked.Load() != 1 || injector.Hits() != 3 {
		t.Errorf("worked %d times and hit %d, want 1 and 3", worked.Load(), injector.Hits())
	}
}

func TestCutBeforeAndAfterTheWork(t *testing.T) {
	for name, test := range map[string]struct {
		fault faults.Fault
		work  int32
	}{"before": {faults.Cut(), 0}, "after": {faults.CutAfterWork(), 1}} {
		t.Run(name, func(t *testing.T) {
			var injector faults.Injector
			url, worked := service(t, &injector)
			injector.Add(test.fault.Times(1))
			if _, err := post(t.Context(), url); err == nil {
				t.Error("an answer came through a cut connection")
			}
			if worked.Load() != test.work {
				t.Errorf("worked %d times, want %d", worked.Load(), test.work)
			}
		})
	}
}

func TestHangHoldsUntilClearedOrGivenUp(t *testing.T) {
	var injector faults.Injector
	url, worked := service(t, &injector)
	injector.Add(faults.Hang())

	impatient, giveUp := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() { _, err := post(impatient, url); given <- err }()
	if err := injector.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	giveUp()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("the request that gave up: %v", err)
	}

	patient := make(chan error, 1)
	go func() { _, err := post(t.Context(), url); patient <- err }()
	if err := injector.Await(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	injector.Clear()
	if err := <-patient; err != nil {
		t.Errorf("the request that waited: %v", err)
	}
	if worked.Load() != 1 {
		t.Errorf("worked %d times, want 1", worked.Load())
	}
}

func TestOnlyMatchingRequestsAreBefallen(t *testing.T) {
	var injector faults.Injector
	url, _ := service(t, &injector)
	injector.Add(faults.Answer(http.StatusForbidden, "Forbidden").When(func(r *http.Request) bool { return r.URL.Path == "/a" }))
	for path, want := range map[string]int{"/a": 403, "/b": 200} {
		response, err := post(t.Context(), url+path)
		if err != nil || response.StatusCode != want {
			t.Errorf("%s: %v %v, want %d", path, response, err, want)
		}
	}
}

func TestAFaultOfNoKindIsNoticed(t *testing.T) {
	var injector faults.Injector
	url, worked := service(t, &injector)
	injector.Add(faults.Fault{})
	response, err := post(t.Context(), url)
	if err != nil || response.StatusCode != http.StatusInternalServerError || worked.Load() != 0 {
		t.Errorf("%v %v, worked %d times", response, err, worked.Load())
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	var injector faults.Injector
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := injector.Await(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Await = %v", err)
	}
}
