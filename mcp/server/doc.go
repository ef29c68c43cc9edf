// Package server is the MCP surface for agents: Streamable HTTP at /mcp (every
// upstream, names as server__name) and /mcp/{server} (one upstream, names
// unchanged), the HTTP with SSE transport of 2024-11-05 at /sse and /message,
// and standard input and output. It speaks every revision from 2024-11-05 to
// 2026-07-28, and decides nothing: what goes to an upstream walks the
// [gateway.Road], and the answer comes back along it.
//
// # What it guarantees
//
//   - A message is parsed once, strictly, and its parts are passed on as they
//     were written (see package mcp for why mcp-go's types are not used). A
//     result through /mcp/{server} is byte for byte the upstream's but for three
//     things: 2026-07-28 agents get the members their revision requires where an
//     older upstream did not write them, requestState is sealed, and error codes
//     that the agent's revision does not have become those it has. On /mcp,
//     names and URIs are mapped besides.
//   - A session belongs to the principal and the endpoint that opened it.
//     Anyone else who names it is told that it does not exist. Requests,
//     cancellations and answers are matched by session and ID, never by ID.
//   - What an upstream sends during a call goes to the stream of that call, and
//     through [gateway.Road.Judge], so that it is judged and recorded.
//   - A call that sends nothing but its result is answered as plain JSON. The
//     first notification or request turns the answer into an event stream.
//   - A call whose cancellation was taken before it was sent is not sent,
//     whichever of the two came first.
//   - Of a request that its agent cancelled nothing more is sent, but for the
//     answer where HTTP wants one.
//   - Everything is bounded: sessions, streams, queued and kept events, parked
//     calls, and, by the limiter, calls at once.
//
// # What answers what
//
// initialize, server/discover, ping, logging/setLevel, subscriptions/listen and
// the lists are answered here. tools/call, prompts/get, resources/read,
// resources/subscribe, resources/unsubscribe, completion/complete and tasks/*
// are calls. Everything else is refused as the revision wants it.
//
// # The modes of an exchange
//
// Each message is an exchange, and what differs between agents is in two parts of
// it: its era says what the revision decides, its bond what there is beside the
// message itself. Together they are its mode:
//
//	                    era     bond     where                what it may be
//	before a session    legacy  alone    POST                 initialize, or refused
//	in a session        legacy  session  POST, SSE, a line    anything, a batch on 2025-03-26
//	stateless           modern  alone    POST                 requests; notifications are ignored
//	stateless on a line modern  session  SSE, a line          requests
//
// An exchange is made before a session, or on a line in its session, and changes
// once, when it was read:
//
//	before a session ──Mcp-Session-Id──▶ in a session
//	      │
//	      └──Mcp-Protocol-Version, or _meta: 2026-07-28──▶ stateless
//
//	in a session (a line) ──_meta: 2026-07-28──▶ stateless on a line
//
// The session of a line holds what was sent on it, and the requests by their IDs;
// to an agent of 2026-07-28 it is the connection, and has no other meaning.
//
// # What a Call holds
//
// Name is what the agent wrote: a wire name or wire URI on /mcp. Args are the
// arguments of a tool or prompt; of everything else they are the params without
// _meta, inputResponses, requestState and task, and on /mcp the URI or name in
// them is already the upstream's own, so that a policy reads the same on every
// endpoint. Extra has the other members of params; members of _meta that begin
// with "toolward/" are gone, and so is trace context that is not valid.
//
// # Batches
//
// Only 2025-03-26 has JSON-RPC batches. They are accepted in its sessions, and
// each element walks the whole road by itself. Other revisions get -32600.
//
// # Agents that cannot be asked
//
// A 2026-07-28 agent has no session in which an upstream could ask it. When an
// older upstream does, the call is parked, the agent gets an input_required
// result with all that is asked and a sealed requestState, and its retry goes on
// with the parked call, and with what the upstream told meanwhile (the states
// are drawn at parkedCall). A state carries a call once: of retries that come at
// once, one gets the result. Parked calls are lost when the gateway restarts;
// the retry is then refused, and the agent starts over.
package server
