package tablestore

import (
	"slices"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/transcript"
)

// knownBytes is about how much memory the remembered rows of the index take.
const knownBytes = 16 << 20

// maxEntered is of how many users a row remembers that they were entered. The
// others are entered with each of their activities.
const maxEntered = 64

// indexRow is a row of the index as it was last seen in the table. Without an
// ETag it was not there.
type indexRow struct {
	summary transcript.DaySummary
	etag    azcore.ETag
	// entered are the users, as parts of row keys, whom this Store entered into
	// table users before it wrote the row, or rows that became this one; empty
	// text stands for nobody. It is empty for a row that others wrote, whoever is
	// named there: an erasure may have removed those from table users since.
	entered []string
	// noted is when the row was remembered, as [knownRows.now] counts.
	noted uint64
}

// size is about how many bytes the row takes in memory.
func (r *indexRow) size() int {
	const fixed = 400
	s := &r.summary
	size := fixed + len(s.Key.Partition) + len(s.Key.Row) + len(s.LastKey) + len(s.UserKey) + len(r.etag) +
		len(s.ConversationID) + len(s.UserID) + len(s.UserName) + len(s.ChannelID) + len(s.LastText)
	for _, users := range [][]string{s.Users, r.entered} {
		for _, user := range users {
			const header = 16
			size += header + len(user)
		}
	}
	return size
}

// hasEntered reports whether this Store entered a user. With anybody it entered
// the day as well, which is what nobody's presence is for.
func (r *indexRow) hasEntered(user string) bool {
	return slices.Contains(r.entered, user) || user == "" && len(r.entered) > 0
}

// enteredWith returns whom this Store has entered with some more, up to
// maxEntered. Others share what is there, so that it stays as it is.
func (r *indexRow) enteredWith(presences []transcript.Presence) []string {
	entered := slices.Clip(r.entered)
	for _, presence := range presences[:min(len(presences), maxEntered-len(entered))] {
		entered = append(entered, presence.User)
	}
	return entered
}

// knownRows remembers the rows of the index that were used last, within a bound.
// It is an assumption only: the ETag decides whether a row is still as it says.
//
// Rows live in two generations. When the younger has grown to half the bound it
// becomes the older, and what was in that one and has not been used since is
// forgotten.
type knownRows struct {
	mutex          sync.Mutex
	younger, older map[transcript.Key]indexRow
	size, limit    int
	clock          uint64
}

func newKnownRows(bound int) *knownRows {
	return &knownRows{younger: make(map[transcript.Key]indexRow), limit: bound / 2}
}

// now is a moment of a clock that goes on with every row that is remembered.
func (k *knownRows) now() uint64 {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return k.clock
}

// get returns the row at key; a row that nobody remembers is taken to be absent
// from the table.
func (k *knownRows) get(key transcript.Key) indexRow {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if row, found := k.younger[key]; found {
		return row
	}
	row, found := k.older[key]
	if found {
		k.keep(key, row)
	}
	return row
}

// set remembers a row, or forgets it where there is no ETag.
func (k *knownRows) set(key transcript.Key, row indexRow) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	delete(k.older, key)
	if row.etag == "" {
		k.drop(key)
		return
	}
	k.clock++
	row.noted = k.clock
	k.keep(key, row)
}

func (k *knownRows) keep(key transcript.Key, row indexRow) {
	k.drop(key)
	if size := row.size(); k.size+size > k.limit {
		k.younger, k.older, k.size = make(map[transcript.Key]indexRow), k.younger, 0
	}
	k.younger[key] = row
	k.size += row.size()
}

func (k *knownRows) drop(key transcript.Key) {
	if row, found := k.younger[key]; found {
		k.size -= row.size()
		delete(k.younger, key)
	}
}
