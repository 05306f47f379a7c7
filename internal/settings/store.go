package settings

import (
	"strings"

	"chatgate/internal/redacted"
)

const fileScheme = "file:"

func loadStore(r *reader) Store {
	local := r.developmentOnly("ConversationStore")
	uri := parsed(r, "ConversationStore__tableServiceUri", "", r.parseAccount)
	path, isFile := strings.CutPrefix(local, fileScheme)
	switch {
	case isFile && path == "":
		r.complain("ConversationStore", "names no file; write file:<path>")
		return Store{}
	case isFile:
		return Store{File: path}
	case local != "" && !strings.Contains(local, "="):
		r.complain("ConversationStore", "is neither file:<path> nor a storage connection string")
		return Store{}
	case local != "":
		return Store{ConnectionString: redacted.New(local)}
	}
	if uri == "" && !r.has("ConversationStore__tableServiceUri") && local == "" {
		r.complain("ConversationStore__tableServiceUri",
			"is missing; set it to the account's table endpoint, https://<account>.table.core.windows.net")
	}
	return Store{TableServiceURI: uri}
}
