package rotation

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"chatgate/internal/botservice"
	"chatgate/internal/redacted"
	"chatgate/internal/secrets"
)

// The tags of a version. The first three are those of Microsoft's own examples
// (https://learn.microsoft.com/azure/key-vault/secrets/tutorial-rotation-dual).
const (
	tagKey      = "CredentialId"
	tagValidity = "ValidityPeriodDays"
	tagBot      = "ProviderAddress"
	tagSite     = "DirectLineSite"

	// maxTag is how many characters a tag's value may have.
	maxTag = 256
)

const (
	defaultValidityDays = 180
	// Key Vault reports a version 30 days before it expires. One that lives no
	// longer than that would be reported, and rotated, at once and for ever.
	minValidityDays = 31
	maxValidityDays = 3650
)

// draft is the next version: a key's value, the tags that people gave to the
// current one, and ours.
func (a Assistant) draft(current secrets.Details, key botservice.Key, value redacted.Text, now time.Time) secrets.Draft {
	days := validityDays(current.Tags)
	tags := maps.Clone(current.Tags)
	if tags == nil {
		tags = map[string]string{}
	}
	tags[tagKey] = string(key)
	tags[tagValidity] = strconv.Itoa(days)
	tags[tagSite] = a.SiteName
	delete(tags, tagBot)
	if len(a.BotResourceID) <= maxTag {
		tags[tagBot] = a.BotResourceID
	}
	now = now.UTC().Truncate(time.Second)
	return secrets.Draft{
		Value: value, ContentType: current.ContentType, Tags: tags,
		NotBefore: now, Expires: now.AddDate(0, 0, days),
	}
}

// validityDays is for how long the next version is valid.
func validityDays(tags map[string]string) int {
	days, err := strconv.Atoi(tags[tagValidity])
	if err != nil || days < minValidityDays || days > maxValidityDays {
		return defaultValidityDays
	}
	return days
}

// written returns the key that a version holds by its tags, or none where the
// tags do not say that it is of this assistant's site.
func (a Assistant) written(tags map[string]string) botservice.Key {
	key := botservice.Key(tags[tagKey])
	if !key.IsKnown() || !strings.EqualFold(tags[tagBot], a.BotResourceID) || tags[tagSite] != a.SiteName {
		return ""
	}
	return key
}
