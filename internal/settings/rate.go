package settings

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is a count in a period. Off tells a limit that was switched off on
// purpose from the zero value, which lets nothing through.
type Rate struct {
	Count  int
	Period time.Duration
	Off    bool
}

// maxCount keeps a typing error from being no limit at all.
const maxCount = 10_000_000

// parseRate reads count/s, count/m, count/h or off.
func parseRate(text string) (Rate, error) {
	if strings.EqualFold(text, "off") {
		return Rate{Off: true}, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	periods := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}
	period, known := periods[strings.ToLower(unit)]
	count, err := strconv.Atoi(number)
	if err != nil || !known || count < 1 || count > maxCount {
		return Rate{}, fmt.Errorf("is %q; it takes a count from 1 to %d and a unit, such as 60/m (s, m or h), or off", text, maxCount)
	}
	return Rate{Count: count, Period: period}, nil
}
