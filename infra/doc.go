// Package infra holds the checks of what is deployed: the Bicep files beside it,
// the package in dist/, azure.yaml and the GitHub workflows. It has no code of
// its own.
//
// The checks need no Azure account and no Bicep compiler. A parser from npm
// (tree-sitter) reads the Bicep files; names are then followed from module to
// module, and compared with what the code reads and what the functions declare.
// Types of resources are beyond that: where a bicep command is on the PATH, it
// builds and lints the files too.
package infra
