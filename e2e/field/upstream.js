// An MCP server over HTTP that answers what a test says.
import http from 'node:http';

// serve starts one: answers is {method: params => result}, an error if the
// result has a member `error`. One that takes a second argument answers on a
// stream: tell(method, params) sends a notification there, ask(method, params) a
// request, and waits for its answer. It says its lists are of revision 2025-06-18.
let asked = 0;
export async function serve(answers, { capabilities = { tools: {}, prompts: {}, resources: {} }, port = 0 } = {}) {
  const usual = {
    initialize: () => ({ protocolVersion: '2025-06-18', capabilities, serverInfo: { name: 'scripted', version: '1' } }),
    ping: () => ({}), 'tools/list': () => ({ tools: [] }), 'prompts/list': () => ({ prompts: [] }), 'resources/list': () => ({ resources: [] }), 'resources/templates/list': () => ({ resourceTemplates: [] }),
  };
  const waiting = new Map(); // for the answers to what it asked
  const server = http.createServer(async (req, res) => {
    if (req.method !== 'POST') return res.writeHead(405).end();
    let body = '';
    for await (const chunk of req) body += chunk;
    const m = JSON.parse(body);
    if (m.id === undefined) return res.writeHead(202).end();
    if (m.method === undefined) {
      waiting.get(m.id)?.(m);
      waiting.delete(m.id);
      return res.writeHead(202).end();
    }
    const answer = answers[m.method] ?? usual[m.method] ?? (() => ({ error: { code: -32601, message: 'no such method' } }));
    const streams = answer.length > 1;
    const send = (message) => res.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
    if (streams) res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const result = await answer(m.params ?? {}, {
      tell: (method, params) => send({ method, params }),
      ask: (method, params) => new Promise((resolve) => {
        const id = `asked-${++asked}`;
        waiting.set(id, resolve);
        send({ id, method, params });
      }),
    });
    const said = result?.error ? { error: result.error } : { result };
    if (streams) {
      send({ id: m.id, ...said });
      return res.end();
    }
    return res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: m.id, ...said }));
  });
  await new Promise((r) => server.listen(port, '127.0.0.1', r));
  return {
    port: server.address().port,
    config: { url: `http://127.0.0.1:${server.address().port}/mcp` },
    close: () => new Promise((r) => { server.close(r); server.closeAllConnections(); }),
  };
}

// good is a server with one good entry of each kind.
export const good = () => serve({
  'tools/list': () => ({ tools: [{ name: 'good', inputSchema: { type: 'object' } }] }),
  'tools/call': () => ({ content: [{ type: 'text', text: 'fine' }] }),
  'prompts/list': () => ({ prompts: [{ name: 'good' }] }),
  'resources/list': () => ({ resources: [{ uri: 'test://good', name: 'good' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [{ uriTemplate: 'test://good/{id}', name: 'good' }] }),
});
