import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import type { VirtualCommand } from '../arch/its-command.ts';
import { lpiConfig } from '../arch/lpi-config.ts';
import { gits } from '../arch/registers.ts';
import { VALID } from '../arch/tables.ts';
import { IrqError } from '../base/irq-error.ts';
import { Machine } from '../board/machine.ts';
import {
  bootSynthetic,
  ItsDriver,
  LINUX_PRIORITY,
  type Source,
  syntheticConfig,
  syntheticSources,
  syntheticTables,
  type Topology,
} from '../guest/index.ts';
import { Layout } from '../memory/layout.ts';
import {
  EDGE_SOURCE,
  namedSources,
  type Plan,
  type StressOptions,
  stressViews,
  stressWords,
} from '../stress/index.ts';
import { VpeHost } from './host.ts';

export type VpeStressOptions = StressOptions & { readonly input: Omit<Topology, 'spis'> };

/** The task that every thread of the run shares. A source's `vcpu` is its vPE, and its `intid` a vLPI, or a vSGI of kind `level`. */
export type VpePlan = Plan & {
  readonly vpes: number;
  /** Guest-physical addresses: the configuration table of all vPEs, and the first pending table. */
  readonly vpeConfigTable: number;
  readonly vpePendingTables: number;
};

/** vLPIs of a source each, and those that are free to change to. @see VLPIS in gic/vpes.ts */
const MOST_VLPIS = 448;
const SPARE = 64;
/** vSGIs that are sources: SGI 15 of a PE is its IPI, which the still phases would take for a vSGI. */
const VSGIS = 8;
export const IPI: Intid = 15;
/** Where the physical LPIs of the doorbells begin. */
const DOORBELLS: Intid = 16_384;
const PAGE = 0x1_0000;
const STAMP_EVERY = 8;
const ID_BITS = 16;
const FRAMES = { itsBase: 0x0808_0000, gicrBase: 0x1000_0000 } as const;

/** vPEs for so many PEs: more than PEs, and not a multiple. */
const vpesFor = (vcpus: number) => 2 * vcpus + 1;

export const doorbellOf = (vpe: number): Intid => DOORBELLS + vpe;
/** The vPE of a doorbell, or a number below 0. */
export const vpeOfDoorbell = (intid: Intid): number => intid - DOORBELLS;
/** vLPIs that no source has at first. */
export const spareVlpis = ({ sources }: Pick<Plan, 'sources'>): Intid[] => {
  const end = FIRST_LPI + sources.filter(({ kind }) => kind === 'msi').length;
  return Array.from({ length: SPARE }, (_, index) => end + index);
};
export const vlpiConfig = (enabled: boolean) => lpiConfig(LINUX_PRIORITY, enabled);

/** The host's words, behind those of the run. */
export function hostOf(machine: Machine, plan: VpePlan): VpeHost {
  const layout = new Layout(machine.scenario.at + stressWords(plan, machine.intids));
  return new VpeHost(machine.words, VpeHost.region(layout, plan.vpes));
}

/** VMAPP of a vPE of the plan. With PTZ = 0, as Linux sends. */
export function mapVpe(plan: VpePlan, vpe: number, pe: VcpuId, valid: boolean): VirtualCommand {
  return {
    name: 'VMAPP',
    vpe,
    rdbase: pe,
    valid,
    alloc: true,
    pendingZero: false,
    defaultDoorbell: doorbellOf(vpe),
    configAddr: plan.vpeConfigTable,
    pendingAddr: plan.vpePendingTables + vpe * PAGE,
    pendingBits: ID_BITS - 1,
  };
}

export const mapEvent = ({ deviceId, eventId, intid, vcpu }: Source): VirtualCommand => ({
  name: 'VMAPTI',
  deviceId,
  eventId,
  vpe: vcpu,
  virtualLpi: intid,
  doorbell: 1023,
});

/** The VSGI commands that enable the vSGIs of a vPE, or of all. */
export const enableSgis = ({ sources }: Pick<Plan, 'sources'>, vpe = -1): VirtualCommand[] =>
  sources.flatMap(({ kind, intid, vcpu }) =>
    kind === 'level' && (vpe < 0 || vcpu === vpe)
      ? [{ name: 'VSGI', vpe: vcpu, sgi: intid, enable: true, clear: false } as const]
      : [],
  );

/**
 * A machine with vPEs for a stress run, its vPEs mapped, and the plan for its threads; the driver connects the sources.
 * @throws IrqError `ERR_CONFIG` for more events than the vLPIs of a vPE
 */
export function buildVpeStress(options: VpeStressOptions): { machine: Machine; plan: VpePlan } {
  const { input, churn, seed, iterations, dispatch, fault, perturb = 'off' } = options;
  const { vcpus, devices, events } = input;
  if (devices * events > MOST_VLPIS)
    throw new IrqError(
      'ERR_CONFIG',
      `with --gicv4 there is room for ${MOST_VLPIS} events, a vLPI each, not ${devices * events}`,
    );
  const topology = { ...input, spis: 0 };
  const vpes = vpesFor(vcpus);
  const config = syntheticConfig(topology);
  const [slot = { base: 0, bytes: 0 }] = config.memory;
  const tables = slot.base + slot.bytes;
  const messages = syntheticSources(topology, config.spis).map((source, index): Source => {
    const vcpu: VcpuId = index % vpes;
    return { ...source, vcpu };
  });
  const sgis = Array.from({ length: VSGIS }, (_, index): Source => {
    const [device, vcpu, names]: [number, VcpuId, number] = [index % devices, index % vpes, -1];
    const fd = messages.length + index;
    const intid: Intid = index;
    return {
      kind: 'level',
      device,
      fd,
      resamplefd: -1,
      gsi: names,
      deviceId: names,
      eventId: names,
      intid,
      vcpu,
    };
  });
  const sources = namedSources({ abi: 'merged', lines: 'irq-line' }, [...messages, ...sgis]);
  const plan: VpePlan = {
    ...{ sources, devices, vcpus, churn, seed, iterations, perturb, vpes, slices: 0 },
    ...syntheticTables(topology),
    spareLpis: { first: 0, end: 0 },
    spareSpis: { first: 0, end: 0 },
    isBoth: dispatch === 'both',
    stampEvery: options.stampEvery ?? STAMP_EVERY,
    vpeConfigTable: tables + PAGE,
    vpePendingTables: tables + 2 * PAGE,
  };
  const ownWords = new Layout();
  VpeHost.region(ownWords, vpes);
  const machine = Machine.create({
    ...config,
    ...FRAMES,
    vpes,
    eventfds: Math.max(...sources.map(({ fd }) => fd + 1)),
    dispatch: dispatch === 'both' ? 'main' : dispatch,
    fault,
    memory: [{ base: slot.base, bytes: slot.bytes + (2 + vpes) * PAGE }],
    scenarioWords: stressWords(plan, 2 ** ID_BITS) + ownWords.words,
  });
  bootSynthetic(machine, topology, []);
  mapVpes(machine, plan, tables);
  const { proof } = stressViews(machine, plan);
  for (const [source, { intid, vcpu }] of sources.entries()) proof.place(source, EDGE_SOURCE, intid, vcpu);
  hostOf(machine, plan).init();
  return { machine, plan };
}

/** Gives the ITS its vPE table, and maps vPEs, events and vSGIs. */
function mapVpes({ bus, memory, config }: Machine, plan: VpePlan, vpeTable: number): void {
  const its = new ItsDriver(bus, memory, config.itsBase);
  its.setEnabled(false);
  bus.write(config.itsBase + gits.BASER2, 8, VALID | BigInt(vpeTable));
  its.setEnabled(true);
  const vlpis = [
    ...plan.sources.filter(({ kind }) => kind === 'msi').map(({ intid }) => intid),
    ...spareVlpis(plan),
  ];
  for (const intid of vlpis) memory.setByte(plan.vpeConfigTable + intid - FIRST_LPI, vlpiConfig(true));
  const all = Array.from({ length: plan.vpes }, (_, vpe) => vpe);
  for (const vpe of all) memory.setByte(plan.configTable + doorbellOf(vpe) - FIRST_LPI, vlpiConfig(true));
  its.sendVirtual([
    ...all.map((vpe) => mapVpe(plan, vpe, vpe % plan.vcpus, true)),
    ...plan.sources.filter(({ kind }) => kind === 'msi').map(mapEvent),
    ...enableSgis(plan),
  ]);
}
