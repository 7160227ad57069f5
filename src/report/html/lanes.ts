import type { ThreadEnd, TraceEntry } from '../../explore/index.ts';
import { effectOf, foldLoops, type Line, siteOf } from '../explore-columns.ts';
import { escaped } from './markup.ts';

/** How a thread's lane is drawn beside a step of another thread. */
type Lane = 'ready' | 'asleep' | 'stopped' | 'over';

/** A lane is at least so wide; more lanes than fit are scrolled. */
const LEAST_WIDTH = 100;

/** The look of lane diagrams; once in a page. */
export const LANES_LOOK = `
.lanes{border-collapse:separate;border-spacing:0;width:100%;min-width:0;table-layout:fixed;font-size:.85rem}
.lanes th,.lanes td{white-space:normal;overflow-wrap:anywhere;border:0;padding:0 6px;vertical-align:top;text-align:left}
.lanes thead th{padding-bottom:6px;font-size:.9rem}.lanes thead th:not(.no){box-shadow:inset 0 -3px currentColor}.lanes thead span{color:var(--ink)}
.lanes .no{width:2.6em;white-space:nowrap;color:var(--ink3);font-weight:400;text-align:right;padding-top:7px;font-variant-numeric:tabular-nums}
.lanes td{background:linear-gradient(currentColor,currentColor) 18px 0/3px 100% no-repeat}
.lanes td.asleep{background-image:repeating-linear-gradient(currentColor 0 3px,transparent 3px 9px)}
.lanes td.stopped{background-image:repeating-linear-gradient(currentColor 0 8px,transparent 8px 11px)}
.lanes td.over{background:none}
.lanes .op{position:relative;margin:3px 0;padding:5px 8px;border:1px solid var(--line);border-left:4px solid currentColor;border-radius:7px;background:var(--card)}
.lanes .op.culprit{border-color:var(--bad);border-left-color:var(--bad);box-shadow:0 0 0 1px var(--bad)}
.lanes .op span,.lanes .tag{color:var(--ink)}
.lanes code{font-family:ui-monospace,"DejaVu Sans Mono",monospace;font-size:.95em}
.lanes small{display:block;color:var(--ink3);font-size:.78rem}
.lanes .tag{display:inline-block;margin:3px 0 3px 8px;padding:1px 8px;border-radius:9px;background:var(--card);border:1px solid var(--bad);color:var(--bad);font-size:.76rem}
.lanes .fold{background:none;color:var(--ink3);padding:4px 6px 4px 18px;font-style:italic}
.lanes tfoot td{background:none;padding-top:8px;color:var(--ink2)}
.lanes tfoot b{color:var(--ink)}
@media (max-width:520px){.lanes{font-size:.8rem}.lanes th,.lanes td{padding:0 3px}.lanes .no{width:1.9em}.lanes td{background-position-x:8px}}
`;

/**
 * A schedule as a lane diagram: a lane for each thread, time running down, a box for each operation. The diagram is a table,
 * so that a screen reader reads the same order. A lane is broken where its thread was preempted, dotted where the thread
 * sleeps, and ends with its thread.
 * @param culprits - places in the source to mark: the places that the verdict names.
 * @param name - the subject of the diagram, unique in its page
 */
export function laneDiagram(
  threads: readonly ThreadEnd[],
  trace: readonly TraceEntry[],
  firstStep: number,
  culprits: readonly string[] = [],
  name = 'The schedule',
): string {
  const names = threads.map(({ name }) => name);
  const head = names
    .map((name, t) => `<th scope="col" class="c${t % 8}"><span>${escaped(name)}</span></th>`)
    .join('');
  const lanes = new Lanes(threads, trace, firstStep);
  const rows = foldLoops(trace, firstStep).map((line) => row(line, lanes, names, culprits));
  const ends = threads.map(
    ({ state, at }) => `<td><b>${state}</b>${at === undefined ? '' : ` at <code>${escaped(at)}</code>`}</td>`,
  );
  const width = `min-width:${names.length * LEAST_WIDTH}px`;
  return `<div class="scroll" tabindex="0" role="region" aria-label="${escaped(name)}, a lane for each thread"><table class="lanes" style="${width}"><thead><tr><th class="no" scope="col"><span aria-label="step">#</span></th>${head}</tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
<tfoot><tr><th class="no" scope="row">end</th>${ends.join('')}</tr></tfoot></table></div>`;
}

function row(line: Line, lanes: Lanes, names: readonly string[], culprits: readonly string[]): string {
  if ('fold' in line) {
    const { from, to, period, times } = line.fold;
    const what = period === 1 ? 'that step' : `those ${period} steps`;
    return `<tr><th class="no" scope="row">…</th><td class="fold" colspan="${names.length}">${what} ${times} more time${times === 1 ? '' : 's'} (${from}–${to})</td></tr>`;
  }
  const { entry, number } = line;
  const cells = names.map((name, t) => {
    if (name === entry.thread) return `<td class="c${t % 8}">${box(entry, culprits)}</td>`;
    const stopped = entry.preempted && lanes.runningBefore(number) === name;
    const tag = stopped ? '<div class="tag">stopped here</div>' : '';
    return `<td class="c${t % 8} ${lanes.at(t, number)}">${tag}</td>`;
  });
  return `<tr data-step="${number}"><th class="no" scope="row">${number}</th>${cells.join('')}</tr>`;
}

function box(entry: TraceEntry, culprits: readonly string[]): string {
  const { does, was } = effectOf(entry);
  const mark = culprits.includes(entry.site) ? ' culprit' : '';
  const site = siteOf(entry);
  return `<div class="op${mark}"><span><b>${escaped(entry.op)}</b> <code>${escaped(entry.target)}</code> ${escaped(does)}</span>${was === '' ? '' : ` <span>${escaped(was)}</span>`}${site === '' ? '' : `<small>${escaped(site)}</small>`}</div>`;
}

/** The state of each thread while another does a step. */
class Lanes {
  readonly #lanes: readonly (readonly Lane[])[];
  readonly #trace: readonly TraceEntry[];
  readonly #firstStep: number;

  constructor(threads: readonly ThreadEnd[], trace: readonly TraceEntry[], firstStep: number) {
    this.#trace = trace;
    this.#firstStep = firstStep;
    this.#lanes = threads.map(({ name, state }) => {
      let lane: Lane = 'ready';
      let asleepOn = '';
      const last = trace.findLastIndex(({ thread }) => thread === name);
      const ends = state === 'ended' || state === 'failed';
      return trace.map((entry, i) => {
        if (ends && i > last) return 'over';
        if (entry.thread === name) {
          const sleeps = entry.op === 'wait' && entry.result !== 'not-equal';
          asleepOn = sleeps ? entry.target : '';
          lane = sleeps ? 'asleep' : 'ready';
        } else if (lane === 'asleep' && entry.op === 'notify' && entry.target === asleepOn) {
          if (Number(entry.result) > 0) lane = 'ready';
        } else if (entry.preempted && trace[i - 1]?.thread === name) lane = 'stopped';
        return lane;
      });
    });
  }

  at(thread: number, step: number): Lane {
    return this.#lanes[thread]?.[step - this.#firstStep] ?? 'ready';
  }

  /** The thread of the step before. */
  runningBefore(step: number): string | undefined {
    return this.#trace[step - this.#firstStep - 1]?.thread;
  }
}
