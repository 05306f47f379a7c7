package tables

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"chatgate/internal/outbound"
)

// errAnswer means that an answer cannot be read. Nobody can say then whether a
// transaction was applied.
var errAnswer = errors.New("the table service's answer was cut short or malformed")

// outcome is what the service answered to a transaction. aztables tells neither
// the ETags of the rows nor which operation failed and why: it reports every
// failure as status 202 without a code.
type outcome struct {
	// etags are the rows' in the order of the operations.
	etags []azcore.ETag
	// failure is why nothing was applied, or nil.
	failure *Error
}

type outcomeKey struct{}

// withOutcome returns a context under which a transaction's outcome is noted.
func withOutcome(ctx context.Context) (context.Context, *outcome) {
	noted := new(outcome)
	return context.WithValue(ctx, outcomeKey{}, noted), noted
}

// transactionPolicy reads the answers to transactions. Standing below the
// pipeline's retries it lets them see what azcore does not take for worth a
// retry: an answer that nobody can read, and a failure that may pass but hides
// within an answer of status 202.
type transactionPolicy struct{}

func (transactionPolicy) Do(request *policy.Request) (*http.Response, error) {
	response, err := request.Next()
	noted, _ := request.Raw().Context().Value(outcomeKey{}).(*outcome)
	if noted == nil {
		return response, err
	}
	*noted = outcome{}
	if err != nil || response.StatusCode != http.StatusAccepted {
		return response, err
	}
	return readTransaction(response, noted)
}

// readTransaction notes the outcome that response tells.
func readTransaction(response *http.Response, noted *outcome) (*http.Response, error) {
	body, err := runtime.Payload(response)
	if err != nil {
		return nil, errAnswer
	}
	read, err := parseAnswer(body)
	if err != nil {
		return nil, err
	}
	if read.failure != nil && isTransient(read.failure.StatusCode) {
		return nil, read.failure
	}
	*noted = read
	response.Body = io.NopCloser(strings.NewReader(plainAnswer))
	_, err = runtime.Payload(response)
	return response, err
}

// plainAnswer is what aztables gets to see of every answer once it is read
// here: it panics over bodies without the boundaries that it expects.
const plainAnswer = "--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n--b--\r\n\r\n--a--\r\n"

// parseAnswer reads the answer to a transaction: MIME parts within a part, each
// of which is an HTTP response. It goes by lines rather than by boundaries,
// since neither Cosmos DB nor Azurite writes all of those.
func parseAnswer(body []byte) (outcome, error) {
	var read outcome
	answered := false
	for line := range bytes.Lines(body) {
		line = bytes.TrimRight(line, "\r\n")
		if status, ok := statusOf(line); ok {
			answered = true
			if status >= http.StatusBadRequest {
				read.failure = &Error{StatusCode: status, position: unknownPosition}
			}
			continue
		}
		if read.failure != nil && bytes.HasPrefix(line, []byte("{")) {
			read.failure.describe(line)
			break
		}
		if etag, ok := headerValue(line, "ETag"); ok && answered {
			read.etags = append(read.etags, azcore.ETag(etag))
		}
	}
	switch {
	case answered:
		return read, nil
	case bytes.HasPrefix(body, []byte("{")): // the whole transaction is refused, without parts
		read.failure = &Error{StatusCode: http.StatusAccepted, position: unknownPosition}
		read.failure.describe(body)
		return read, nil
	}
	return outcome{}, errAnswer
}

// statusOf reads the status line of an HTTP response.
func statusOf(line []byte) (int, bool) {
	rest, found := bytes.CutPrefix(line, []byte("HTTP/1."))
	if !found || len(rest) < len("1 200") || rest[1] != ' ' {
		return 0, false
	}
	status, err := strconv.Atoi(string(rest[2:5]))
	return status, err == nil && status >= 100
}

func headerValue(line []byte, name string) (string, bool) {
	key, value, found := bytes.Cut(line, []byte(":"))
	if !found || !strings.EqualFold(string(key), name) {
		return "", false
	}
	return string(bytes.TrimSpace(value)), true
}

// describe takes the code and the place of the operation from the body of an
// answer, {"odata.error":{"code":…,"message":{"value":"<place>:<text>"}}}.
func (e *Error) describe(body []byte) {
	var answer struct {
		Error struct {
			Code    string
			Message struct{ Value string }
		} `json:"odata.error"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return
	}
	e.Code = outbound.Code(answer.Error.Code)
	place, _, _ := strings.Cut(answer.Error.Message.Value, ":")
	if position, err := strconv.Atoi(place); err == nil && position >= 0 && position < MaxOperations {
		e.position = position
	}
}
