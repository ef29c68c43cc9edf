// An MCP server on standard input and output, or over HTTP with a port as its
// argument, that uses everything odd that the schema allows. It writes its JSON
// as text, so that spellings of numbers, order and unknown members are its own.
import http from 'node:http';
import process from 'node:process';
import readline from 'node:readline';

const icons = '"icons":[{"src":"data:image/svg+xml;base64,PHN2Zy8+","mimeType":"image/svg+xml","sizes":["any"],"theme":"dark","x-odd":null}]';
const tool = (name, more = '') => `{"x-first":1.0,"name":${JSON.stringify(name)},"title":"T\\u00eft\\u006ce \\ud83d\\ude00","description":"odd \\"${'\\u2028'}\\" one","inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"z":{"type":"number","multipleOf":1e-2},"a":{"oneOf":[{"const":1},{"$ref":"#/$defs/d"}],"x-odd":true}},"$defs":{"d":{"type":"string"}},"allOf":[{"if":{"required":["z"]},"then":{}}],"title":"in"},"outputSchema":{"type":"object","oneOf":[{"required":["n"]},{}],"x-odd":[1e3]},"annotations":{"readOnlyHint":true,"x-hint":12345678901234567890},"execution":{"taskSupport":"forbidden","x-exec":0},${icons},"_meta":{"a/b":1.50,"big":9007199254740993}${more},"zz":null}`;

const long = 'a'.repeat(100);
export const names = ['plain', 'UPPER_lower-9', 'dots.and.more', 'sp ace', 'sl/ash', 'ünïcode', 'emoji😀', 'double__underscore', `${long}1`, `${long}2`, 'quote"d'];
const tools = names.map((n, i) => tool(n, i === 0 ? ',"c":{}' : ''));

const results = {
  'tools/list': `{"nextCursor":null,"_meta":{"list":1.0},"tools":[${tools.join(',')}],"x-unknown":[1e3,-0,1.10]}`.replace('"nextCursor":null,', ''),
  'prompts/list': `{"prompts":[{"name":"p.odd","title":"P","description":"d","arguments":[{"name":"q","required":false,"x-odd":1.0}],${icons},"x-p":{}}],"x-unknown":true}`,
  'prompts/get': '{"description":"got","messages":[{"role":"user","content":{"type":"text","text":"hi \\u0000 there","annotations":{"audience":["user"],"priority":0.10}},"x-m":1},{"role":"assistant","content":{"type":"resource","resource":{"uri":"odd://r?x=1#f","mimeType":"text/plain","text":"t"}}}],"_meta":{"m":[]}}',
  'resources/list': `{"resources":[{"uri":"odd://r?x=1#f","name":"r","title":"R","size":9007199254740993,"mimeType":"text/x-odd; charset=utf-8","annotations":{"lastModified":"2026-01-01T00:00:00Z","x":1e3},${icons},"x-r":0.0},{"uri":"file:///a b/ü.txt","name":"with space"}],"_meta":{}}`,
  'resources/templates/list': '{"resourceTemplates":[{"uriTemplate":"odd://t/{id}{?q*}","name":"t","x-t":1.0}],"x-unknown":{}}',
  'resources/read': '{"contents":[{"uri":"odd://r?x=1#f","mimeType":"text/plain","text":"line\\r\\n\\ttab","_meta":{"c":1.0}},{"uri":"odd://blob","mimeType":"application/octet-stream","blob":"AAEC/w==","x-b":[]}],"_meta":{"r":1e0},"x-unknown":2.50}',
  'completion/complete': '{"completion":{"values":["one","two"],"total":2,"hasMore":false,"x-c":1},"_meta":{}}',
};
const call = '{"content":[{"type":"text","text":"\\u003cb\\u003e & done","annotations":{"audience":["user","assistant"],"priority":1.0,"x-a":0.10},"_meta":{"t":1.0}},{"type":"image","data":"iVBORw0KGgo=","mimeType":"image/png","x-i":1},{"type":"audio","data":"UklGRg==","mimeType":"audio/wav"},{"type":"resource_link","uri":"odd://r?x=1#f","name":"r","size":12,"x-l":1e3},{"type":"resource","resource":{"uri":"odd://blob","blob":"AAEC/w==","mimeType":"application/octet-stream","x-e":1},"annotations":{"priority":0.5}},{"type":"text","text":"","payload":{"n":1.0}}],"structuredContent":{"n":1.0,"big":12345678901234567890,"exp":1E+3,"neg":-0.0,"nested":{"b":1,"a":2,"A":3},"list":[]},"isError":false,"_meta":{"vendor.example/x":{"deep":[1.50]}},"x-unknown":{"z":1,"a":2}}';
const failure = '{"code":-32042,"message":"needs a URL","data":{"elicitations":[{"mode":"url","elicitationId":"e1","url":"https://example.com/x","message":"m"}],"big":12345678901234567890,"x":1.0},"x-error":true}';

// answer is the text of a message's answer, undefined for notifications.
function answer(line) {
  const m = JSON.parse(line);
  if (m.id === undefined) return undefined;
  const id = JSON.stringify(m.id);
  const ok = (result) => `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
  const error = (e) => `{"jsonrpc":"2.0","id":${id},"error":${e}}`;
  switch (m.method) {
    case 'initialize':
      return ok(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{"x-odd":1},"prompts":{},"resources":{"subscribe":true},"completions":{},"experimental":{"e":{"n":1.0}}},"serverInfo":{"name":"odd","version":"1","title":"Odd",${icons}},"instructions":"Use it oddly."}`);
    case 'ping':
      return ok('{}');
    case 'tools/call':
      if (m.params.name === 'plain' && m.params.arguments?.fail) return error(failure);
      return ok(m.params.name === 'UPPER_lower-9' ? call.replace('"isError":false', '"isError":true') : call);
    default:
      return results[m.method] ? ok(results[m.method]) : error('{"code":-32601,"message":"no such method"}');
  }
}

if (process.argv[2]) {
  http.createServer(async (req, res) => {
    if (req.method !== 'POST') return res.writeHead(405).end();
    let body = '';
    for await (const chunk of req) body += chunk;
    const text = answer(body);
    if (text === undefined) return res.writeHead(202).end();
    return res.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
  }).listen(Number(process.argv[2]), '127.0.0.1');
} else if (process.argv[1].endsWith('odd-server.js')) {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const text = answer(line);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  }
}
