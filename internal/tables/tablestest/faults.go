package tablestest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
)

// Fault is what goes wrong with a request.
type Fault func(w http.ResponseWriter, r *http.Request, service http.Handler)

func pass(w http.ResponseWriter, r *http.Request, service http.Handler) {
	service.ServeHTTP(w, r)
}

// Answer does nothing but answer.
func Answer(status int, body string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// AnswerInTransaction answers a transaction, none of which it applies, with the
// failure of one operation.
func AnswerInTransaction(status int, code, message string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "multipart/mixed; boundary=batchresponse_1")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, failedTransaction(status, code, message))
	}
}

// Cut closes the connection before anything is done.
func Cut(http.ResponseWriter, *http.Request, http.Handler) {
	panic(http.ErrAbortHandler)
}

// CutAfterCommit has the service do what is asked, and closes the connection
// instead of answering.
func CutAfterCommit(_ http.ResponseWriter, r *http.Request, service http.Handler) {
	service.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// BreakOff has the service do what is asked, and closes the connection in the
// middle of the answer.
func BreakOff(w http.ResponseWriter, r *http.Request, service http.Handler) {
	recorder := httptest.NewRecorder()
	service.ServeHTTP(recorder, r)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", "100000")
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(recorder.Body.Bytes()[:recorder.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// Hang never answers.
func Hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	<-r.Context().Done()
}

// failedTransaction is how the service answers a transaction that it refused
// (https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions#sample-error-response).
func failedTransaction(status int, code, message string) string {
	return fmt.Sprintf("--batchresponse_1\r\nContent-Type: multipart/mixed; boundary=changesetresponse_2\r\n\r\n"+
		"--changesetresponse_2\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"+
		"HTTP/1.1 %d %s\r\nDataServiceVersion: 3.0;\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n"+
		`{"odata.error":{"code":%q,"message":{"lang":"en-US","value":%q}}}`+"\r\n"+
		"--changesetresponse_2--\r\n--batchresponse_1--\r\n", status, http.StatusText(status), code, message)
}

// EmptyPageFirst answers a query with a page that has no rows and yet a
// continuation, as the service does at a partition's border or after five
// seconds, and with the rows only then.
func EmptyPageFirst(w http.ResponseWriter, r *http.Request, service http.Handler) {
	const partition, mark = "NextPartitionKey", "tablestest"
	query := r.URL.Query()
	switch query.Get(partition) {
	case "":
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("x-ms-continuation-"+partition, mark)
		_, _ = io.WriteString(w, `{"value":[]}`)
		return
	case mark:
		query.Del(partition)
		r.URL.RawQuery = query.Encode()
	}
	service.ServeHTTP(w, r)
}
