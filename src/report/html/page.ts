import { createHash } from 'node:crypto';
import { CHART_SCRIPT } from './chart-script.ts';
import { COPY_SCRIPT } from './copy.ts';
import { escaped } from './markup.ts';
import { provenance } from './provenance.ts';
import { STYLE } from './style.ts';

/** A figure to see first. */
export type Tile = { readonly name: string; readonly value: string; readonly more?: string };

/** A part of a page under a heading: cards that {@link figure} and {@link tableCard} made. */
export type Part = { readonly title: string; readonly text?: string; readonly cards: readonly string[] };

export type Page = {
  readonly title: string;
  /** The run, in a sentence. */
  readonly text: string;
  /** The answer, where there is one. */
  readonly verdict?: { readonly text: string; readonly kind: 'good' | 'bad' | 'warn' };
  readonly tiles: readonly Tile[];
  readonly parts: readonly Part[];
  /** The origin of the report: versions, the command, notes. */
  readonly notes: readonly string[];
  /** The page's own script, beside the scripts of charts and of buttons that copy. */
  readonly script?: string;
};

/** Fewer parts are seen without a list of them. */
const LISTED = 3;

/** Links to the parts of a page. */
function contents(parts: readonly Part[]): string {
  if (parts.length < LISTED) return '';
  const links = parts.map(
    ({ title }, index) => `<li><a href="#part-${index + 1}">${escaped(title)}</a></li>`,
  );
  return `<nav aria-label="Contents"><ul class="contents">${links.join('')}</ul></nav>\n`;
}

/** The script of a page: the page's own, and the scripts of its charts and buttons; undefined where there are none. */
function scriptOf({ parts, script = '' }: Page): string | undefined {
  const has = (markup: string) => parts.some(({ cards }) => cards.some((card) => card.includes(markup)));
  const all = [has(' data-copy=') ? COPY_SCRIPT : '', has('<figure') ? CHART_SCRIPT : '', script].join('');
  return all === '' ? undefined : `'use strict';${all}`;
}

/** The whole of a report: one file, which loads no other, and runs no script but its own. */
export function page(given: Page): string {
  const { title, text, verdict, tiles, parts, notes } = given;
  const script = scriptOf(given);
  const tile = ({ name, value, more }: Tile) =>
    `<div class="tile"><dt>${escaped(name)}</dt><dd>${escaped(value)}${more ? `<small>${escaped(more)}</small>` : ''}</dd></div>`;
  const shown = parts.filter(({ cards }) => cards.length > 0);
  const part = ({ title: name, text: about, cards }: Part, index: number) =>
    `<h2 id="part-${index + 1}">${escaped(name)}</h2>${about ? `<p>${escaped(about)}</p>` : ''}<div class="grid">${cards.join('\n')}</div>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:${script === undefined ? '' : `; script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`}">
<link rel="icon" href="data:,">
<title>${escaped(title)} · irqloom</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<div class="brand">irqloom</div>
<h1>${escaped(title)}</h1>
<p>${escaped(text)}</p>
${verdict ? `<div class="verdict ${verdict.kind}">${escaped(verdict.text)}</div>` : ''}
<dl class="tiles">${tiles.map(tile).join('')}</dl>
${contents(shown)}</header>
<main>
${shown.map(part).join('\n')}
</main>
<footer>${[...notes, ...provenance()].map((note) => `<p>${escaped(note)}</p>`).join('')}</footer>${
    script === undefined
      ? ''
      : `
<script>${script}</script>`
  }
</body>
</html>
`;
}
