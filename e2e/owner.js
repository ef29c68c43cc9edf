// What the browser of the machine's owner does with the page that lets a client in.

// answer opens the page, says yes or what else there is, and returns where the browser is sent.
export async function answer(url, change = {}) {
  const at = new URL(url);
  const shown = await fetch(at, { redirect: 'manual', headers: { 'Sec-Fetch-Dest': 'document' } });
  const page = await shown.text();
  if (shown.status !== 200) throw new Error(`no page: ${shown.status} ${page.replace(/<style>.*<\/style>/s, '')}`);
  const form = new URLSearchParams({ answer: 'yes' });
  for (const [, name, value] of page.matchAll(/name="(page|agent|roles)" value="([^"]*)"/g)) form.set(name, value);
  for (const [name, value] of Object.entries(change)) form.set(name, value);
  const cookie = shown.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ');
  const sent = await fetch(new URL('/oauth/authorize', at), { method: 'POST', redirect: 'manual', body: form, headers: { cookie, Origin: at.origin } });
  const to = sent.headers.get('location');
  if (!to) throw new Error(`not sent back: ${sent.status} ${(await sent.text()).replace(/<style>.*<\/style>/s, '')}`);
  return { page, to };
}
