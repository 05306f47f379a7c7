package settings

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// BotResource names a bot in Azure Resource Manager.
type BotResource struct {
	SubscriptionID string
	ResourceGroup  string
	Name           string
}

// IsZero reports whether no bot is named.
func (b BotResource) IsZero() bool {
	return b == BotResource{}
}

// The parts of a resource id; the fixed ones are compared ignoring case
// (https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules).
const (
	botIDParts   = 8
	maxGroupName = 90
	maxSiteName  = 63
)

// parseBotResource reads the resource id of a bot.
func parseBotResource(text string) (BotResource, error) {
	parts := strings.Split(strings.TrimPrefix(text, "/"), "/")
	shape := errors.New("is not the resource id of a bot; write /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.BotService/botServices/<name>")
	if !strings.HasPrefix(text, "/") || len(parts) != botIDParts {
		return BotResource{}, shape
	}
	for at, want := range map[int]string{0: "subscriptions", 2: "resourceGroups", 4: "providers", 5: "Microsoft.BotService", 6: "botServices"} {
		if !strings.EqualFold(parts[at], want) {
			return BotResource{}, shape
		}
	}
	bot := BotResource{SubscriptionID: strings.ToLower(parts[1]), ResourceGroup: parts[3], Name: parts[7]}
	switch {
	case !isUUID(bot.SubscriptionID):
		return BotResource{}, errors.New("names a subscription that is no UUID")
	case !isGroupName(bot.ResourceGroup):
		return BotResource{}, errors.New("names a resource group that Azure does not allow")
	case !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{1,63}$`).MatchString(bot.Name):
		return BotResource{}, errors.New("names a bot that Azure does not allow")
	}
	return bot, nil
}

// isGroupName: letters and digits of any script, and _ - . ( ), without a
// full stop at the end.
func isGroupName(name string) bool {
	if name == "" || len([]rune(name)) > maxGroupName || strings.HasSuffix(name, ".") {
		return false
	}
	for _, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("_-.()", c) {
			return false
		}
	}
	return true
}

// parseSiteName takes what the portal shows; the name goes into the body of a
// request only.
func parseSiteName(text string) (string, error) {
	for _, c := range text {
		if !unicode.IsPrint(c) {
			return "", errors.New("holds characters that no site's name has")
		}
	}
	if len([]rune(text)) > maxSiteName {
		return "", fmt.Errorf("has more than %d characters", maxSiteName)
	}
	return text, nil
}
