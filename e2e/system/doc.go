// Package system holds the tests of the whole system.
//
// What they start is the binary in dist/, with production settings: a managed
// identity for its credentials, and HTTPS_PROXY and SSL_CERT_FILE to reach
// stand-ins of Azure under Azure's own host names, Azurite among them. No test
// knows more of the handler than an operator does: its settings, its port, its
// output, its exit code, and what it wrote.
package system
