// Package tablestore keeps the state of logins in a table of Azure Table Storage
// or Azure Cosmos DB for Table, where several instances share it.
//
// Table logins holds a partition for each assistant and in it a row for each
// conversation and each hint. It is created at the first write. Each write is
// conditional: a first row is inserted, a later one replaced under the ETag that
// was read.
//
// An answer can be lost after the service has committed, and the pipeline then
// sends the write again: the second try meets what the first one wrote and looks
// like a lost race. Taken for one it would cost a user the login, which would be
// redeemed by nobody. Each write therefore carries a random mark, and who meets a
// conflict reads the row: with the writer's own mark it is written. What remains
// is a write whose every answer is lost, or after which the process ends. Nobody
// can say then whether it was made, and the error is no [login.ErrConflict]:
//
//   - of a start's reservation, nobody was asked yet, and it lapses after half a
//     minute;
//   - of a started login, the user was asked and nobody holds the handle: the
//     conversation may start another at once, or once this one has expired where
//     giving it up cannot be written either;
//   - of a poll's turn, the provider is asked an interval later;
//   - of a redemption, the token is thrown away and the next poll says
//     expired_token: a login is redeemed once at most, and the user logs in again.
package tablestore

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"chatgate/internal/login"
	"chatgate/internal/tables"
)

const tableName = "logins"

// Options tunes a Store. The zero value is right for production.
type Options = tables.Options

// Store is a [login.Purger] in a table. It is used by several goroutines, and
// several Stores may use the same table, at once. Its errors hold neither
// addresses nor what is stored.
type Store struct {
	table *tables.Table
}

var _ login.Purger = (*Store)(nil)

// New returns a Store at serviceURL, https://<account>.table.core.windows.net or
// the endpoint of a Cosmos DB for Table account, that signs in with cred. Nothing
// is sent before the first use. Options may be nil.
func New(serviceURL string, cred azcore.TokenCredential, options *Options) (*Store, error) {
	service, err := tables.NewService(serviceURL, cred, options)
	if err != nil {
		return nil, err
	}
	return &Store{table: service.Table(tableName)}, nil
}

// NewFromConnectionString returns a Store in the account that a storage
// connection string names, UseDevelopmentStorage=true included. It is meant for
// development: such a string holds the account's key. Options may be nil.
func NewFromConnectionString(connection string, options *Options) (*Store, error) {
	service, err := tables.NewServiceFromConnectionString(connection, options)
	if err != nil {
		return nil, err
	}
	return &Store{table: service.Table(tableName)}, nil
}

// Load implements [login.Attempts].
func (s *Store) Load(ctx context.Context, key login.Key) (login.Row, login.ETag, error) {
	found, etag, err := s.load(ctx, key)
	return found.row, etag, err
}

func (s *Store) load(ctx context.Context, key login.Key) (marked, login.ETag, error) {
	entity, etag, err := s.table.Get(ctx, tables.Key(key))
	if err != nil {
		return marked{}, "", fmt.Errorf("reading table %s: %w", tableName, err)
	}
	if etag == "" {
		return marked{}, "", nil
	}
	found, err := decode(entity)
	if err != nil {
		return marked{}, "", fmt.Errorf("reading table %s: %w", tableName, err)
	}
	return found, login.ETag(etag), nil
}

// Save implements [login.Attempts]. See the package's comment for writes whose
// answer is lost.
func (s *Store) Save(ctx context.Context, key login.Key, row login.Row, etag login.ETag) (login.ETag, error) {
	mark := rand.Text()
	entity := encode(tables.Key(key), marked{row, mark})
	write := s.table.Insert(tables.Key(key), entity)
	if etag != "" {
		write = s.table.Replace(tables.Key(key), entity, azcore.ETag(etag))
	}
	etags, err := s.table.Commit(ctx, []tables.Operation{write})
	switch {
	case err == nil && len(etags) == 1:
		return login.ETag(etags[0]), nil
	case err != nil && !tables.IsConflict(err):
		return "", fmt.Errorf("writing table %s: %w", tableName, err)
	}
	found, written, err := s.load(ctx, key)
	if err != nil {
		return "", err
	}
	if found.mark != mark {
		return "", login.ErrConflict
	}
	return written, nil
}

// pageOfKeys is how many old rows a query asks for at most.
const pageOfKeys = 500

// Purge implements [login.Purger]. It reads each row that the query found again,
// and deletes it under the ETag it had then.
func (s *Store) Purge(ctx context.Context, assistant string, before time.Time, limit int) (int, error) {
	removed := 0
	rows := s.table.Query(ctx, tables.Query{
		Filter:  "PartitionKey eq " + tables.Quote(assistant) + " and " + lastColumn + " lt " + tables.QuoteTime(storable(before)),
		Columns: []string{"RowKey"},
		Page:    min(max(limit, 1), pageOfKeys),
	})
	for name, err := range tables.Decoded(rows, decodeKey) {
		if removed >= limit {
			break
		}
		if err != nil {
			return removed, fmt.Errorf("purging table %s: %w", tableName, err)
		}
		gone, err := s.remove(ctx, login.Key{Partition: assistant, Row: name}, before)
		if err != nil {
			return removed, err
		}
		if gone {
			removed++
		}
	}
	return removed, nil
}

// remove removes a row that is still old.
func (s *Store) remove(ctx context.Context, key login.Key, before time.Time) (bool, error) {
	found, etag, err := s.load(ctx, key)
	if err != nil {
		return false, err
	}
	if etag == "" || !found.row.LastTime().Before(before) {
		return false, nil
	}
	err = s.table.Delete(ctx, tables.Key(key), azcore.ETag(etag))
	if tables.IsConflict(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("purging table %s: %w", tableName, err)
	}
	return true, nil
}
