package server

import (
	"net/http"
	"slices"
	"strings"

	"toolward/mcp"
)

// Which errors are errors of HTTP
//
//	what is wrong                      until 2025-11-25       2026-07-28
//	token, scope                       401, 403 (a)           401, 403
//	rate, room                         429, 503 (b)           429, 503
//	record                             503 (b)                503
//	session unknown or over            404 (c)                -
//	header: Accept, type, size         406, 415, 413          406, 415, 413
//	header: revision, session missing  400 (c)                400 (d)
//	header and body differ             400                    400 (d)
//	no ID that can be read             400 (e)                400
//	ID in use                          400 (f)                -
//	anything else about a request      200                    404 for an unknown method,
//	                                                          400 for params, revision and
//	                                                          capability (d), else 200
//
// (a) basic/authorization, error handling. (b) RFC 6585 §4, RFC 9110 §15.6.4,
// for Retry-After; of a rate or room, a tools/call is answered with a result that has isError and status 200: what SDKs
// throw for another status, neither model nor person sees. (c) basic/transports, session management and protocol
// version header. (d) 2026-07-28 basic/transports. (e) basic/transports, sending
// messages: what is no request is accepted with 202 or refused with an error of
// HTTP; a request is answered with a JSON-RPC message. Clients throw a transport
// error at any other status than 200, and nobody reads what the answer says; an
// answer without an ID they cannot match. (f) An answer with that ID would be
// taken for that of the other request.

// encode is the JSON-RPC message that answers the request, and the HTTP status
// that goes with it.
func (x *exchange) encode(o outcome) (body []byte, status int) { return x.encodeTo(nil, o) }

// encodeTo is encode, in room if there is enough.
func (x *exchange) encodeTo(room []byte, o outcome) (body []byte, status int) {
	switch {
	case o.refusal != nil:
		return x.encodeRefusal(o)
	case o.failure != nil:
		failure, code := x.translateError(o.failure)
		return mcp.AppendError(slices.Grow(room, len(failure)+64), x.msg.ID, failure), x.era.statusOf(code)
	}
	return mcp.AppendResult(slices.Grow(room, len(o.result)+64), x.msg.ID, o.result), http.StatusOK
}

func (x *exchange) encodeRefusal(o outcome) (body []byte, status int) {
	w := wireOf(o.refusal)
	if w.tool && x.msg.Method == mcp.MethodToolsCall && (!w.http || x.era.answersRequest(x)) {
		return mcp.AppendResult(nil, x.msg.ID, x.era.complete(x.msg.Method, refusedTool(o.refusal, o.call))), http.StatusOK
	}
	code := w.code
	if o.code != 0 {
		code = o.code
	}
	status = w.status
	switch {
	case o.status != 0:
		status = o.status
	case !w.http && x.era.answersRequest(x):
		status = http.StatusOK
	case status == http.StatusOK:
		status = x.era.statusOf(code)
	}
	failure := mcp.ErrorObject(code, strings.Join(o.refusal.Reasons, "; "), refusedMeta(o.refusal, o.call))
	return mcp.AppendError(nil, x.msg.ID, failure), status
}
