package transcript

import "time"

// Limits of Azure Table Storage that the shape of a [Record] honours
// (https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model).
const (
	// MaxProperty is how many bytes one property holds; a string takes two
	// bytes for each UTF-16 unit.
	MaxProperty = 64 << 10
	// MaxRow is how many bytes one row holds, names and keys included.
	MaxRow = 1 << 20
)

// Record is one activity as it is stored: what the columns of table messages
// hold, in the store's own terms. A Record is built by [Recorder], kept by a
// [Store] and read back through its [Archive] or [Contents]; it is not changed in
// between.
//
// The columns are for people and for queries: they are valid UTF-8, each fits a
// property and together they fit a row, for which long texts are cut. The whole
// is in Activity, and Key alone says which activity it is.
type Record struct {
	// Key says where the record lives. Equal keys are the same activity.
	Key Key

	Assistant      string
	ConversationID string
	ActivityID     string
	Type           string
	// Role is from.role as sent: user, bot, skill or nothing.
	Role      string
	FromID    string
	FromName  string
	Text      string
	ChannelID string
	ReplyToID string
	// SentAt is when the activity was sent, in UTC, to the 100 nanoseconds that
	// a date-time property holds. Key has all digits.
	SentAt time.Time

	// User is the person in the conversation as far as this activity tells. It
	// goes into table conversations; a store need not give it back.
	User Party

	// Activity is the activity's JSON, as sent except for redaction. It may
	// share memory with the message it came in.
	Activity []byte
	// Compressed is Activity gzipped where Activity exceeds a property; else
	// nil. It spares a store the compression and need not be given back.
	Compressed []byte
}

// Key is a record's place: a partition for each conversation, and in it a row
// for each activity, in the order of time. Both hold only [A-Za-z0-9._~=-] and
// at most 500 characters.
type Key struct {
	Partition string
	Row       string
}

// Party is one side of a conversation, with how sure we are that it is the user.
type Party struct {
	ID   string
	Name string
	// Certainty orders claims to be the user; the zero value is no claim.
	Certainty Certainty
}

// Certainty says on what evidence a party counts as the user.
type Certainty int

// The evidence, weakest first.
const (
	// NoUser means that neither party is known to be the user.
	NoUser Certainty = iota
	// UserByID means that the party's id begins with dl_, which only Direct
	// Line users' ids do.
	UserByID
	// UserByRole means that the activity itself says role "user".
	UserByRole
)

// Conversation is one row of table conversations: what was last said in one
// conversation on one day (UTC).
type Conversation struct {
	Assistant      string
	ConversationID string
	UserID         string
	UserName       string
	ChannelID      string
	LastActivityAt time.Time
	LastText       string
}
