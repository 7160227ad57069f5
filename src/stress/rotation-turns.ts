import { Chance } from '../base/chance.ts';
import { shellWord } from '../base/shell-word.ts';
import { DISPATCHES, type Fault } from '../board/config.ts';
import type { Workload } from '../guest/index.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { DESIGN_NAMES, type DesignName } from '../vmm/design.ts';
import { DESIGNS } from '../vmm/designs.ts';
import type { StressOptions } from './stress-build.ts';
import { CHURNS, type Churn, LINE_MODES, type LineMode } from './stress-result.ts';

/** The settings of one turn of a rotation: all that a run of its own needs to repeat the turn. */
export type TurnSettings = {
  /** null: the recorded guest that the rotation was given. */
  readonly topology: { readonly vcpus: number; readonly devices: number; readonly events: number } | null;
  readonly spis: number;
  readonly lines: LineMode;
  readonly abi: DesignName;
  readonly churn: Churn;
  readonly dispatch: Dispatch;
  readonly fault: Fault;
  /** Time to inject, s. */
  readonly seconds: number;
  readonly seed: number;
};

const VCPUS = [1, 2, 3, 4, 6, 8];
const DEVICES = [1, 2, 3, 4, 6];
const EVENTS = [1, 2, 4, 8, 16, 32];
const SPIS = [0, 0, 2, 6, 9];
/** Wires that resample share lines from 6 wires on. */
const RESAMPLED_SPIS = [2, 6, 9, 16];
/** Time of a turn, s. */
const SECONDS = [1, 1.5, 2, 3, 4];
/** One turn of so many runs the recorded guest, where the design can. */
const RECORDED_OF = 6;

/**
 * The settings of turn `index`. A turn draws from a stream of its own, so its settings depend on the seed and the index
 * alone. A fault narrows the draw to the settings that can show the fault.
 */
export function drawTurn(seed: number, index: number, fault: Fault): TurnSettings {
  const chance = new Chance(seed);
  chance.begin(index);
  const one = <T>(of: readonly T[]): T => of[chance.below(of.length)] as T;
  const abi = one(DESIGN_NAMES);
  const recorded = DESIGNS[abi].msi === 'lpi' && chance.below(RECORDED_OF) === 0;
  const vcpus = one(fault === 'wrong-vcpu' ? VCPUS.slice(1) : VCPUS);
  const topology = { vcpus, devices: one(DEVICES), events: one(EVENTS) };
  const lines = fault === 'lost-ack' ? 'resample' : one(LINE_MODES);
  const needsChurn = fault === 'stale-route' || fault === 'wrong-vcpu';
  return {
    topology: recorded ? null : topology,
    spis: one(lines === 'irq-line' ? SPIS : RESAMPLED_SPIS),
    lines,
    abi,
    churn: one(needsChurn ? CHURNS.filter((churn) => churn !== 'none') : CHURNS),
    dispatch: one(DISPATCHES),
    fault,
    seconds: one(SECONDS),
    seed: chance.bits() >>> 1,
  };
}

/** The options of `runStress` for a turn. `recorded` makes the workload of a turn without a topology. */
export function optionsOfTurn(
  { topology, ...settings }: TurnSettings,
  recorded: () => Workload,
  trace: boolean,
): StressOptions {
  return { ...settings, input: topology ?? recorded(), iterations: 0, trace };
}

/**
 * The words of the command that runs a turn again, alone.
 * @param recording - the file of the recorded guest, other than the recording that comes with irqloom
 */
export function commandOfTurn({ topology, ...settings }: TurnSettings, recording?: string): string {
  const input =
    topology !== null
      ? `-v ${topology.vcpus} -d ${topology.devices} -e ${topology.events}`
      : recording === undefined
        ? undefined
        : `--recording ${shellWord(recording)}`;
  const { spis, lines, abi, churn, dispatch, fault, seconds, seed } = settings;
  return [
    'npx irqloom stress',
    ...(input === undefined ? [] : [input]),
    `--spis ${spis} --lines ${lines} --abi ${abi} --churn ${churn} --dispatch ${dispatch}`,
    ...(fault === 'none' ? [] : [`--fault ${fault}`]),
    `--seconds ${seconds} --seed ${seed}`,
  ].join(' ');
}
