import type { CompareResult, DesignResult, UpdateRow } from '../debate/index.ts';
import type { OperationCount } from '../memory/operation-count.ts';
import { count, factor, size, time } from './units.ts';

/** Routes that a table can have. */
const TABLE = 4096;
/** A ratio below this is nothing, however alike two measurements happened to be. */
const LEAST_SHOWN = 1.1;

const UNSTEADY =
  'The machine was not the same before and after (unsteady): findings about times need another run.';

/** The meaning of a comparison's figures for the debate, in sentences that follow from them and nothing else. */
export function compareFindings({ designs, noise, calibration }: CompareResult): string[] {
  if (designs.length === 0) return [];
  return [
    ...latencyFindings(designs, noise),
    ...injectionFindings(designs),
    ...updateFindings(designs),
    ...fateFindings(designs),
    ...memoryFindings(designs),
    ...nameFindings(designs),
    ...brokenFindings(designs),
    ...(calibration.steady ? [] : [UNSTEADY]),
  ];
}

function extremes<T>(
  values: readonly T[],
  of: (value: T) => number,
): { low: T; high: T; apart: number } | null {
  const sorted = [...values].filter((value) => of(value) > 0).sort((a, b) => of(a) - of(b));
  const [low, high] = [sorted[0], sorted.at(-1)];
  return low && high ? { low, high, apart: of(high) / of(low) } : null;
}

const inlineP50 = ({ dispatch }: DesignResult) => dispatch.inline.latencyNs.p50 ?? 0;
const mainP50 = ({ dispatch }: DesignResult) => dispatch.main.latencyNs.p50 ?? 0;

function latencyFindings(designs: readonly DesignResult[], noise: CompareResult['noise']): string[] {
  const findings: string[] = [];
  const lpi = designs.filter(({ eventsAs }) => eventsAs === 'lpi');
  // The host may have disturbed each of two designs as much as one design between its two measurements: hence the square.
  const spread = extremes(lpi.length > 1 ? lpi : designs, inlineP50);
  if (spread && designs.length > 1) {
    const { low, high, apart } = spread;
    const among = lpi.length > 1 ? 'designs that end in an LPI' : 'designs';
    const within =
      noise === null
        ? ''
        : apart <= Math.max(noise.inline.latency ** 2, LEAST_SHOWN)
          ? `, and two measurements of one design up to ${factor(noise.inline.latency)}: the way a source is named does not show in the latency`
          : `, more than can be explained by two measurements of one design, ${factor(noise.inline.latency)} apart at most`;
    findings.push(
      `Inline, the medians of the ${among} lie ${factor(apart)} apart (${low.name} ${time(inlineP50(low))}, ${high.name} ${time(inlineP50(high))})${within}.`,
    );
    findings.push(...threadFindings(designs, apart));
  }
  return findings;
}

/** The cost of the main thread, of every design, beside how far the designs lie apart. */
function threadFindings(designs: readonly DesignResult[], apart: number): string[] {
  const through = (design: DesignResult) => mainP50(design) / inlineP50(design);
  const measured = designs.filter((design) => inlineP50(design) > 0 && mainP50(design) > 0);
  const cost = extremes(measured, through);
  if (cost === null) return [];
  const [least, most] = [through(cost.low), through(cost.high)];
  const than = (word: string) => `matters ${word} than the choice of a design`;
  const how =
    least > apart ? than('more') : most < apart ? than('less') : 'matters about as much as the choice';
  return [
    `The thread that routes ${how}: through the main thread a signal takes ${factor(least)} as long as inline in ${cost.low.name}, and ${factor(most)} in ${cost.high.name}${measured.length > 2 ? '; the other designs lie between' : ''}.`,
  ];
}

function injectionFindings(designs: readonly DesignResult[]): string[] {
  const [direct, merged] = ['direct', 'merged'].map((wanted) => designs.find(({ name }) => name === wanted));
  if (!direct || !merged) return [];
  const more = (a: OperationCount, b: OperationCount) => ({
    loads: b.loads - a.loads,
    others: b.stores + b.updates - a.stores - a.updates,
  });
  const loads = (n: number) => `${n} ${n === 1 ? 'load' : 'loads'}`;
  const known = more(direct.injection, merged.injection);
  const byRoute = more(direct.byRoute, merged.byRoute);
  const free = known.loads <= 2 && known.others === 0;
  return [
    `An injection makes ${loads(known.loads)} more with a table than where the irqfd has the pair itself (${direct.injection.loads} and ${merged.injection.loads}), and ${known.others === 0 ? 'no store or update more' : `${known.others} stores and updates more`}; where the LPI is not remembered, by the cached route, ${loads(byRoute.loads)} more (${direct.byRoute.loads} and ${merged.byRoute.loads}): ${free ? 'the indirection is paid when something changes, not when a signal comes' : 'the indirection is paid with each signal'}.`,
  ];
}

function updateFindings(designs: readonly DesignResult[]): string[] {
  const findings: string[] = [];
  const ends = ({ updates }: DesignResult): [UpdateRow, UpdateRow] | [] => {
    const [few, many] = [updates[0], updates.at(-1)];
    return few && many && few !== many ? [few, many] : [];
  };
  // With a table, the design whose cost grows least; without one, the design that takes longest: the others bear the finding out.
  const growth = (design: DesignResult) => {
    const [few, many] = ends(design);
    return few && many ? many.reroute.us / few.reroute.us : 0;
  };
  const ofTables = designs.filter((design) => (ends(design)[1]?.reroute.entries ?? 0) > 0);
  const whole = extremes(ofTables, growth)?.low;
  const ofNone = designs.filter(({ table }) => table === 'none');
  const single = extremes(ofNone, (design) => ends(design)[1]?.reroute.us ?? 0)?.high;
  const [few, many] = whole ? ends(whole) : [];
  if (whole && few && many) {
    const by = many.reroute.us / few.reroute.us;
    findings.push(
      `With a table, a new message for one vector costs the whole of it: in ${whole.name}${ofTables.length > 1 ? ', where it grows least,' : ''} ${took(few)} with ${count(few.vectors)} vectors and ${took(many)} with ${count(many.vectors)} (${factor(by)}, ${count(many.reroute.entries)} entries handed over).`,
    );
  }
  const [least, most] = single ? ends(single) : [];
  if (single && least && most) {
    const by = most.reroute.us / least.reroute.us;
    const grown =
      by < 2
        ? `no more than with ${count(least.vectors)}`
        : `${factor(by)} what it takes with ${count(least.vectors)}`;
    const against = many
      ? `; the table takes ${factor(many.reroute.us / most.reroute.us)} as long with ${count(many.vectors)}`
      : '';
    findings.push(
      `Without one it costs ${most.reroute.calls} calls and ${took(most)} in ${single.name}${ofNone.length > 1 ? ', which takes longest,' : ''} with ${count(most.vectors)} vectors, ${grown}${against}.`,
    );
  }
  if (whole && many?.maskByRoute) {
    findings.push(
      `Masking needs no table even where there is one: by the irqfd ${time(many.maskByIrqFd.us * 1000)}, by the route ${time(many.maskByRoute.us * 1000)} (${whole.name}, ${count(many.vectors)} vectors).`,
    );
  }
  return findings;
}

const took = ({ reroute }: UpdateRow) => time(reroute.us * 1000);

function fateFindings(designs: readonly DesignResult[]): string[] {
  const findings: string[] = [];
  const list = (wanted: (design: DesignResult) => boolean) =>
    designs
      .filter(wanted)
      .map(({ name }) => name)
      .join(', ');
  const byRoute = list(({ fates: { maskByRoute } }) => maskByRoute?.gaps[0]?.by === 'none');
  const byIrqFd = list(({ fates: { maskByIrqFd, reroute } }) => maskByIrqFd.lost + reroute.lost > 0);
  if (byRoute !== '')
    findings.push(
      `A vector masked by its route drops what is signalled meanwhile (${byRoute}); masked by its irqfd, ${byIrqFd === '' ? 'no design loses any of it: it waits in the eventfd' : `${byIrqFd} lose some`}.`,
    );
  const most = (some: readonly DesignResult[]) =>
    Math.max(...some.map(({ fates: { reroute } }) => reroute.late / Math.max(1, reroute.moments)));
  const tables = designs.filter(({ table }) => table !== 'none');
  const others = designs.filter(({ table }) => table === 'none');
  if (tables.length > 0 && others.length > 0)
    findings.push(
      `Of signals at each step of a change of message, up to ${percent(most(others))} have to wait for its end where the irqfd is taken away and assigned again (${list(({ table }) => table === 'none')}), up to ${percent(most(tables))} where a table is exchanged: the rest go at once, by the old route or the new one.`,
    );
  return findings;
}

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;

function memoryFindings(designs: readonly DesignResult[]): string[] {
  const most = extremes(designs, ({ memory }) => memory.table);
  if (!most) return [];
  const { name, memory } = most.high;
  return [
    `A table costs ${memory.table} bytes a source, ${size(memory.table * TABLE)} when it is full (${name}); the irqfd itself has ${memory.irqfd} in every design.`,
  ];
}

function nameFindings(designs: readonly DesignResult[]): string[] {
  const both = designs.filter(({ names }) => names.userland.length > 1).map(({ name }) => name);
  const one = designs.filter(({ names }) => names.userland.length === 1);
  const findings: string[] = [];
  if (both.length > 0)
    findings.push(`Userland keeps two names for each MSI, GSI and DevID:EvID, in ${both.join(', ')}.`);
  if (one.length > 0)
    findings.push(
      `It has one in ${one.map(({ name, names }) => `${name} (${names.userland[0]})`).join(', ')}.`,
    );
  const wired = designs.filter(({ eventsAs }) => eventsAs === 'spi').map(({ name }) => name);
  if (wired.length > 0)
    findings.push(
      `${wired.join(' and ')} lead to no LPI: their figures are those of edge-triggered SPIs, of which a GIC has 988.`,
    );
  return findings;
}

function brokenFindings(designs: readonly DesignResult[]): string[] {
  const broken = designs.filter(({ dispatch: { main, inline } }) => main.violations + inline.violations > 0);
  return broken.map(({ name }) => `${name} broke the machine's promises: its figures mean nothing.`);
}
