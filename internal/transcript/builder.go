package transcript

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// builder makes records of the activities of one message after the other.
type builder struct {
	recorder *Recorder
	// names holds one copy of each short text that repeats from activity to
	// activity, partitions the partition of each conversation.
	names      map[string]string
	partitions map[conversationKey]string

	// assistant and message are those at hand, source names the message.
	assistant string
	message   *Message
	source    string
}

type conversationKey struct {
	assistant, conversation string
}

func newBuilder(recorder *Recorder) builder {
	return builder{
		recorder:   recorder,
		names:      make(map[string]string),
		partitions: make(map[conversationKey]string),
	}
}

// begin turns to the next message.
func (b *builder) begin(assistant string, message *Message) {
	b.assistant, b.message, b.source = assistant, message, ""
}

// record returns the record of an activity, which is the message's element at
// position, and whether it fits a row.
func (b *builder) record(found *activity, position int) (record Record, fits bool) {
	at := sentAt(found.timestamp, b.message.EnqueuedAt)
	id, conversation := found.id.identity(), b.identity(found.conversationID)
	column := found.id.columnOf(id)
	if id == "" {
		id = b.derivedID(position)
		column = strings.ToValidUTF8(id, string(utf8.RuneError))
	}
	record = Record{
		Key:            Key{Partition: b.partition(conversation), Row: activityRow(id, at)},
		Assistant:      b.assistant,
		ConversationID: fitProperty(found.conversationID.columnOf(conversation)),
		ActivityID:     fitProperty(column),
		Type:           b.name(found.kind),
		Role:           b.name(found.from.role),
		FromID:         b.name(found.from.id),
		FromName:       b.name(found.from.name),
		Text:           found.text.column(),
		ChannelID:      b.name(found.channelID),
		ReplyToID:      found.replyToID.column(),
		SentAt:         at.Truncate(columnPrecision),
		User:           b.user(found),
		Activity:       found.json,
	}
	fits = b.compress(&record) && record.fitRow()
	return record, fits
}

// compress gzips an activity that is more than a property holds. It reports
// false where not even the gzip fits a row.
func (b *builder) compress(record *Record) (fits bool) {
	const units = MaxProperty / unitSize
	if len(record.Activity) <= units || utf16Length(record.Activity) <= units {
		return true
	}
	record.Compressed, fits = b.recorder.compress(record.Activity, MaxRow)
	return fits
}

// user returns the party that is the user, if the activity tells. What it says
// of roles goes before what the ids look like, and the sender before the
// recipient.
func (b *builder) user(found *activity) Party {
	sides := []*account{&found.from, &found.recipient}
	for _, side := range sides {
		if strings.EqualFold(b.name(side.role), "user") && b.name(side.id) != "" {
			return b.party(side, UserByRole)
		}
	}
	for _, side := range sides {
		if strings.HasPrefix(b.name(side.id), "dl_") {
			return b.party(side, UserByID)
		}
	}
	return Party{}
}

func (b *builder) party(side *account, certainty Certainty) Party {
	return Party{ID: b.name(side.id), Name: b.name(side.name), Certainty: certainty}
}

// derivedID makes an id for an activity that has none: from the message, so
// that a redelivery arrives at the same one, and the position in it. The prefix
// keeps it apart from the ids that channels give.
func (b *builder) derivedID(position int) string {
	if b.source == "" {
		b.source = sourceOf(b.message)
	}
	return b.source + ":" + strconv.Itoa(position)
}

// sourceOf names a message by the broker's id, or by its content.
func sourceOf(message *Message) string {
	if message.ID != "" {
		return "chatgate-message:" + message.ID
	}
	sum := sha256.Sum256(message.Body)
	return "chatgate-body:" + hex.EncodeToString(sum[:])
}

func (b *builder) partition(conversation string) string {
	key := conversationKey{assistant: b.assistant, conversation: conversation}
	partition, known := b.partitions[key]
	if !known {
		partition = ConversationPartition(key.assistant, key.conversation)
		b.partitions[key] = partition
	}
	return partition
}

// name returns the content of a string as a column holds it, kept once however
// often it comes.
func (b *builder) name(v value) string {
	return fitProperty(b.once(bounded(v.content(utf8.RuneError))))
}

// identity returns what tells a string apart from others, kept once.
func (b *builder) identity(v value) string {
	return b.once(v.content(keepSurrogates))
}

// once returns text as a string. Short ones are looked up first, which makes no
// garbage.
func (b *builder) once(text []byte) string {
	const longestKept = 128
	if known, isKnown := b.names[string(text)]; isKnown {
		return known
	}
	name := string(text)
	if len(name) <= longestKept {
		b.names[name] = name
	}
	return name
}

// column returns the content of a string as a column holds it.
func (v value) column() string {
	return fitProperty(string(bounded(v.content(utf8.RuneError))))
}

// bounded cuts content to not much more than a property holds, so that a column
// does not keep the whole of a large text in memory. A unit of UTF-16 is at most
// three bytes of UTF-8.
func bounded(content []byte) []byte {
	const most = MaxProperty/unitSize*3 + utf8.UTFMax
	return content[:min(len(content), most)]
}

// columnOf returns the string as a column holds it, given its identity, which
// is the same text unless there are lone surrogates.
func (v value) columnOf(identity string) string {
	if utf8.ValidString(identity) {
		return identity
	}
	return v.text()
}
