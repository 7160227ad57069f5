/** An element as read from XML text. */
export type Element = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
};

const ENTITY: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Reads well-formed XML without comments, CDATA and namespaces; anything else throws. The judge of the JUnit writer. */
export function readXml(xml: string): Element {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: characters that no XML may have
  const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.exec(xml);
  if (illegal || !xml.isWellFormed()) throw new Error(`a character that XML has not, at ${illegal?.index}`);
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  let rest = xml.replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '');
  if (rest === xml) throw new Error('no XML declaration');
  while (rest !== '') {
    const inner = open.at(-1) ?? root;
    const [tag, closes, name = '', given = '', empty] =
      /^<(\/?)([A-Za-z]+)((?:\s+[A-Za-z]+="[^"<]*")*)\s*(\/?)>/.exec(rest) ?? [];
    if (tag === undefined) {
      const [text] = /^[^<]+/.exec(rest) ?? [];
      if (text === undefined) throw new Error(`no tag: ${rest.slice(0, 40)}`);
      inner.text += decode(text);
      rest = rest.slice(text.length);
      continue;
    }
    rest = rest.slice(tag.length);
    if (closes) {
      if (open.pop()?.name !== name) throw new Error(`</${name}> closes another element`);
      continue;
    }
    const attributes = Object.fromEntries(
      [...given.matchAll(/([A-Za-z]+)="([^"]*)"/g)].map(([, key = '', value = '']) => {
        if (/[\n\t\r]/.test(value)) throw new Error('a line end in an attribute is read as a blank');
        return [key, decode(value)];
      }),
    );
    const element: Element = { name, attributes, children: [], text: '' };
    inner.children.push(element);
    if (!empty) open.push(element);
  }
  const [only, ...more] = root.children;
  if (open.length !== 1 || only === undefined || more.length > 0) throw new Error('not one whole element');
  return only;
}

function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|(\w+));|&/g, (whole, code?: string, name?: string) => {
    if (code !== undefined) return String.fromCodePoint(Number(code));
    const character = ENTITY[name ?? ''];
    if (character === undefined) throw new Error(`no entity: ${whole}`);
    return character;
  });
}
