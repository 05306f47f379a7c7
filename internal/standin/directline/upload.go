package directline

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
)

const (
	activityPart = "application/vnd.microsoft.activity"
	// maxFiles bounds the parts of one upload.
	maxFiles = 20
	// keptUploads is how many uploads of the largest size are kept in memory.
	keptUploads = 16
)

// file is one uploaded attachment.
type file struct {
	name        string
	contentType string
	content     []byte
}

// attachment is Attachment of the protocol, as far as uploads fill it in.
type attachment struct {
	ContentType  string          `json:"contentType"`
	ContentURL   string          `json:"contentUrl,omitempty"`
	Content      json.RawMessage `json:"content,omitempty"`
	Name         string          `json:"name,omitempty"`
	ThumbnailURL string          `json:"thumbnailUrl,omitempty"`
}

// uploads keeps the uploaded files, the newest in place of the oldest.
type uploads struct {
	limit int64 // bytes of one upload

	mu    sync.Mutex
	files map[string]file
	order []string
	size  int64
}

func newUploads(limit int64) *uploads {
	return &uploads{limit: limit, files: map[string]file{}}
}

// keep stores a file and returns the unguessable id that grants access to it.
func (u *uploads) keep(added file) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	id := rand.Text()
	u.files[id] = added
	u.order = append(u.order, id)
	u.size += int64(len(added.content))
	for u.size > keptUploads*u.limit {
		u.size -= int64(len(u.files[u.order[0]].content))
		delete(u.files, u.order[0])
		u.order = u.order[1:]
	}
	return id
}

func (u *uploads) find(id string) (file, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	found, known := u.files[id]
	return found, known
}

// upload takes one file as the body, or a form of files with at most one
// activity, and posts the activity with the files attached.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	who, found, err := s.conversationOf(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.options.MaxUpload)
	activity, files, err := readUpload(r)
	if err != nil {
		return err
	}
	if len(activity.fields["from"]) == 0 {
		activity.fields["from"] = encoded(Account{ID: r.URL.Query().Get("userId")})
	}
	if err := s.attach(&activity, files, s.endpoint(r)); err != nil {
		return err
	}
	return s.post(w, r, found, who, activity.encode())
}

// attach keeps the files and names them in the activity: in the attachment of
// the same name where the client sent one, else in a new one.
func (s *Server) attach(to *stamped, files []file, endpoint string) error {
	var attachments []attachment
	if raw := to.fields["attachments"]; len(raw) > 0 {
		if json.Unmarshal(raw, &attachments) != nil {
			return badRequest(codeBadArgument, "The attachments are not valid")
		}
	}
	for _, added := range files {
		address := fmt.Sprintf("%s/attachments/%s/%s", endpoint, s.uploads.keep(added), url.PathEscape(added.name))
		at := slices.IndexFunc(attachments, func(a attachment) bool { return a.Name == added.name && a.ContentURL == "" })
		if at < 0 {
			attachments = append(attachments, attachment{Name: added.name})
			at = len(attachments) - 1
		}
		attachments[at].ContentType, attachments[at].ContentURL = added.contentType, address
	}
	to.fields["attachments"] = encoded(attachments)
	return nil
}

// readUpload reads the body of an upload.
func readUpload(r *http.Request) (stamped, []file, error) {
	wrapper := stamped{"message", map[string]json.RawMessage{"type": quoted("message")}}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return stamped{}, nil, badRequest(codeBadArgument, "The Content-Type is not valid")
	}
	if media != "multipart/form-data" {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return stamped{}, nil, uploadError(err)
		}
		name := fileName(r.Header.Get("Content-Disposition"))
		return wrapper, []file{{name, media, content}}, nil
	}
	form, err := r.MultipartReader()
	if err != nil {
		return stamped{}, nil, badRequest(codeBadArgument, "The form is not valid")
	}
	return readForm(form, wrapper)
}

func readForm(form *multipart.Reader, activity stamped) (stamped, []file, error) {
	var files []file
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return stamped{}, nil, uploadError(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return stamped{}, nil, uploadError(err)
		}
		media := contentType(part.Header.Get("Content-Type"))
		if media == activityPart {
			if activity, err = readActivity(content); err != nil {
				return stamped{}, nil, err
			}
			continue
		}
		files = append(files, file{fileName(part.Header.Get("Content-Disposition")), media, content})
		if len(files) > maxFiles {
			return stamped{}, nil, badRequest(codeBadArgument, "Too many files")
		}
	}
	if len(files) == 0 {
		return stamped{}, nil, badRequest(codeMissingProperty, "The form has no file")
	}
	return activity, files, nil
}

func uploadError(err error) error {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return badRequest(codeTooLarge, "The upload is too large")
	}
	return badRequest(codeBadArgument, "The upload cannot be read")
}

func contentType(header string) string {
	media, _, err := mime.ParseMediaType(header)
	if err != nil || !strings.Contains(media, "/") {
		return "application/octet-stream"
	}
	return media
}

// fileName reads the name, without folders, from a Content-Disposition. The
// protocol's own example of a single file begins with the parameters:
// name="file"; filename=….
func fileName(disposition string) string {
	if !strings.HasPrefix(disposition, "form-data") && !strings.HasPrefix(disposition, "attachment") {
		disposition = "form-data; " + disposition
	}
	_, parameters, err := mime.ParseMediaType(disposition)
	name := path.Base(strings.ReplaceAll(parameters["filename"], `\`, "/"))
	if err != nil || name == "." || name == "/" {
		return "file"
	}
	return name
}

// getAttachment serves an uploaded file; the id in its address is the
// credential. The headers keep a file from acting as a page of this origin.
func (s *Server) getAttachment(w http.ResponseWriter, r *http.Request) error {
	found, known := s.uploads.find(r.PathValue("attachment"))
	if !known || found.name != r.PathValue("name") {
		return &failure{http.StatusNotFound, codeNotFound, "No such attachment"}
	}
	w.Header().Set("Content-Type", found.contentType)
	w.Header().Set("Content-Disposition", "attachment")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.Copy(w, bytes.NewReader(found.content))
	return nil
}
