// Package mcp is the wire of the Model Context Protocol as both of toolward's
// sides see it: JSON-RPC messages with every value kept as it was written,
// server-sent events, lines, and the names and numbers of each revision from
// 2024-11-05 to 2026-07-28.
//
// mcp/server is the surface for agents; mcp/client is the connection to
// upstream servers. Both import this package, and it imports neither.
//
// # Why messages are handled raw
//
// github.com/mark3labs/mcp-go supplies the constants and the header validators
// used here. Its message types are not used for what passes through: decoded
// into them and encoded again, a tool list loses its order and every member
// that the types do not know, integers above 2^53 are rounded, a content type
// invented later fails the call, and of two equal keys the last one wins. A
// gateway that judges one reading and forwards another is no gateway. So a
// message is split into its members once, and what is passed on are the bytes
// of those members.
package mcp

import (
	"slices"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

// The revisions of the protocol. They are dates and compare as strings.
const (
	Revision20241105 = mcpgo.ProtocolVersion20241105 // HTTP with SSE, JSON-RPC batches
	Revision20250326 = mcpgo.ProtocolVersion20250326 // Streamable HTTP, JSON-RPC batches
	Revision20250618 = mcpgo.ProtocolVersion20250618 // MCP-Protocol-Version header, elicitation, structuredContent
	Revision20251125 = mcpgo.ProtocolVersion20251125 // the last with a handshake and sessions
	Revision20260728 = mcpgo.ProtocolVersion20260728 // stateless

	// Latest is the newest revision, LatestLegacy the newest that
	// `initialize` can negotiate.
	Latest       = mcpgo.LATEST_PROTOCOL_VERSION
	LatestLegacy = mcpgo.LATEST_LEGACY_PROTOCOL_VERSION
)

// Revisions returns every known revision, newest first. The slice is the caller's.
func Revisions() []string { return slices.Clone(mcpgo.ValidProtocolVersions) }

// Known reports whether the revision is one of [Revisions].
func Known(revision string) bool { return mcpgo.IsValidProtocolVersion(revision) }

// Modern reports whether the revision is stateless: no handshake, no session,
// and what a session held travels in each request's _meta.
func Modern(revision string) bool { return mcpgo.IsModernProtocol(revision) }

// Negotiate answers the revision of an `initialize`: the one asked for if it
// is known and has a handshake, else [LatestLegacy] (MCP 2025-11-25
// basic/lifecycle, version negotiation).
func Negotiate(asked string) string { return mcpgo.NegotiateLegacyVersion(asked) }

// JSON-RPC and MCP error codes.
const (
	CodeParse           = mcpgo.PARSE_ERROR
	CodeInvalidRequest  = mcpgo.INVALID_REQUEST
	CodeMethodNotFound  = mcpgo.METHOD_NOT_FOUND
	CodeInvalidParams   = mcpgo.INVALID_PARAMS
	CodeInternal        = mcpgo.INTERNAL_ERROR
	CodeInterrupted     = mcpgo.REQUEST_INTERRUPTED                // cancelled or timed out
	CodeResourceMissing = mcpgo.RESOURCE_NOT_FOUND                 // before 2026-07-28, which uses CodeInvalidParams
	CodeURLElicitation  = mcpgo.URL_ELICITATION_REQUIRED           // 2025-11-25
	CodeHeaderMismatch  = mcpgo.HEADER_MISMATCH                    // 2026-07-28: a header contradicts the body
	CodeCapability      = mcpgo.MISSING_REQUIRED_CLIENT_CAPABILITY // 2026-07-28
	CodeRevision        = mcpgo.UNSUPPORTED_PROTOCOL_VERSION       // 2026-07-28, data.supported says which are
)

// Methods that the gateway treats by name.
const (
	MethodInitialize    = string(mcpgo.MethodInitialize)
	MethodDiscover      = string(mcpgo.MethodServerDiscover)
	MethodPing          = string(mcpgo.MethodPing)
	MethodSetLevel      = string(mcpgo.MethodSetLogLevel)
	MethodListen        = string(mcpgo.MethodSubscriptionsListen)
	MethodToolsList     = string(mcpgo.MethodToolsList)
	MethodToolsCall     = string(mcpgo.MethodToolsCall)
	MethodPromptsList   = string(mcpgo.MethodPromptsList)
	MethodPromptsGet    = string(mcpgo.MethodPromptsGet)
	MethodResourcesList = string(mcpgo.MethodResourcesList)
	MethodTemplatesList = string(mcpgo.MethodResourcesTemplatesList)
	MethodResourcesRead = string(mcpgo.MethodResourcesRead)
	MethodSubscribe     = string(mcpgo.MethodResourcesSubscribe)
	MethodUnsubscribe   = string(mcpgo.MethodResourcesUnsubscribe)
	MethodComplete      = string(mcpgo.MethodCompletionComplete)
	MethodTasksGet      = string(mcpgo.MethodTasksGet)
	MethodTasksList     = string(mcpgo.MethodTasksList)
	MethodTasksResult   = string(mcpgo.MethodTasksResult)
	MethodTasksCancel   = string(mcpgo.MethodTasksCancel)
	MethodTasksUpdate   = "tasks/update" // extension io.modelcontextprotocol/tasks of 2026-07-28

	MethodSampling    = string(mcpgo.MethodSamplingCreateMessage)
	MethodElicitation = string(mcpgo.MethodElicitationCreate)
	MethodRoots       = string(mcpgo.MethodListRoots)

	NoteInitialized      = string(mcpgo.MethodNotificationInitialized)
	NoteCancelled        = string(mcpgo.MethodNotificationCancelled)
	NoteProgress         = string(mcpgo.MethodNotificationProgress)
	NoteMessage          = string(mcpgo.MethodNotificationMessage)
	NoteToolsChanged     = mcpgo.MethodNotificationToolsListChanged
	NotePromptsChanged   = mcpgo.MethodNotificationPromptsListChanged
	NoteResourcesChanged = mcpgo.MethodNotificationResourcesListChanged
	NoteResourceUpdated  = mcpgo.MethodNotificationResourceUpdated
	NoteRootsChanged     = mcpgo.MethodNotificationRootsListChanged
	NoteElicitationDone  = string(mcpgo.MethodNotificationElicitationComplete)
	NoteTaskStatus       = mcpgo.MethodNotificationTasksStatus
	NoteAcknowledged     = mcpgo.MethodNotificationSubscriptionsAcknowledged
)

// Members of _meta that 2026-07-28 defines.
const (
	MetaRevision       = mcpgo.MetaKeyProtocolVersion
	MetaClientInfo     = mcpgo.MetaKeyClientInfo
	MetaCapabilities   = mcpgo.MetaKeyClientCapabilities
	MetaServerInfo     = mcpgo.MetaKeyServerInfo
	MetaLogLevel       = mcpgo.MetaKeyLogLevel
	MetaSubscriptionID = mcpgo.MetaKeySubscriptionID
	MetaRelatedTask    = mcpgo.RelatedTaskMetaKey // of 2025-11-25
	MetaProgressToken  = "progressToken"
	MetaOwnPrefix      = "toolward/" // ours; stripped from what agents send
)

// HTTP header fields of Streamable HTTP.
const (
	HeaderRevision    = mcpgo.HeaderProtocolVersion
	HeaderSession     = mcpgo.HeaderSessionID
	HeaderLastEventID = mcpgo.HeaderLastEventID
	HeaderMethod      = mcpgo.HeaderMethod
	HeaderName        = mcpgo.HeaderName
	HeaderParamPrefix = mcpgo.HeaderParamPrefix
)
