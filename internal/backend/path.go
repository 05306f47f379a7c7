package backend

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"chatgate/internal/problem"
)

// maxPath is the most bytes of a path below the base address.
const maxPath = 2 << 10

// maxDecodings is how often a back end might decode a path. What is still
// encoded after that is refused.
const maxDecodings = 3

func errPath() *problem.Error {
	return problem.New(problem.PathNotAllowed,
		"The path may not hold empty or dot segments, encoded slashes, backslashes or control characters.")
}

// checkPath lets only paths pass that mean the same to every server: none can
// lead out of the base address, however often, and by whatever rules, it is
// decoded on its way.
func checkPath(path string) error {
	if len(path) > maxPath || !isPrintable(path) || strings.ContainsAny(path, "?#") {
		return errPath()
	}
	plain := strings.TrimSuffix(path, "/")
	for range maxDecodings {
		if plain != "" && !hasPlainSegments(plain) {
			return errPath()
		}
		decoded, err := url.PathUnescape(plain)
		if err != nil || strings.Count(decoded, "/") != strings.Count(plain, "/") || !isOrdinary(decoded) {
			return errPath()
		}
		if decoded == plain {
			return nil
		}
		plain = decoded
	}
	return errPath()
}

// hasPlainSegments refuses what servers take for the folder above or for nothing.
// Some cut a segment at a semicolon first.
func hasPlainSegments(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		name, _, _ := strings.Cut(segment, ";")
		name = strings.TrimSpace(name)
		if name == "" || name == "." || name == ".." || strings.Contains(segment, `\`) {
			return false
		}
	}
	return true
}

// lookalikes are characters that some servers turn into dots and slashes.
const lookalikes = "．／＼․‥…∕⁄⧵﹨"

// isOrdinary refuses control characters, backslashes, and what is taken for dots
// and slashes: overlong UTF-8 and lookalikes.
func isOrdinary(text string) bool {
	if !utf8.ValidString(text) || strings.ContainsAny(text, lookalikes) {
		return false
	}
	for _, c := range []byte(text) {
		if c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
	}
	return true
}

// isPrintable tells whether text is visible ASCII, as in a URL.
func isPrintable(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
