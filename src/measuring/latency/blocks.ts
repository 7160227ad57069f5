import { untilAborted } from '../../base/until-aborted.ts';
import { store } from '../../memory/word.ts';
import type { Dispatched } from '../../threads/dispatcher.ts';
import type { Cast, Harness } from '../../threads/harness.ts';
import { Collector } from './collect.ts';
import type { Games } from './games.ts';
import { latencyDeviceProgram, latencyStormProgram } from './latency-device.ts';
import { latencyGuestProgram } from './latency-guest.ts';
import { type LatencyPlan, latencyViews } from './latency-plan.ts';

/** Signals of a block. Blocks of all paths take turns, so that what changes on the machine meets them all. */
const BLOCK = 64;
/** At a rate a block lasts at least so long: a stall must be able to pass within one. But rings hold no more than this. */
const BLOCK_SECONDS = 0.125;
const MOST_IN_BLOCK = 16_384;
/** Most stamps that a signal leaves in one ring; and with a guest of the user's own, whose SGIs leave stamps as well. */
const STAMPS_EACH = 5;
const STAMPS_EACH_OWN = 4 * STAMPS_EACH;

/** What the size of a block depends on: see `LatencyOptions`. */
export type BlockOptions = {
  readonly rate: number;
  readonly devices: number;
  readonly samples: number;
  readonly boots?: number;
  readonly own?: { readonly guest?: string | undefined };
  /** Ends a block at once; the machine's threads are to be ended by force then. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * How many signals a block has, at most, one of the warm-up (which counts nowhere) too, and how many stamps each thread has
 * to keep. Few samples are cut into smaller blocks, so that each machine that is to be booted has one; at a rate they are
 * not, as a stall would not fit then.
 */
export function blockSize({ rate, devices, samples, boots = 1, own }: BlockOptions) {
  const each = own?.guest === undefined ? STAMPS_EACH : STAMPS_EACH_OWN;
  const atRate = Math.min(MOST_IN_BLOCK, Math.round(rate * BLOCK_SECONDS));
  const most = Math.min(Math.max(BLOCK, atRate), samples);
  const forAll = (signals: number) => Math.ceil(signals / devices) * devices;
  const warm = forAll(most);
  const signals = rate > 0 ? warm : forAll(Math.min(most, Math.ceil(samples / boots)));
  return { signals, warm, stamps: 2 ** Math.ceil(Math.log2(2 * each * warm + 2)) };
}

/** How much longer than intended a block, or a game, may take: more than a thread waits for another one. */
const BLOCK_BOUND_MS = 30_000;

/** Runs blocks on a machine whose threads are booted. */
export class Blocks {
  readonly #harness: Harness;
  readonly #plan: LatencyPlan;
  readonly #games: Games;
  readonly #collector: Collector;
  readonly #views: ReturnType<typeof latencyViews>;
  readonly #size: { readonly signals: number; readonly warm: number };
  readonly #intervalNs: number;
  readonly #signal: AbortSignal | undefined;

  /** @param sinceStart - what is added to the machine's times, ns */
  constructor(harness: Harness, plan: LatencyPlan, games: Games, options: BlockOptions, sinceStart: number) {
    const { rate, devices, signal } = options;
    this.#signal = signal;
    this.#harness = harness;
    this.#plan = plan;
    this.#games = games;
    this.#collector = new Collector(harness.machine, plan, sinceStart);
    this.#views = latencyViews(harness.machine, plan);
    this.#size = blockSize(options);
    this.#intervalNs = rate > 0 ? Math.max(1, Math.round((1e9 * devices) / rate)) : 0;
  }

  /** One go of a game of the calibration, of vCPU 0 against device 0; the others rest. */
  async play(game: number, part: number): Promise<void> {
    const { machine, vcpus, programs } = this.#harness;
    const { pathAt, countAt, gameAt } = this.#views;
    store(machine.words, pathAt, this.#games.numberOf(game, part));
    store(machine.words, countAt, BLOCK);
    store(machine.words, gameAt, BLOCK);
    const pong = vcpus[0]?.run();
    pong?.catch(() => undefined);
    try {
      const ping = Promise.race([programs.get('device0')?.run(), failureOf(pong)]);
      await untilAborted(this.#harness.within('play a game', ping, BLOCK_BOUND_MS), this.#signal);
    } finally {
      machine.vcpu(0).kick();
    }
    if (this.#signal?.aborted) return;
    await this.#harness.within('leave their guests', Promise.resolve(pong));
  }

  /**
   * One block: the vCPUs enter their guests, the devices signal, and the vCPUs leave.
   * @param counts - false for the warm-up
   * @returns undefined where the signal aborted first
   */
  async run(path: number, staged: boolean, counts: boolean) {
    const signals = counts ? this.#size.signals : this.#size.warm;
    const { machine } = this.#harness;
    const { source } = this.#plan.paths[path] ?? { source: 'irqfd' };
    const { pathAt, countAt, intervalAt, stopAt } = this.#views;
    const bySgi = source === 'sgi';
    if (machine.stamps) machine.stamps.on = staged;
    store(machine.words, pathAt, path);
    // One sender sends for all devices.
    store(machine.words, countAt, bySgi ? signals : signals / this.#plan.devices);
    store(machine.words, intervalAt, bySgi ? this.#intervalNs / this.#plan.devices : this.#intervalNs);
    store(machine.words, stopAt, 0);

    const vcpus = this.#harness.vcpus.map((thread) => thread.run());
    const all = Promise.all(vcpus);
    const storm = this.#harness.programs.get('storm')?.run();
    // Where one thread fails, the others are not waited for, and may fail in turn.
    for (const other of [all, storm]) other?.catch(() => undefined);
    const signalling = bySgi
      ? [vcpus[this.#plan.sender]]
      : [...this.#harness.programs].flatMap(([name, thread]) => (name === 'storm' ? [] : [thread.run()]));
    try {
      const work = Promise.race([Promise.all(signalling), failureOf(all), failureOf(storm)]);
      const intended = Math.ceil((this.#intervalNs * signals) / 1e6);
      await untilAborted(this.#harness.within('end a block', work, intended + BLOCK_BOUND_MS), this.#signal);
    } finally {
      store(machine.words, stopAt, 1);
      for (const [vcpu] of vcpus.entries()) if (vcpu !== this.#plan.sender) machine.vcpu(vcpu).kick();
    }
    if (this.#signal?.aborted) return undefined;
    await this.#harness.within('end a block', Promise.all([all, storm]));
    return this.#collector.collect(source, staged);
  }
}

/** Never resolves; rejects when `promise` does. */
function failureOf(promise: Promise<unknown> | undefined): Promise<never> {
  return Promise.resolve(promise).then(() => new Promise<never>(() => undefined));
}

export function castOf(plan: LatencyPlan, dispatched: Dispatched): Cast {
  const devices = Array.from({ length: plan.devices }, (_, device) => {
    return [`device${device}`, latencyDeviceProgram({ plan, device })] as const;
  });
  const storm = plan.stormFds.length > 0 ? { storm: latencyStormProgram(plan) } : {};
  return {
    guest: latencyGuestProgram(plan),
    programs: { ...Object.fromEntries(devices), ...storm },
    dispatched,
  };
}
