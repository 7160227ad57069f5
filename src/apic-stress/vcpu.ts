import { NO_VECTOR } from '../apic/local-apic.ts';
import type { VcpuId } from '../arch/intid.ts';
import { Chance } from '../base/chance.ts';
import type { ApicBoard } from '../board/apic-board.ts';
import { isHubCrowded } from '../board/crowd.ts';
import { Halt } from '../board/halt.ts';
import { IN_GUEST, OUTSIDE, REQUEST_EXIT } from '../board/vcpu-control.ts';
import { add } from '../memory/word.ts';
import { CHURN_COUNTS, type Plan, stressViews } from '../stress/index.ts';
import { stressMachineOf } from './plan.ts';

/** How long an idle vCPU polls at most before the vCPU parks, ns. @see halt_poll_ns */
const POLL_NS = 200_000;
/** After one of so many interrupts a vCPU holds back the lower classes of vectors, until no higher one is left. */
const ONE_IN = 16;
const CLASSES = 14;

/**
 * One vCPU of a stress run on x86: takes vectors in the order of their priority, runs the handler of each, ends each with an EOI,
 * and sleeps without any. Now and then the vCPU raises its task priority for a while.
 *
 * The handler of a level lowers the line of a device on KVM_IRQ_LINE, and raises the line again where the device has
 * signalled anew; the handler asks each device of a resampled line.
 */
export function apicVcpu(board: ApicBoard, id: VcpuId, plan: Plan): { run(): void } {
  const machine = stressMachineOf(board);
  const { proof, pairs, lines, account, churnAt } = stressViews(machine, plan);
  const { vm, clock, words } = board;
  const local = board.local(id);
  const control = board.control(id);
  const chance = new Chance(plan.seed);
  chance.begin(plan.devices + 1 + id);
  const isAny = () => local.signalled !== NO_VECTOR;
  const cpu = {
    get signalled() {
      return isAny();
    },
    get mayBeSignalled() {
      return isAny();
    },
  };
  const polls = !isHubCrowded(machine.config);
  const halt = new Halt({ cpu, bell: local.bell, control, clock, haltPollNs: POLL_NS, polls });
  const devices = Int32Array.from(plan.sources, ({ device }) => device);
  const histograms = plan.sources.map(({ device }) => pairs.histogram(id, device));
  const lineOf = plan.sources.map((_, index) => lines.findIndex(({ sources }) => sources.includes(index)));
  const gsis = Int32Array.from(plan.sources, ({ gsi }) => gsi);
  const isDriven = plan.sources.map(({ kind, resamplefd }) => kind === 'level' && resamplefd < 0);
  const priorities = churnAt + CHURN_COUNTS.indexOf('priorities');
  let epoch = proof.epoch;

  const deliver = (source: number, vector: number) => {
    const signalled = proof.deliver(source, vector, id, epoch);
    if (signalled >= 0) histograms[source]?.record(clock.now() - signalled);
    pairs.count(id, devices[source] ?? 0);
  };

  const serveLine = (line: number, source: number, vector: number) => {
    let served = false;
    for (const sharer of lines[line]?.sources ?? []) {
      if (proof.isSettled(sharer)) continue;
      served = true;
      deliver(sharer, vector);
    }
    if (!account.took(line, served)) proof.violate('spurious', source, vector, id);
  };

  const handle = (vector: number) => {
    const source = proof.ownerOf(vector);
    if (source < 0) {
      proof.violate('spurious', source, vector, id);
      return;
    }
    const line = lineOf[source] ?? -1;
    if (line >= 0) {
      serveLine(line, source, vector);
      return;
    }
    deliver(source, vector);
    if (isDriven[source]) {
      const gsi = gsis[source] ?? 0;
      vm.irqLine(gsi, false);
      // The device counts its signal and then raises the line; the handler lowers the line and then looks: one of the two
      // sees the other.
      if (!proof.isSettled(source)) vm.irqLine(gsi, true);
    }
    proof.wake(devices[source] ?? 0, source);
  };

  const holdBack = () => {
    if (plan.churn === 'none' || chance.below(ONE_IN) > 0) return;
    local.taskPriority = (2 + chance.below(CLASSES)) << 4;
    add(words, priorities, 1);
  };

  return {
    run() {
      control.mode = IN_GUEST;
      for (;;) {
        epoch = proof.epoch;
        const vector = local.acknowledge();
        if (vector !== NO_VECTOR) {
          handle(vector);
          holdBack();
          board.endOfInterrupt(id);
          control.countTaken();
        } else if (local.taskPriority !== 0) {
          local.taskPriority = 0;
        } else if (control.take(REQUEST_EXIT)) {
          break;
        } else {
          halt.halt(false);
        }
      }
      control.mode = OUTSIDE;
    },
  };
}
