package transcript

import (
	"bytes"
	"compress/gzip"
	"errors"
)

// errFull stops a compression whose outcome is too large already.
var errFull = errors.New("no room left")

// boundedBuffer is a buffer that takes at most limit bytes.
type boundedBuffer struct {
	content bytes.Buffer
	limit   int
}

// Write fails where p would not fit.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.content.Len()+len(p) > b.limit {
		return 0, errFull
	}
	return b.content.Write(p)
}

// gzipWithin returns content gzipped, and whether that takes at most limit
// bytes. The header holds no time and no name, so that the same content always
// gives the same bytes.
func gzipWithin(writer *gzip.Writer, content []byte, limit int) ([]byte, bool) {
	compressed := boundedBuffer{limit: limit}
	writer.Reset(&compressed)
	if _, err := writer.Write(content); err != nil {
		return nil, false
	}
	if err := writer.Close(); err != nil {
		return nil, false
	}
	// Records wait for their batch mates: what the buffer grew beyond the content
	// would wait with them.
	return bytes.Clone(compressed.content.Bytes()), true
}
