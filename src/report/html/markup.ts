/** Text for HTML, attributes included. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A coordinate: to a tenth of a unit, which no screen shows. */
function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** An element of an SVG. Values are written as they are: the caller escapes foreign text. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  inner = '',
): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === 'number' ? at(value) : value}"`,
  );
  return inner === '' ? `<${name}${written.join('')}/>` : `<${name}${written.join('')}>${inner}</${name}>`;
}

/** Text in an SVG. `anchor`: start, middle, end. */
export function label(
  x: number,
  y: number,
  text: string,
  { anchor = 'start', kind = 'tick' }: { anchor?: 'start' | 'middle' | 'end'; kind?: string } = {},
): string {
  return element('text', { x, y, class: kind, 'text-anchor': anchor }, escaped(text));
}
