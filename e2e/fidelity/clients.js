// Raw MCP clients of revision 2025-11-25 that keep answers as text.
import { spawn } from 'node:child_process';
import readline from 'node:readline';

import { member, parse } from './lossless.js';

const hello = (capabilities) => ({ protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'fidelity', version: '1' } });
const outcome = (text) => {
  const m = parse(text);
  const result = member(m, 'result');
  return result === undefined ? { error: member(m, 'error') } : { result };
};

// lines speaks to a process, one message a line.
export async function lines(command, args, { capabilities = {}, ...options } = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], ...options });
  const waiting = new Map();
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    const m = JSON.parse(line);
    if (m.method === undefined) waiting.get(m.id)?.(line);
  });
  let id = 0;
  const send = (m) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...m })}\n`);
  const request = (method, params) => new Promise((resolve) => {
    waiting.set(++id, (line) => resolve(outcome(line)));
    send({ id, method, params });
  });
  const init = await request('initialize', hello(capabilities));
  send({ method: 'notifications/initialized' });
  return { init, request, close: async () => { child.stdin.end(); child.kill(); } };
}

// events yields the data of a stream's events.
async function* events(body) {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = { name: 'message', data: [] };
      for (const line of text.slice(0, end).split('\n')) {
        if (line.startsWith('event:')) event.name = line.slice(6).trim();
        if (line.startsWith('data:')) event.data.push(line.slice(5).replace(/^ /, ''));
      }
      if (event.data.length > 0) yield { name: event.name, data: event.data.join('\n') };
    }
  }
}

// streamable speaks Streamable HTTP.
export async function streamable(url, token, { capabilities = {} } = {}) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  let id = 0;
  const post = async (m) => {
    const r = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...m }) });
    headers['Mcp-Session-Id'] = r.headers.get('mcp-session-id') ?? headers['Mcp-Session-Id'];
    if (!r.headers.get('content-type')?.includes('event-stream')) return r.text();
    for await (const { data } of events(r.body)) if (JSON.parse(data).id === m.id && JSON.parse(data).method === undefined) return data;
    throw new Error('the stream ended without an answer');
  };
  const request = async (method, params) => outcome(await post({ id: ++id, method, params }));
  const init = await request('initialize', hello(capabilities));
  headers['Mcp-Protocol-Version'] = '2025-11-25';
  await post({ method: 'notifications/initialized' });
  return { init, request, close: () => fetch(url, { method: 'DELETE', headers }) };
}

// legacySSE speaks the transport of 2024-11-05.
export async function legacySSE(url, token, { capabilities = {} } = {}) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const stop = new AbortController();
  const stream = await fetch(url, { headers: { ...headers, Accept: 'text/event-stream' }, signal: stop.signal });
  const waiting = new Map();
  let endpoint;
  const ready = new Promise((resolve) => { endpoint = resolve; });
  (async () => {
    for await (const { name, data } of events(stream.body)) {
      if (name === 'endpoint') endpoint(new URL(data, url));
      else if (JSON.parse(data).method === undefined) waiting.get(JSON.parse(data).id)?.(data);
    }
  })().catch(() => {}); // ends with close
  const target = await ready;
  let id = 0;
  const send = (m) => fetch(target, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...m }) });
  const request = (method, params) => new Promise((resolve) => {
    waiting.set(++id, (text) => resolve(outcome(text)));
    send({ id, method, params });
  });
  const init = await request('initialize', hello(capabilities)); // a client of then would not know all types of content
  await send({ method: 'notifications/initialized' });
  return { init, request, close: async () => stop.abort() };
}
