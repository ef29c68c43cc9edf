// Package rego holds the policy library of toolward: the Rego that composes an
// operator's packages into one decision, helpers for writing policies, and the
// JSON Schema of what policies see. Go only embeds it; package policy runs it.
//
// The library is ordinary Rego and can be replaced. What package policy needs
// of a replacement are the rules data.toolward.decision,
// data.toolward.visible and data.toolward.reverse.decision, as described in
// toolward.rego and reverse.rego.
package rego

import "embed"

// Library is the composing library and the helpers under data.toolward.lib,
// with their tests.
//
//go:embed *.rego lib/*.rego
var Library embed.FS

// Dev is the policy of a gateway that runs without configuration.
//
//go:embed dev/dev.rego
var Dev []byte

// InputSchema is the JSON Schema (draft 7, as far as OPA reads it) of the input
// document, for type checks at load and for `opa check --schema`.
//
//go:embed input.schema.json
var InputSchema []byte
