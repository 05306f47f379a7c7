package outbound

import "github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

// Options returns the options of a client with what they leave open filled in:
// the retries of ours, and a transport that is bounded to maxAnswer bytes (see
// [Bound]). Bodies are never logged, whatever the options say.
func Options(options policy.ClientOptions, maxAnswer int64, ours policy.RetryOptions) policy.ClientOptions {
	options.Transport = Bound(options.Transport, maxAnswer)
	options.Logging.IncludeBody = false
	if options.Retry.MaxRetries == 0 {
		options.Retry.MaxRetries = ours.MaxRetries
	}
	if options.Retry.RetryDelay == 0 {
		options.Retry.RetryDelay = ours.RetryDelay
	}
	if options.Retry.MaxRetryDelay == 0 {
		options.Retry.MaxRetryDelay = ours.MaxRetryDelay
	}
	if options.Retry.TryTimeout == 0 {
		options.Retry.TryTimeout = ours.TryTimeout
	}
	return options
}
