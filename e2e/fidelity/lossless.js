// JSON without loss: members in order, numbers as they are spelled, strings
// unescaped. What two texts differ in here, a program could tell them apart by.

// parse returns {o: [[name, value], …]}, {a: […]}, {n: spelling}, or a string,
// boolean or null.
export function parse(text) {
  let i = 0;
  const space = () => { while (' \t\r\n'.includes(text[i]) && i < text.length) i++; };
  const string = () => {
    const start = i++;
    while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
    return JSON.parse(text.slice(start, ++i));
  };
  const value = () => {
    space();
    const c = text[i];
    if (c === '"') return string();
    if (c === '{' || c === '[') {
      const items = [];
      const close = c === '{' ? '}' : ']';
      i++;
      for (space(); text[i] !== close; space()) {
        if (text[i] === ',') { i++; space(); }
        if (c === '[') { items.push(value()); continue; }
        const name = string();
        space();
        i++; // the colon
        items.push([name, value()]);
      }
      i++;
      return c === '{' ? { o: items } : { a: items };
    }
    const [literal] = /^(true|false|null|-?[0-9.eE+-]+)/.exec(text.slice(i, i + 400));
    i += literal.length;
    return { true: true, false: false, null: null }[literal] ?? (literal === 'null' ? null : { n: literal });
  };
  const v = value();
  space();
  if (i !== text.length) throw new Error(`there is more after the value at ${i}`);
  return v;
}

export const member = (v, name) => v?.o?.find(([n]) => n === name)?.[1];

// map changes every string and member name.
export function map(v, change, at = '') {
  if (typeof v === 'string') return change(v, at);
  if (v?.o) return { o: v.o.map(([n, x]) => [n, map(x, change, `${at}/${n}`)]) };
  if (v?.a) return { a: v.a.map((x) => map(x, change, `${at}/*`)) };
  return v;
}

// canonical is text that is equal exactly where nothing was lost. Members of
// objects are sorted: JSON gives their order no meaning. Lists keep theirs.
export function canonical(v) {
  if (v?.o) return `{${[...v.o].sort(([a], [b]) => (a < b ? -1 : 1)).map(([n, x]) => `${JSON.stringify(n)}:${canonical(x)}`).join(',')}}`;
  if (v?.a) return `[${v.a.map(canonical).join(',')}]`;
  if (v?.n !== undefined) return v.n;
  return JSON.stringify(v);
}
