// A model on loopback that does what it is told: at "please use NAME" it calls
// the tool whose name ends so, at "please use NAME with {…}" with these arguments,
// and what the tool said it repeats. It speaks the
// four dialects that coding agents speak, and remembers what it was offered and
// told.
import { randomBytes } from 'node:crypto';
import http from 'node:http';

// id looks as random as the providers' do: clients send them on to the gateway.
const id = (prefix) => prefix + randomBytes(32).toString('base64').replace(/\W/g, '').slice(0, 24);
const text = (content) => (typeof content === 'string' ? content : (content ?? []).map((c) => c.text ?? '').join(' '));
const events = (all) => all.map((e) => `event: ${e.type}\ndata: ${JSON.stringify(e)}\n\n`).join('');
const data = (all) => all.map((e) => `data: ${typeof e === 'string' ? e : JSON.stringify(e)}\n\n`).join('');

// since is what came after the model's own last words.
const since = (all, own) => all.slice(all.findLastIndex(own) + 1);
const assistant = (m) => m.role === 'assistant';

// A dialect reads a request: the tools it offers (name, and what a call of it
// has to say), the user's last words, what a tool said if that came after
// them. And it writes the answer, a text or a call, as a stream.
const dialects = {
  // Anthropic Messages: Claude Code.
  '/v1/messages': {
    read(body) {
      const last = since(body.messages, assistant);
      const got = last.flatMap((m) => m.content).find((c) => c.type === 'tool_result');
      return { tools: (body.tools ?? []).map((t) => ({ name: t.name })), said: last.map((m) => text(m.content)).join('\n'), got: got && text(got.content) };
    },
    write({ say, call }) {
      const block = call ? { type: 'tool_use', id: id('toolu_'), name: call.name, input: {} } : { type: 'text', text: '' };
      const delta = call ? { type: 'input_json_delta', partial_json: call.args } : { type: 'text_delta', text: say };
      return events([
        { type: 'message_start', message: { id: id('msg_'), type: 'message', role: 'assistant', model: 'stub', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: block },
        { type: 'content_block_delta', index: 0, delta },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: call ? 'tool_use' : 'end_turn', stop_sequence: null }, usage: { output_tokens: 1 } },
        { type: 'message_stop' },
      ]);
    },
  },

  // OpenAI Responses: Codex, which puts the tools of a server into a namespace.
  '/v1/responses': {
    read(body) {
      const last = since(body.input, (i) => assistant(i) || i.type === 'function_call');
      const tools = (body.tools ?? []).flatMap((t) => (t.type === 'namespace'
        ? t.tools.map((inner) => ({ name: `${t.name}${inner.name}`, call: { namespace: t.name, name: inner.name } })) : [{ name: t.name ?? t.type }]));
      const got = last.find((i) => i.type === 'function_call_output');
      return { tools, said: last.map((i) => text(i.content)).join('\n'), got: got && text(got.output) };
    },
    write({ say, call }) {
      const item = call
        ? { type: 'function_call', id: id('fc_'), call_id: id('call_'), arguments: call.args, status: 'completed', ...(call.call ?? { name: call.name }) }
        : { type: 'message', id: id('msg_'), role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: say, annotations: [] }] };
      const response = { id: id('resp_'), object: 'response', created_at: 0, model: 'stub', output: [] };
      return events([
        { type: 'response.created', response: { ...response, status: 'in_progress' } },
        { type: 'response.output_item.done', output_index: 0, item },
        { type: 'response.completed', response: { ...response, status: 'completed', output: [item], usage: { input_tokens: 1, input_tokens_details: null, output_tokens: 1, output_tokens_details: null, total_tokens: 2 } } },
      ]);
    },
  },

  // OpenAI Chat Completions: OpenCode, Copilot CLI.
  '/v1/chat/completions': {
    read(body) {
      const last = since(body.messages, assistant);
      const got = last.find((m) => m.role === 'tool');
      return { tools: (body.tools ?? []).map((t) => ({ name: t.function?.name })), said: last.map((m) => text(m.content)).join('\n'), got: got && text(got.content) };
    },
    write({ say, call }) {
      const chunk = (delta, finish) => ({ id: id('c_'), object: 'chat.completion.chunk', created: 0, model: 'stub', choices: [{ index: 0, delta, finish_reason: finish ?? null }] });
      return data([
        chunk(call ? { role: 'assistant', tool_calls: [{ index: 0, id: id('call_'), type: 'function', function: { name: call.name, arguments: call.args } }] } : { role: 'assistant', content: say }),
        { ...chunk({}, call ? 'tool_calls' : 'stop'), usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } },
        '[DONE]',
      ]);
    },
  },

  // Gemini: Gemini CLI. The address names the model and the method.
  ':streamGenerateContent': {
    read(body) {
      const parts = since(body.contents, (c) => c.role === 'model').flatMap((c) => c.parts);
      const got = parts.find((p) => p.functionResponse)?.functionResponse;
      return { tools: (body.tools ?? []).flatMap((t) => t.functionDeclarations ?? []).map((f) => ({ name: f.name })), said: text(parts), got: got && JSON.stringify(got.response) };
    },
    write: ({ say, call }) => data([{
      candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [call ? { functionCall: { name: call.name, args: JSON.parse(call.args) } } : { text: say }] } }],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
    }]),
  },
};

// model starts one on a free port. told is every result of a tool that it was
// given, offered the names of the tools of the last request that had some.
export async function model() {
  const m = { told: [], offered: [], requests: [], close: () => new Promise((r) => { server.close(r); server.closeAllConnections(); }) };
  const server = http.createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    const where = new URL(req.url, 'http://model').pathname;
    m.requests.push(`${req.method} ${where}`);
    const dialect = Object.entries(dialects).find(([end]) => where.endsWith(end))?.[1];
    if (!dialect || req.method !== 'POST') return res.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":{"type":"not_found_error","message":"the stub has no such page"}}');
    const { tools, said, got } = dialect.read(JSON.parse(body));
    if (tools.length > 0) m.offered = tools.map((t) => t.name);
    const [, wanted, args = '{}'] = (got === undefined && /please use (\w+)(?: with (\{.*?\}))?/.exec(said)) || [];
    const called = wanted && tools.find((t) => t.name?.endsWith(wanted));
    const call = called && { ...called, args };
    if (got !== undefined) m.told.push(got);
    const answer = call ? { call } : { say: got !== undefined ? `It said: ${got}` : 'Nothing to do.' };
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(dialect.write(answer));
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  m.url = `http://127.0.0.1:${server.address().port}`;
  return m;
}
