import type { ChurnCount } from '../stress/index.ts';
import { type LineChart, type LineEvent, lineChart } from './html/line-chart.ts';
import { plural, rate } from './units.ts';

/** A moment of the run: totals so far. */
export type StressMoment = {
  readonly seconds: number;
  readonly injected: number;
  readonly delivered: number;
  readonly violations: number;
  readonly churn: Readonly<Record<ChurnCount, number>>;
  /** Phases in which the driver kept still until all had settled. */
  readonly stillPhases: number;
};

/** The driver's changes, in words. */
export const CHURN_NAMES: Readonly<Record<ChurnCount, string>> = {
  moves: 'moves to another vCPU',
  routeUpdates: 'route updates',
  masks: 'vectors masked and unmasked',
  configs: 'LPIs disabled and enabled',
  remaps: 'events mapped anew',
  collections: 'collections moved, with all their LPIs',
  sharedLpis: 'LPIs that a second event mapped for a while',
  toggles: 'SPIs disabled and enabled',
  priorities: 'priorities changed',
  raises: 'interrupts made pending by INT or ISPENDR',
  switches: 'distributor, ITS or LPIs turned off and on',
  swaps: 'events mapped anew while their devices signalled',
};
/** Points of a time line. */
const MOST_STEPS = 240;

/** The rates of the devices, the vCPUs and the driver over the run: cards. */
export function timeLine(moments: readonly StressMoment[]): string[] {
  const steps = stepsOf(moments);
  const events = eventsOf(moments);
  const chart = (id: string, title: string, text: string, lines: LineChart['lines']) =>
    lineChart({
      ...{ id, title, text, lines, events },
      xName: 'time',
      xText: (seconds) => `${Number(seconds.toFixed(2))} s`,
      yText: rate,
    });
  const line = (name: string, read: (moment: StressMoment) => number) => ({
    name,
    points: ratesOf(steps, read),
  });
  const made = (Object.keys(CHURN_NAMES) as ChurnCount[]).filter((name) => steps.at(-1)?.churn[name]);
  return [
    chart('injected', 'Signals that devices gave', 'A second, over the run.', [
      line('injected', ({ injected }) => injected),
    ]),
    chart('delivered', 'Interrupts that vCPUs took', 'A second, over the run.', [
      line('delivered', ({ delivered }) => delivered),
    ]),
    ...(made.length === 0
      ? []
      : [
          chart(
            'changes',
            'Changes that the driver made',
            'A second, over the run, of each kind.',
            made.map((name) => line(CHURN_NAMES[name], ({ churn }) => churn[name])),
          ),
        ]),
  ];
}

/** The moments by which more violations had been seen, or the driver had kept still again, than by the one before. */
function eventsOf(moments: readonly StressMoment[]): LineEvent[] {
  return moments.flatMap((moment, index): LineEvent[] => {
    const before = moments[index - 1];
    const violations = moment.violations - (before?.violations ?? 0);
    const still = moment.stillPhases - (before?.stillPhases ?? 0);
    const [from, to] = [before?.seconds ?? 0, moment.seconds].map((seconds) => seconds.toFixed(2));
    const span = `between ${from} s and ${to} s`;
    const x = moment.seconds;
    return [
      ...(violations > 0
        ? [{ x, kind: 'bad' as const, text: `${plural(violations, 'violation')} ${span}` }]
        : []),
      ...(still > 0
        ? [{ x, kind: 'quiet' as const, text: `all kept still ${plural(still, 'time')} ${span}` }]
        : []),
    ];
  });
}

function ratesOf(
  steps: readonly StressMoment[],
  read: (moment: StressMoment) => number,
): (readonly [seconds: number, perSecond: number])[] {
  return steps.map((moment, index) => {
    const before = steps[index - 1];
    const seconds = moment.seconds - (before?.seconds ?? 0);
    return [moment.seconds, (read(moment) - (before ? read(before) : 0)) / seconds];
  });
}

/**
 * The moments whose rates are worth a point. Left out are moments sooner after the moment before than half of the usual step,
 * and moments beyond the number that a line can show; their signals count in the step that follows. A step at the end that is
 * too short for a rate becomes part of the step before.
 */
export function stepsOf<M extends { readonly seconds: number }>(moments: readonly M[]): M[] {
  const last = moments.at(-1);
  if (!last) return [];
  const lengths = moments.map(({ seconds }, index) => seconds - (moments[index - 1]?.seconds ?? 0));
  const usual = [...lengths].sort((a, b) => a - b)[Math.floor(lengths.length / 2)] ?? 0;
  const least = Math.max(usual / 2, last.seconds / MOST_STEPS);
  const steps: M[] = [];
  for (const moment of moments)
    if (moment.seconds - (steps.at(-1)?.seconds ?? 0) >= least) steps.push(moment);
  if (steps.at(-1) === last) return steps;
  steps.splice(-1, 1, last);
  return steps;
}
