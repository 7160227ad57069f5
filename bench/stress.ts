/**
 * `irqloom stress` at speed: signals delivered a second, with the proof, in six shapes, by the signalling thread and by way
 * of the main thread, with churn and without, on this machine alone and beside other processes; and the rate of the same
 * threads without a proof, or without an interrupt controller.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Machine } from '../src/board/machine.ts';
import { bootSynthetic, syntheticConfig, syntheticSources } from '../src/guest/topology.ts';
import { table } from '../src/report/table.ts';
import { rate, time } from '../src/report/units.ts';
import type { StressResult } from '../src/stress/index.ts';
import { Harness } from '../src/threads/harness.ts';
import { floodRate, KVM_PER_SECOND, pollingTrip } from './machine.ts';
import { PROGRAMS } from './machine-programs.ts';
import { withNoise } from './stress/noise.ts';
import { RELAY, RELAY_WORDS, type RelayFigures, relayDispatched } from './stress/relay.ts';

type Shape = readonly [vcpus: number, devices: number, events: number];
const SHAPES: readonly Shape[] = [
  [1, 1, 1],
  [1, 1, 16],
  [2, 2, 16],
  [4, 4, 16],
  [16, 16, 16],
  [32, 8, 32],
];
const DISPATCHES = ['inline', 'main'] as const;
const CHURNS = ['none', 'heavy'] as const;
const PROGRAM = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));

export type StressBenchOptions = {
  /** Seconds of each run. */
  readonly seconds: number;
  /** Runs of each row. */
  readonly runs: number;
  /** Rows whose name contains this. */
  readonly only: string;
};

/** The options out of `--seconds N --runs N --only TEXT`. */
export function stressOptionsFrom(args: readonly string[]): StressBenchOptions {
  const after = (name: string) => args[args.indexOf(name) + 1];
  const number = (name: string, fallback: number) => (args.includes(name) ? Number(after(name)) : fallback);
  return {
    seconds: number('--seconds', 3),
    runs: number('--runs', 5),
    only: args.includes('--only') ? (after('--only') ?? '') : '',
  };
}

/** Least, median and most of the runs of a row. */
type Spread = { readonly least: number; readonly median: number; readonly most: number };
export type StressRow = {
  readonly name: string;
  readonly quiet: Spread;
  readonly noisy: Spread;
  /** Of all runs: lost, misrouted, spurious, stranded. */
  readonly faults: readonly number[];
  readonly p50: number | null;
};
export type StressFigures = {
  readonly options: StressBenchOptions;
  readonly rows: readonly StressRow[];
  readonly unproved: readonly { readonly name: string; readonly perSecond: number }[];
  readonly relay: { readonly perSecond: Spread; readonly p50: number | null };
  readonly pingPongNs: number | null;
};

export async function run(options: StressBenchOptions): Promise<StressFigures> {
  const unproved = [];
  for (const events of [1, 16]) {
    const { deliveredPerSecond } = await floodRate(events);
    unproved.push({ name: `1×1×${events}`, perSecond: deliveredPerSecond });
  }
  const { bare } = await pollingTrip();
  const relays = [];
  for (let run = 0; run < options.runs; run++) relays.push(await relay(options.seconds));
  const rows = [];
  for (const shape of SHAPES)
    for (const dispatch of DISPATCHES)
      for (const churn of CHURNS) {
        const name = `${shape.join('×')} ${dispatch}, churn ${churn}`;
        if (name.includes(options.only)) rows.push(await measureRow(name, shape, dispatch, churn, options));
      }
  return {
    options,
    rows,
    unproved,
    relay: {
      perSecond: spread(relays.map(({ delivered, seconds }) => delivered / seconds)),
      p50: spread(relays.flatMap(({ p50 }) => p50 ?? [])).median,
    },
    pingPongNs: bare.p50,
  };
}

/** Three threads that pass signals on without an interrupt controller. */
async function relay(seconds: number): Promise<RelayFigures> {
  const topology = { vcpus: 1, devices: 1, events: 1, spis: 0 };
  // Two other threads and one mostly sleeping thread, as a stress run has.
  const config = {
    ...syntheticConfig(topology),
    dispatch: 'main' as const,
    otherThreads: 2,
    scenarioWords: RELAY_WORDS,
  };
  const machine = Machine.create(config);
  bootSynthetic(machine, topology, syntheticSources(topology, config.spis));
  const harness = await Harness.boot(machine, {
    guest: PROGRAMS.quietGuest({}),
    programs: { device: RELAY.device({ milliseconds: seconds * 1000 }), sink: RELAY.sink({}) },
    dispatched: relayDispatched(machine),
  });
  try {
    const [figures] = await Promise.all([...harness.programs.values()].map((thread) => thread.run()));
    return figures as RelayFigures;
  } finally {
    await harness.close();
  }
}

async function measureRow(
  name: string,
  shape: Shape,
  dispatch: (typeof DISPATCHES)[number],
  churn: (typeof CHURNS)[number],
  { seconds, runs }: StressBenchOptions,
): Promise<StressRow> {
  const all: StressResult[] = [];
  const several = async () => {
    const results: StressResult[] = [];
    for (let run = 0; run < runs; run++) results.push(await stress(shape, dispatch, churn, seconds, run + 1));
    all.push(...results);
    return spread(results.map((result) => result.deliveredPerSecond));
  };
  const quiet = await several();
  const p50 = spread(all.flatMap(({ latencyNs }) => latencyNs.p50 ?? [])).median;
  const noisy = await withNoise(several);
  const sum = (of: (result: StressResult) => number) => all.reduce((total, result) => total + of(result), 0);
  const faults = [
    sum((r) => r.lost),
    sum((r) => r.misrouted),
    sum((r) => r.spurious),
    sum((r) => r.stranded),
  ];
  return { name, quiet, noisy, faults, p50 };
}

function stress(
  [vcpus, devices, events]: Shape,
  dispatch: string,
  churn: string,
  seconds: number,
  seed: number,
): Promise<StressResult> {
  const flags = `stress --json --perturb off --spis 0 -v ${vcpus} -d ${devices} -e ${events} --dispatch ${dispatch} --churn ${churn} -s ${seconds} --seed ${seed}`;
  const child = spawn(process.execPath, [PROGRAM, ...flags.split(' ')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0 || code === 1) resolve(JSON.parse(output) as StressResult);
      else reject(new Error(`irqloom ${flags} ended with ${code}`));
    });
  });
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { least: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, most: sorted.at(-1) ?? 0 };
}

export function format({ options, rows, unproved, relay, pingPongNs }: StressFigures): string {
  const cells = ({ least, median, most }: Spread) => [rate(least), rate(median), rate(most)];
  const medianOf = (name: string) => rows.find((row) => row.name === name)?.quiet.median;
  const share = (name: string, of: number) => {
    const median = medianOf(name);
    return median === undefined ? [] : [`${name}: ${rate(median)}, ${(median / of).toFixed(2)} of it`];
  };
  return [
    `delivered a second with the proof, ${options.runs} runs of ${options.seconds} s each; beside other processes that take 30 % of each core in bursts`,
    table(
      [
        'shape',
        'least',
        'median',
        'most',
        'p50',
        'noisy: least',
        'median',
        'most',
        'lost, misrouted, spurious, stranded',
      ],
      rows.map(({ name, quiet, noisy, faults, p50 }) => [
        name,
        ...cells(quiet),
        time(p50),
        ...cells(noisy),
        faults.join(' / '),
      ]),
    ),
    '',
    ...unproved.flatMap(({ name, perSecond }) => [
      `without a proof, one device that never waits, ${name}: ${rate(perSecond)}`,
      ...share(`${name} inline, churn none`, perSecond).map((line) => `  ${line}`),
    ]),
    `bare relay of three threads, 16 bits: ${cells(relay.perSecond).join(', ')}; p50 ${time(relay.p50)}`,
    ...share('1×1×16 main, churn none', relay.perSecond.median).map((line) => `  ${line}`),
    `bare ping-pong of two threads: p50 ${time(pingPongNs)}; KVM, published: ${rate(KVM_PER_SECOND)} injected`,
  ].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(format(await run(stressOptionsFrom(process.argv.slice(2)))));
