package transcript

import "unicode/utf8"

// How Table Storage counts the bytes of a row
// (https://learn.microsoft.com/archive/blogs/avkashchauhan/how-the-size-of-an-entity-is-caclulated-in-windows-azure-table-storage):
// 4, two for each UTF-16 unit of the keys, and for each property 8, two for each
// character of its name, and its value; a text is two bytes a unit and 4, binary
// is its length and 4, a date-time is 8.
const (
	rowOverhead      = 4
	propertyOverhead = 8
	lengthOverhead   = 4
	dateTimeSize     = 8
	unitSize         = 2
)

// The names of the columns, of which a row's size is a matter too: those of text
// taken together, and the others.
const (
	textColumns  = 10
	textNames    = "Assistant" + "ConversationId" + "ActivityId" + "Type" + "Role" + "FromId" + "FromName" + "Text" + "ChannelId" + "ReplyToId"
	timeColumns  = 2
	timeNames    = "SentAt" + "Timestamp"
	activityName = "Activity"
	gzipName     = "ActivityGzip00"
)

// fixedSize is the part of a row's size that no cut can lower: everything but
// the content of the columns that fitRow may shorten.
func (r *Record) fixedSize() int {
	size := rowOverhead + unitSize*(len(r.Key.Partition)+len(r.Key.Row))
	size += timeColumns*(propertyOverhead+dateTimeSize) + unitSize*len(timeNames)
	size += textColumns*(propertyOverhead+lengthOverhead) + unitSize*len(textNames)
	size += unitSize * (utf16Length(r.Assistant) + utf16Length(r.ConversationID) + utf16Length(r.ActivityID))
	return size + r.activitySize()
}

// activitySize is what the activity takes: one property of text, or as many of
// binary as its gzip fills.
func (r *Record) activitySize() int {
	if r.Compressed == nil {
		return propertyOverhead + lengthOverhead + unitSize*(len(activityName)+utf16Length(r.Activity))
	}
	properties := (len(r.Compressed) + MaxProperty - 1) / MaxProperty
	return properties*(propertyOverhead+lengthOverhead+unitSize*len(gzipName)) + len(r.Compressed)
}

// fitRow shortens columns until the row fits, those first that people miss
// least. It reports false where the activity and the ids alone are too much.
func (r *Record) fitRow() bool {
	if r.Compressed == nil && len(r.Text)+len(r.Activity) <= MaxProperty/unitSize {
		return true // the other nine text columns take 64 KiB each at most, and hence all take far less than a row
	}
	room := MaxRow - r.fixedSize()
	if room < 0 {
		return false
	}
	// The most wanted come first and take what they need of the room.
	for _, column := range []*string{&r.Type, &r.ChannelID, &r.Role, &r.FromID, &r.ReplyToID, &r.FromName, &r.Text} {
		*column = cutUnits(*column, room/unitSize)
		room -= unitSize * utf16Length(*column)
	}
	return true
}

// fitProperty cuts text to what one property holds.
func fitProperty(text string) string {
	return cutUnits(text, MaxProperty/unitSize)
}

// cutUnits cuts text to at most limit UTF-16 units, at the edge of a character:
// half of one would be no valid text, neither in UTF-8 nor in UTF-16.
func cutUnits(text string, limit int) string {
	if len(text) <= limit { // a byte of UTF-8 is never more than one unit
		return text
	}
	for at, character := range text {
		limit -= utf16Width(character)
		if limit < 0 {
			return text[:at]
		}
	}
	return text
}

func utf16Width(character rune) int {
	if character > 0xFFFF {
		return 2
	}
	return 1
}

// utf16Length returns how many UTF-16 units valid UTF-8 makes: one for each
// character, two for those that take four bytes.
func utf16Length[T string | []byte](text T) int {
	units := 0
	for i := range len(text) {
		if utf8.RuneStart(text[i]) {
			units++
		}
		if text[i] >= 0xF0 {
			units++
		}
	}
	return units
}
