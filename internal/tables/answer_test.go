package tables

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"github.com/google/go-cmp/cmp"
)

// crlf writes an answer as it goes over the wire.
func crlf(lines ...string) string {
	return strings.Join(lines, "\r\n")
}

func TestAnswersToTransactionsAreRead(t *testing.T) {
	tests := map[string]struct {
		answer  string
		etags   []azcore.ETag
		failure *Error
		fails   bool
	}{
		"Table Storage, applied": {
			answer: crlf("--batchresponse_1", "Content-Type: multipart/mixed; boundary=changesetresponse_2", "",
				"--changesetresponse_2", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
				"HTTP/1.1 204 No Content", "X-Content-Type-Options: nosniff", "DataServiceVersion: 1.0;", `ETag: W/"datetime'2026-11-21T12%3A00%3A00.1234567Z'"`, "", "",
				"--changesetresponse_2", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
				"HTTP/1.1 204 No Content", `etag: W/"2"`, "", "",
				"--changesetresponse_2--", "--batchresponse_1--", ""),
			etags: []azcore.ETag{`W/"datetime'2026-11-21T12%3A00%3A00.1234567Z'"`, `W/"2"`},
		},
		"Table Storage, refused": {
			answer: crlf("--batchresponse_1", "Content-Type: multipart/mixed; boundary=changesetresponse_2", "",
				"--changesetresponse_2", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "",
				"HTTP/1.1 409 Conflict", "DataServiceVersion: 3.0;", "Content-Type: application/json;odata=minimalmetadata;streaming=true;charset=utf-8", "",
				`{"odata.error":{"code":"EntityAlreadyExists","message":{"lang":"en-US","value":"17:The specified entity already exists.\nRequestId:1\nTime:2026"}}}`,
				"--changesetresponse_2--", "--batchresponse_1--", ""),
			failure: &Error{StatusCode: 409, Code: "EntityAlreadyExists", position: 17},
		},
		"Cosmos DB leaves the last boundaries out": {
			answer:  crlf("--b", "Content-Type: multipart/mixed; boundary=c", "", "--c", "", "HTTP/1.1 412 Precondition Failed", "", `{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"value":"No."}}}`),
			failure: &Error{StatusCode: 412, Code: "UpdateConditionNotSatisfied", position: unknownPosition},
		},
		"lines end with line feeds": {
			answer:  "--b\n\n--c\n\nHTTP/1.1 404 Not Found\n\n" + `{"odata.error":{"code":"TableNotFound","message":{"value":"0:No."}}}`,
			failure: &Error{StatusCode: 404, Code: "TableNotFound"},
		},
		"a failure without a body":     {answer: crlf("--b", "", "--c", "", "HTTP/1.1 500 Internal Server Error", "", ""), failure: &Error{StatusCode: 500, position: unknownPosition}},
		"a position out of range":      {answer: crlf("HTTP/1.1 400 Bad Request", "", `{"odata.error":{"code":"InvalidInput","message":{"value":"100:No."}}}`), failure: &Error{StatusCode: 400, Code: "InvalidInput", position: unknownPosition}},
		"a code that is none":          {answer: crlf("HTTP/1.1 400 Bad Request", "", `{"odata.error":{"code":"a b","message":{"value":"1:No."}}}`), failure: &Error{StatusCode: 400, position: 1}},
		"JSON instead of parts":        {answer: `{"odata.error":{"code":"InvalidInput","message":{"value":"99:No."}}}`, failure: &Error{StatusCode: 202, Code: "InvalidInput", position: 99}},
		"nothing":                      {answer: "", fails: true},
		"no status":                    {answer: crlf("--b", "Content-Type: multipart/mixed; boundary=c", "", "--c", ""), fails: true},
		"a status cut short":           {answer: crlf("--b", "", "--c", "", "HTTP/1.1 20"), fails: true},
		"an ETag outside of an answer": {answer: crlf("ETag: 1", "HTTP/1.1 204 No Content", ""), etags: nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			read, err := parseAnswer([]byte(test.answer))
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(test.etags, read.etags); diff != "" {
				t.Errorf("ETags (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.failure, read.failure, cmp.AllowUnexported(Error{})); diff != "" {
				t.Errorf("failure (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(crlf("--b", "", "--c", "", "HTTP/1.1 409 Conflict", "", `{"odata.error":{"code":"A","message":{"value":"1:"}}}`)))
	f.Add([]byte(crlf("--b", "", "--c", "", "HTTP/1.1 204 No Content", "ETag: 1", "", "--c--", "--b--")))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, body []byte) {
		read, err := parseAnswer(body)
		if err != nil && (read.failure != nil || read.etags != nil) {
			t.Error("an answer that cannot be read tells something")
		}
		if read.failure == nil {
			return
		}
		if position := read.failure.position; position < unknownPosition || position >= MaxOperations {
			t.Errorf("position %d", position)
		}
		if strings.ContainsAny(read.failure.Error(), "\r\n\x00") {
			t.Errorf("the error reads %q", read.failure)
		}
	})
}

// aztables panics over answers without boundaries; what it is given instead must
// read as success.
func TestAztablesReadsThePlainAnswer(t *testing.T) {
	options := &aztables.ClientOptions{}
	options.Transport = transporter(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusAccepted, Body: io.NopCloser(strings.NewReader(plainAnswer))}, nil
	})
	client, err := aztables.NewClientWithNoCredential("http://localhost/messages", options)
	if err != nil {
		t.Fatal(err)
	}
	actions := []aztables.TransactionAction{{ActionType: aztables.TransactionTypeAdd, Entity: []byte(`{"PartitionKey":"p","RowKey":"r"}`)}}
	if _, err := client.SubmitTransaction(t.Context(), actions, nil); err != nil {
		t.Error(err)
	}
}

type transporter func(*http.Request) (*http.Response, error)

func (f transporter) Do(r *http.Request) (*http.Response, error) { return f(r) }
