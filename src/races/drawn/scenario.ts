import type { VcpuId } from '../../arch/intid.ts';
import { COMMAND_BYTES } from '../../arch/its-command.ts';
import { gits } from '../../arch/registers.ts';
import type { Scenario } from '../../explore/index.ts';
import { isDeliverable, priorityOf } from '../../gic/state.ts';
import { GicDriver, openCpuInterface } from '../../guest/index.ts';
import { mapDevices, onMachine, type Shared, type SmallMachine, stateOf } from '../on-machine.ts';
import { requireDelivered, requireExplained, requireNoStrandedWork } from '../oracles.ts';
import { ACCOUNT_WORDS } from './account.ts';
import { assign, CALLS, commandsOf, routesOf } from './calls.ts';
import { EVENTFDS, fdOf, INTIDS, PAIRS, RESAMPLE_FD, sourceOf, spiOf, TRAPS } from './names.ts';
import {
  type DrawnThread,
  drawProgram,
  EDGE_SOURCE,
  LEVEL_SOURCE,
  MESSAGES,
  type Program,
  SOURCES,
} from './program.ts';
import { View } from './view.ts';

/** Small tables, locks that sleep at once, vCPUs that do: a schedule has few steps that do not matter. */
const SIZES = {
  gsis: SOURCES,
  pins: SOURCES - EDGE_SOURCE,
  spins: 0,
  haltPollNs: 0,
  eventfds: EVENTFDS,
  scenarioWords: ACCOUNT_WORDS,
} as const;

/** How often everything is served at the end: an interrupt may be passed from one vCPU to the other. */
const ROUNDS = 4;
/** Interrupts that a vCPU may take in such a round. */
const MOST = 16;

/** The scenario of a program drawn from `seed`, named `drawn-SEED`. */
export function drawnScenario(seed: number): Scenario<Shared> {
  const program = drawProgram(seed);
  const { vcpus, dispatch } = program;
  return {
    name: `drawn-${seed}`,
    ...onMachine((machine) => prepare(machine, program), { vcpus, dispatch, sizes: SIZES }),
    threads: Object.fromEntries(
      program.threads.map((thread, index) => [thread.name, bodyOf(program, thread, index)]),
    ),
    finally: (shared) => judge(new View(shared, 0), program),
  };
}

function prepare(machine: SmallMachine, program: Program): void {
  const { isCached, history, before, threads } = program;
  const view = new View(machine.shared, 0);
  const { account } = view;
  mapDevices(machine, 1, 2);
  for (const [source, pairs] of PAIRS.entries()) {
    for (const [which, { deviceId, eventId, lpis }] of pairs.entries()) {
      account.setLpi(source, which, lpis[0]);
      machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi: lpis[0], collectionId: 0 });
      if (isCached) machine.its.translate(deviceId, eventId);
    }
  }
  for (const { deviceId, eventId, lpi } of TRAPS) {
    machine.itsDriver.send({ name: 'MAPTI', deviceId, eventId, lpi, collectionId: 0 });
    if (isCached) machine.its.translate(deviceId, eventId);
  }
  const gic = new GicDriver(machine.bus, { gicdBase: machine.bases.gicd, gicrBase: machine.bases.gicr });
  for (let source = EDGE_SOURCE; source < SOURCES; source++)
    gic.enableSpi(spiOf(source), { edge: source !== LEVEL_SOURCE, vcpu: 0 });
  for (let vcpu: VcpuId = 0; vcpu < machine.config.vcpus; vcpu++)
    openCpuInterface(machine.gic.cpuInterface(vcpu));
  machine.vm.setGsiRouting(routesOf(view, new Array<number>(MESSAGES).fill(0)));
  for (let source = 0; source < SOURCES; source++) assign(machine.vm, source);
  for (const source of history) {
    CALLS.signal(view, source, 0, nothing);
    settle(view, program);
  }
  for (const source of before) CALLS.signal(view, source, 0, nothing);
  account.commandsEnd = Number(machine.its.read(gits.CWRITER, 8));
  let at = account.commandsEnd;
  for (const command of threads.flatMap(commandsIn).flat()) at = machine.itsDriver.queue(command, at);
}

const commandsIn = (thread: DrawnThread) => (thread.role === 'guest' ? commandsOf(thread.calls) : []);

function nothing(): void {}

function bodyOf(program: Program, thread: DrawnThread, index: number): (shared: Shared) => void {
  const planned = plannedSignals(program);
  const isDone = ({ account }: View) => planned.every((signals, source) => account.seen(source) === signals);
  if (thread.role === 'main')
    return (shared) => {
      const view = new View(shared, 0);
      const isOver = program.threads.some(takesAll)
        ? () => isDone(view)
        : () => planned.every((signals, source) => view.account.sent(source) === signals);
      view.serve(isOver);
    };
  if (thread.role === 'vcpu') {
    const { vcpu, most } = thread.taking;
    return (shared) => {
      const view = new View(shared, 1 + vcpu);
      if (most === 'all') view.run(vcpu, () => isDone(view));
      else view.take(vcpu, most);
    };
  }
  const others = program.threads.slice(0, index).filter(({ role }) => role !== 'main' && role !== 'vcpu');
  const number = 1 + program.vcpus + others.length;
  const commands = commandsIn(thread);
  return (shared) => {
    const view = new View(shared, number);
    let sent = 0;
    const send = () => {
      view.account.commandsEnd += COMMAND_BYTES * (commands[sent++]?.length ?? 0);
      view.machine.its.write(gits.CWRITER, 8, BigInt(view.account.commandsEnd));
    };
    for (const { name, source, to } of thread.calls) CALLS[name](view, source, to, send);
    // Where no vCPU says so, the main thread is told that this thread has no more signals.
    view.machine.vm.irqfds.bell.signal();
  };
}

const takesAll = (thread: DrawnThread) => thread.role === 'vcpu' && thread.taking.most === 'all';

/** By source: the signals of a run, including signals from before the run. */
function plannedSignals({ history, before, threads }: Program): number[] {
  const calls = threads.flatMap((thread) => ('calls' in thread ? thread.calls : []));
  const signals = calls.filter(({ name }) => name === 'signal' || name === 'raise' || name === 'message');
  return Array.from(
    { length: SOURCES },
    (_, source) =>
      [...history, ...before].filter((each) => each === source).length +
      signals.filter((each) => each.source === source).length,
  );
}

/**
 * After the threads have ended: serves the signals that they left, and judges the account; then signals each
 * source once more.
 */
function judge(view: View, program: Program): void {
  const { account } = view;
  settle(view, program);
  for (let source = 0; source < SOURCES; source++) {
    const isForgiven = account.sent(source) <= account.forgiven(source);
    if (!isForgiven) requireDelivered(account.sent(source), account.seen(source));
  }
  requireAllTaken(view);
  for (const intid of INTIDS) {
    const allowed = account.allowed(intid);
    const latched = account.taken(intid) + (view.isPending(intid) ? 1 : 0);
    const isFresh = allowed === undefined || latched <= allowed;
    requireExplained(true, isFresh, `INTID ${intid}, the old name of source ${sourceOf(intid)},`);
  }
  for (let source = 0; source < SOURCES; source++) probe(view, program, source);
  probeOrder(view, program);
}

/** Each source arrives by its present INTID, at its present vCPU. */
function probe(view: View, program: Program, source: number): void {
  const { account } = view;
  CALLS.signal(view, source, 0, nothing);
  const taken = settle(view, program);
  const intid = source < MESSAGES ? account.lpi(source, account.pair(source)) : spiOf(source);
  const expected = `INTID ${intid} on vCPU ${account.vcpu(source)}`;
  const found = taken.map(([vcpu, each]) => `INTID ${each} on vCPU ${vcpu}`).join(' and ');
  requireDelivered(account.sent(source), account.seen(source));
  requireExplained(
    true,
    found === expected,
    `source ${source}, at rest: ${found} in the place of ${expected},`,
  );
}

/** All sources at one time: each vCPU takes its own by their priority. */
function probeOrder(view: View, program: Program): void {
  const { account, machine } = view;
  for (let source = 0; source < SOURCES; source++) CALLS.signal(view, source, 0, nothing);
  machine.vm.irqfds.dispatchPending();
  for (let vcpu: VcpuId = 0; vcpu < program.vcpus; vcpu++) {
    const taken = view.take(vcpu, MOST);
    const priorities = taken.map((intid) => priorityOf(stateOf(machine.gic.interrupts, intid)));
    const isInOrder = priorities.every((priority, index) => priority >= (priorities[index - 1] ?? 0));
    requireExplained(
      true,
      isInOrder,
      `vCPU ${vcpu}: ${taken.join(', ')}, of the priorities ${priorities.join(', ')},`,
    );
  }
  for (let source = 0; source < SOURCES; source++)
    requireDelivered(account.sent(source), account.seen(source));
}

/** The main thread and the vCPUs do the remaining work. */
function settle(view: View, { vcpus }: Program): [VcpuId, number][] {
  const { vm } = view.machine;
  const { account } = view;
  const taken: [VcpuId, number][] = [];
  for (let round = 0; round < ROUNDS; round++) {
    vm.irqfds.dispatchPending();
    for (let vcpu: VcpuId = 0; vcpu < vcpus; vcpu++)
      for (const intid of view.take(vcpu, MOST)) taken.push([vcpu, intid]);
    // A device that hears of an end raises its line again if a signal has come since its last handler began.
    const isTold = vm.irqfds.eventfd(RESAMPLE_FD).drain();
    if (isTold && account.sent(LEVEL_SOURCE) !== account.seen(LEVEL_SOURCE))
      vm.irqfds.write(fdOf(LEVEL_SOURCE));
  }
  return taken;
}

function requireAllTaken({ machine }: View): void {
  for (const intid of INTIDS)
    requireNoStrandedWork(
      true,
      isDeliverable(stateOf(machine.gic.interrupts, intid)),
      `the vCPU of INTID ${intid}`,
    );
}
