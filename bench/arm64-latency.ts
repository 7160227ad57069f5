import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runGuest } from '../src/boot/run.ts';

const BARE = new URL('../../guests/bare/bare.bin', import.meta.url);
const QEMU = 'qemu-system-aarch64';
const BOUND_MS = 120_000;
/** Runs of each, in turns: the best run shows the machine's limit, the others the effect of other work. */
const ROUNDS = 3;

/** Ns: the least, the median and the 99th percentile of 2,000 requests. */
type Spread = readonly [least: number, median: number, late: number];

/** From a device's signal, and from the guest's request, to the first instruction of the guest driver's handler. */
export type LatencyFigures = { readonly fromSignal: Spread; readonly fromRequest: Spread };

export type ArmLatencies = {
  readonly irqloom: LatencyFigures;
  /** QEMU's TCG with a thread for each vCPU, where there is one. The same guest on the same board. */
  readonly qemu?: LatencyFigures;
};

function parsed(console: string): LatencyFigures | undefined {
  const spread = (what: string): Spread | undefined => {
    const found = new RegExp(`^latency: ${what} to handler, ns: (\\d+) (\\d+) (\\d+)`, 'm').exec(console);
    return found ? [Number(found[1]), Number(found[2]), Number(found[3])] : undefined;
  };
  const [fromSignal, fromRequest] = [spread('signal'), spread('request')];
  return fromSignal && fromRequest ? { fromSignal, fromRequest } : undefined;
}

async function onIrqloom(): Promise<LatencyFigures> {
  let console = '';
  const result = await runGuest(
    {
      kernel: readFileSync(BARE),
      append: 'latency',
      vcpus: 2,
      memoryMiB: 16,
      devices: [{ kind: 'rng' }],
      clock: 'real',
      seed: 1,
      scheduler: 'threads',
      limitInstructions: 0,
      limitSeconds: BOUND_MS / 1000,
    },
    { output: (bytes) => (console += Buffer.from(bytes).toString('latin1')) },
  );
  const figures = parsed(console);
  if (!figures) throw new Error(`the guest ended (${result.end}) without figures:\n${console}`);
  return figures;
}

function onQemu(): LatencyFigures | undefined {
  const board = ['-machine', 'virt,gic-version=3,its=on,highmem=off', '-cpu', 'cortex-a57', '-smp', '2'];
  const host = [
    '-m',
    '128',
    '-accel',
    'tcg,thread=multi',
    '-nodefaults',
    '-display',
    'none',
    '-serial',
    'stdio',
  ];
  const guest = [
    '-device',
    'virtio-rng-pci,disable-legacy=on',
    '-kernel',
    fileURLToPath(BARE),
    '-append',
    'latency',
  ];
  const { stdout } = spawnSync(QEMU, [...board, ...host, ...guest], {
    encoding: 'latin1',
    timeout: BOUND_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return stdout ? parsed(stdout) : undefined;
}

/** The run whose median from the signal is the least. */
function best(runs: readonly (LatencyFigures | undefined)[]): LatencyFigures | undefined {
  return runs.filter((run) => run !== undefined).sort((a, b) => a.fromRequest[1] - b.fromRequest[1])[0];
}

export async function armLatencies(): Promise<ArmLatencies> {
  const [ours, theirs]: [LatencyFigures[], (LatencyFigures | undefined)[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await onIrqloom());
    theirs.push(onQemu());
  }
  const [irqloom, qemu] = [best(ours), best(theirs)];
  if (!irqloom) throw new Error('no run has figures');
  return { irqloom, ...(qemu ? { qemu } : {}) };
}
