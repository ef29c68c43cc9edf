// A loopback proxy that adds the agent's token: the suite cannot send one. Host
// and Origin pass as they came, so that the gateway judges them itself.
import http from 'node:http';

export async function tokenProxy(port, target, token) {
  const { hostname, port: targetPort } = new URL(target);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((req, res) => {
    const out = http.request({
      hostname, port: targetPort, agent, method: req.method, path: req.url,
      headers: { ...req.headers, authorization: `Bearer ${token}` }, setHost: false,
    }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.on('error', () => res.destroy());
      answer.pipe(res);
    });
    out.on('error', () => res.destroy());
    res.on('close', () => out.destroy());
    req.pipe(out);
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return { close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); agent.destroy(); }) };
}
