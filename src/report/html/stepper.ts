import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TraceEntry } from '../../explore/index.ts';
import type { Story, WhatIf } from '../../explore/telling/what-if.ts';
import { effectOf, shortSite } from '../explore-columns.ts';
import { plural } from '../units.ts';
import { copyButton } from './copy.ts';

/** Lines of source that are shown around the one of a step. */
const AROUND = 2;
/** A line that is longer is cut: bundles and minified code. */
const LONGEST_LINE = 160;

const LOOK = `
#stepper .bar{display:flex;flex-wrap:wrap;gap:6px;align-items:center;margin:8px 0}
#stepper button{font:inherit;background:var(--page);border:1px solid var(--axis);border-radius:8px;padding:6px 12px;cursor:pointer;min-height:36px}
#stepper .bar button,#home,#others button{color:var(--ink)}
#stepper .bar button:disabled{color:var(--ink3);cursor:default}
#stepper .bar output{font-variant-numeric:tabular-nums;margin-left:6px;color:var(--ink)}
#stepper .cols{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:16px;align-items:start}
#stepper .cols>div{min-width:0}
#stepper h4{margin:0 0 4px;font-size:.92rem}
#stepper ol{list-style:none;margin:0;padding:2px;max-height:46vh;overflow-y:auto}
#stepper ol button{display:block;width:100%;text-align:left;margin:2px 0;padding:4px 8px;border-left:4px solid currentColor;background:var(--card);border-color:var(--line) var(--line) var(--line) currentColor;overflow-wrap:anywhere;font-size:.85rem;min-height:0}
#stepper ol button span{color:var(--ink)}
#stepper ol button[aria-current]{background:var(--s0)}
#stepper ol button small{display:block;color:var(--ink2);font-size:.78rem}
#stepper ol button.other{border-style:dashed dashed dashed solid}
#stepper pre{margin:4px 0 8px;padding:8px;border:1px solid var(--line);border-radius:8px;overflow-x:auto;font-size:.8rem;line-height:1.45}
#stepper pre b{color:var(--ink);background:var(--s0)}
#stepper table{width:100%;table-layout:fixed}
#stepper td,#stepper th{white-space:normal;overflow-wrap:anywhere}
#stepper tr.changed td{color:var(--ink);background:var(--s0);font-weight:600}
#stepper .ends.bad,#others .bad{color:var(--bad)}#stepper .ends.good,#others .good{color:var(--good)}
#stepper .ends{font-weight:600;overflow-wrap:anywhere}
#others h4{margin-top:12px}
#others button{display:block;text-align:left;width:100%;margin:4px 0;overflow-wrap:anywhere}
tr[data-step].at th{color:var(--ink);font-weight:700}tr[data-step].at th::after{content:" ◂"}
`;

const button = (go: string, sign: string, name: string, key: string) =>
  `<button type="button" data-go="${go}" title="${key}"><span aria-hidden="true">${sign}</span> ${name}</button>`;

/**
 * The card with which a reader goes through a failing schedule step by step, sees every shared word, and explores what-ifs
 * with another thread at a step. The card is empty, and hidden, until the page's script fills the card from its data.
 */
export function stepperCard(whatIf: WhatIf): string {
  const { alternatives, all } = whatIf;
  const left = all - alternatives.length;
  const more =
    left > 0
      ? ` ${plural(left, 'other choice')} of a thread, early in the schedule, ${left === 1 ? 'is' : 'are'} left out.`
      : '';
  const alternative =
    all === 0
      ? ''
      : ' “What if” shows each schedule in which another thread goes on at a step, and all go on by turns then.';
  return `<style>${LOOK}</style><section class="card wide" id="stepper" hidden><h3>Step through the schedule</h3><p>Arrow keys ← and → go a step back and forward, Home and End to either end; every step can be clicked.${alternative}${more}</p>
<div class="bar" role="group" aria-label="Go through the schedule">${button('first', '|◀', 'First', 'Home')}${button('back', '◀', 'Back', '←')}${button('on', '▶', 'Forward', '→')}${button('last', '▶|', 'Last', 'End')}<output id="where"></output></div>
<div class="cols">
<div><h4 id="told-name"></h4><p class="ends" id="told-ends"></p><ol id="told" aria-labelledby="told-name"></ol>${copyButton('Copy the token of this schedule', '', 'told-token')} <button type="button" id="home" hidden>Back to the schedule that fails</button></div>
${whatIf.passing === undefined ? '' : '<div><h4 id="passing-name">The nearest schedule that passes</h4><p class="ends good" id="passing-ends"></p><ol id="passing" aria-labelledby="passing-name"></ol></div>'}
<div aria-live="polite"><h4 id="does"></h4><pre id="source" tabindex="0" role="region" aria-label="The line of source of this step"></pre><table><caption hidden>Shared words</caption><thead><tr><th scope="col">word</th><th scope="col">value</th></tr></thead><tbody id="words"></tbody></table><div id="others"></div></div>
</div></section>
<script type="application/json" id="schedules">${dataOf(whatIf)}</script>`;
}

/** A step: thread, text, site, whether the step preempts another thread, then pairs of a changed word and its value. */
type PackedStep = readonly number[];

/** The schedules as JSON that can stand in a page; texts are kept once. The script reads this form, see stepper-script.ts. */
function dataOf({ words, before, failing, alternatives, passing = -1 }: WhatIf): string {
  const texts = new Interned();
  const sites = new Interned();
  const threads = failing.threads.map(({ name }) => name);
  const packed = (story: Story, start: readonly string[]) => {
    let row = start;
    const steps = story.trace.map((entry, i): PackedStep => {
      const now = story.values[i] ?? row;
      const changes = words.flatMap((_, w) => {
        const value = now[w];
        return value === undefined || value === row[w] ? [] : [w, texts.of(value)];
      });
      row = words.map((_, w) => now[w] ?? row[w] ?? '');
      const { thread, preempted = false } = entry;
      return [
        threads.indexOf(thread),
        texts.of(textOf(entry)),
        sites.of(entry.site),
        Number(preempted),
        ...changes,
      ];
    });
    return { from: story.from, ...endOf(story), token: story.token, steps };
  };
  const rowBefore = (step: number) => failing.values[step - failing.from - 1] ?? before;
  const stories = [
    packed(failing, before),
    ...alternatives.map((other) => ({
      ...packed(other, rowBefore(other.from)),
      thread: threads.indexOf(other.thread),
    })),
  ];
  const data = {
    threads,
    words,
    before,
    stories,
    passing: passing + 1,
    texts: texts.all,
    sites: sites.all.map((site) => ({ name: shortSite(site), lines: sourceAround(site) })),
  };
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

class Interned {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();

  of(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.all.length);
    return this.all.push(text) - 1;
  }
}

function textOf(entry: TraceEntry): string {
  const { does, was } = effectOf(entry);
  return [entry.op, entry.target, does, was].filter((part) => part !== '').join(' ');
}

function endOf({ kind, message }: Story): { readonly ends: string; readonly how: 'good' | 'bad' | '' } {
  if (kind === null) return { ends: 'passes', how: 'good' };
  if (kind === 'open') return { ends: 'goes on; not followed any further', how: '' };
  return { ends: `${kind}: ${message}`, how: 'bad' };
}

/**
 * The line of a place in the source, and the lines around: number, text, whether the line is the place. None where the file
 * cannot be read.
 */
function sourceAround(site: string): (readonly [number, string, boolean])[] {
  const [, path = '', digits] = /^(.*):(\d+):\d+$/.exec(site) ?? [];
  const line = Number(digits);
  return linesOf(path)
    .map((text, i) => [i + 1, text.slice(0, LONGEST_LINE), i + 1 === line] as const)
    .slice(Math.max(0, line - 1 - AROUND), line + AROUND);
}

const files = new Map<string, readonly string[]>();

function linesOf(path: string): readonly string[] {
  if (path === '') return [];
  const known = files.get(path);
  if (known !== undefined) return known;
  let lines: readonly string[] = [];
  try {
    lines = readFileSync(path.startsWith('file:') ? fileURLToPath(path) : path, 'utf8').split(/\r?\n/);
  } catch {
    // The source is not here: the page shows the place alone.
  }
  files.set(path, lines);
  return lines;
}
