package login

import (
	"encoding/binary"
	"time"

	"chatgate/internal/sealed"
	"chatgate/internal/secretly"
)

// The kinds of what is sealed.
const (
	handleKind sealed.Kind = "login"
	tokenKind  sealed.Kind = "token"
)

// handle is what a sealed login holds.
type handle struct {
	binding    Binding
	provider   ProviderName
	connection string
	// attempt is the login's id: 256 random bits in hex.
	attempt string
	// hintRow is the row of the hint, which a denial cools down too.
	hintRow string
	expires time.Time
	polling secretly.Bytes
}

// grant is what a sealed token holds.
type grant struct {
	binding    Binding
	provider   ProviderName
	connection string
	expires    time.Time
	token      secretly.Bytes
	refresh    secretly.Bytes
}

func (g *grant) clear() {
	g.token.Clear()
	g.refresh.Clear()
}

// payloadVersion is the first byte of every payload.
const payloadVersion = 1

// The payloads are fields with their lengths before them, and not JSON: taking
// JSON apart makes copies of the secrets that nobody can clear.
func (h *handle) encode() secretly.Bytes {
	return pack([]byte(h.binding.Assistant), []byte(h.binding.ConversationID), []byte(h.binding.UserID),
		[]byte(h.provider), []byte(h.connection), []byte(h.attempt), []byte(h.hintRow), instant(h.expires), h.polling)
}

func decodeHandle(payload []byte) (handle, bool) {
	f, ok := unpack(payload, 9)
	if !ok || len(f[7]) != 8 {
		return handle{}, false
	}
	return handle{
		binding:  Binding{string(f[0]), string(f[1]), string(f[2])},
		provider: ProviderName(f[3]), connection: string(f[4]),
		attempt: string(f[5]), hintRow: string(f[6]), expires: moment(f[7]), polling: f[8],
	}, true
}

func (g *grant) encode() secretly.Bytes {
	return pack([]byte(g.binding.Assistant), []byte(g.binding.ConversationID), []byte(g.binding.UserID),
		[]byte(g.provider), []byte(g.connection), instant(g.expires), g.token, g.refresh)
}

func decodeGrant(payload []byte) (grant, bool) {
	f, ok := unpack(payload, 8)
	if !ok || len(f[5]) != 8 {
		return grant{}, false
	}
	return grant{
		binding:  Binding{string(f[0]), string(f[1]), string(f[2])},
		provider: ProviderName(f[3]), connection: string(f[4]),
		expires: moment(f[5]), token: f[6], refresh: f[7],
	}, true
}

func pack(fields ...[]byte) secretly.Bytes {
	size := 1
	for _, field := range fields {
		size += 4 + len(field)
	}
	payload := make([]byte, 0, size)
	payload = append(payload, payloadVersion)
	for _, field := range fields {
		payload = binary.BigEndian.AppendUint32(payload, uint32(len(field))) //nolint:gosec // all fields are bounded
		payload = append(payload, field...)
	}
	return payload
}

// unpack returns count fields, which share payload's memory.
func unpack(payload []byte, count int) ([][]byte, bool) {
	if len(payload) == 0 || payload[0] != payloadVersion {
		return nil, false
	}
	payload = payload[1:]
	fields := make([][]byte, 0, count)
	for range count {
		if len(payload) < 4 {
			return nil, false
		}
		size := int64(binary.BigEndian.Uint32(payload))
		payload = payload[4:]
		if size > int64(len(payload)) {
			return nil, false
		}
		fields = append(fields, payload[:size:size])
		payload = payload[size:]
	}
	return fields, len(payload) == 0
}

func instant(at time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(at.Unix())) //nolint:gosec // both ways are the same
}

func moment(field []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(field)), 0).UTC() //nolint:gosec // both ways are the same
}
