package botservice

import (
	"crypto/subtle"
	"errors"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/botservice/armbotservice"

	"chatgate/internal/redacted"
)

// Key names one of a site's two keys. The zero value names none.
type Key string

// The two keys, as Bot Service and the secret's tag CredentialId write them.
const (
	Key1 Key = "key1"
	Key2 Key = "key2"
)

// IsKnown reports whether k is one of the two.
func (k Key) IsKnown() bool {
	return k == Key1 || k == Key2
}

// Other returns the other key; of none there is no other.
func (k Key) Other() Key {
	switch k {
	case Key1:
		return Key2
	case Key2:
		return Key1
	default:
		return ""
	}
}

// Keys are the values of a site's keys.
type Keys struct {
	One, Two redacted.Text
}

// Value returns the value of a key.
func (k Keys) Value(key Key) redacted.Text {
	switch key {
	case Key1:
		return k.One
	case Key2:
		return k.Two
	default:
		return redacted.Text{}
	}
}

// Holding returns the key that has the value, or none. It takes the same time
// whichever it is.
func (k Keys) Holding(value redacted.Text) Key {
	one, two := Equal(k.One, value), Equal(k.Two, value)
	switch {
	case one:
		return Key1
	case two:
		return Key2
	default:
		return ""
	}
}

// Equal reports whether two values are the same and not empty, in constant time.
func Equal(a, b redacted.Text) bool {
	return !a.IsEmpty() && subtle.ConstantTimeCompare([]byte(a.Reveal()), []byte(b.Reveal())) == 1
}

var errNoSite = errors.New("the bot has no Direct Line site of the name in the settings, or its keys are not told")

// keysOf finds a site's keys. Bot Service has told them in three places: the
// channel's settings, its properties, and a copy of those named resource. Where a
// place leaves the values out, they are empty there.
func keysOf(answer armbotservice.ListChannelWithKeysResponse, site string) (Keys, error) {
	var told []toldSite
	if answer.Setting != nil {
		for _, each := range answer.Setting.Sites {
			if each != nil {
				told = append(told, toldSite{each.SiteName, each.Key, each.Key2})
			}
		}
	}
	for _, place := range []armbotservice.ChannelClassification{answer.Properties, answer.Resource} {
		told = append(told, sitesOf(place)...)
	}
	for _, each := range told {
		if text(each.name) == site && text(each.one) != "" && text(each.two) != "" {
			return Keys{One: redacted.New(*each.one), Two: redacted.New(*each.two)}, nil
		}
	}
	return Keys{}, errNoSite
}

// toldSite is a site as one of the places has it.
type toldSite struct {
	name, one, two *string
}

func sitesOf(channel armbotservice.ChannelClassification) []toldSite {
	line, ok := channel.(*armbotservice.DirectLineChannel)
	if !ok || line == nil || line.Properties == nil {
		return nil
	}
	var told []toldSite
	for _, each := range line.Properties.Sites {
		if each != nil {
			told = append(told, toldSite{each.SiteName, each.Key, each.Key2})
		}
	}
	return told
}

func text(from *string) string {
	if from == nil {
		return ""
	}
	return *from
}
