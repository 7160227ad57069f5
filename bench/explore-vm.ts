/**
 * The explorer on a VM of `irqloom/kvm`, as its users have it: a state of some MiB, views that each thread makes for
 * itself, and vCPU threads that acknowledge.
 */
import { fileURLToPath } from 'node:url';
import { VIRT_FRAMES } from '../src/arch/frames.ts';
import { attachVm } from '../src/board/create-vm.ts';
import { checkScenario, type Scenario } from '../src/explore/loading/scenario.ts';
import { withSimulation } from '../src/explore/running/simulation.ts';
import { RandomWalk } from '../src/explore/search/strategies/random.ts';
import { GicDriver } from '../src/guest/gic-driver.ts';
import { ItsDriver } from '../src/guest/its-driver.ts';
import { MSI_VALID_DEVID } from '../src/kvm/route.ts';
import type { KvmVm, VmAttachment } from '../src/kvm-abi/kvm-vm.ts';
import { cpuMs } from './cpu-time.ts';
import { bootedVm, DEVICE, DOORBELL, takeAll } from './kvm-guest.ts';

/** How fast schedules of one program are run, by a random walk in one thread. */
export type VmSpeed = {
  readonly program: string;
  readonly schedulesPerSecond: number;
  readonly stepsPerSecond: number;
  readonly bytes: number;
};

type State = { readonly attachment: VmAttachment };
type Bodies = Readonly<Record<string, (vm: KvmVm) => unknown>>;

const VCPUS = 2;
const WINDOWS = 5;

/** A VM with two events, of which event n is vCPU n's, each by an irqfd of its own. */
function setup(): State {
  const vm = bootedVm({ vcpus: VCPUS, threads: 1 + VCPUS + 3 }, 2);
  vm.vm.setGsiRouting(
    [0, 1].map((eventId) => ({
      type: 'msi',
      gsi: eventId,
      flags: MSI_VALID_DEVID,
      address: DOORBELL,
      data: eventId,
      deviceId: DEVICE,
    })),
  );
  for (const fd of [0, 1]) vm.irqfd({ fd, gsi: fd, flags: 0, resamplefd: 0 });
  return { attachment: vm.attachment };
}

function scenario(name: string, bodies: Bodies): Scenario<State, KvmVm> {
  const names = Object.keys(bodies);
  return {
    name,
    setup,
    own: ({ attachment }, thread) => attachVm(attachment, 1 + names.indexOf(thread)),
    threads: Object.fromEntries(
      Object.entries(bodies).map(([thread, body]) => [thread, (_: State, vm: KvmVm) => void body(vm)]),
    ),
  };
}

const signal = (fd: number) => (vm: KvmVm) => vm.vm.irqfds.write(fd);
const acknowledge = (vcpu: number) => (vm: KvmVm) => takeAll(vm, vcpu);

const PROGRAMS: readonly Scenario<State, KvmVm>[] = [
  scenario('two-vcpus-acknowledge', {
    device: (vm) => {
      signal(0)(vm);
      signal(1)(vm);
    },
    vcpu0: acknowledge(0),
    vcpu1: acknowledge(1),
  }),
  scenario('movi-acknowledge-disable', {
    guest: ({ bus, memory }) =>
      new ItsDriver(bus, memory, VIRT_FRAMES.its).send({
        name: 'MOVI',
        deviceId: DEVICE,
        eventId: 0,
        collectionId: 1,
      }),
    vcpu0: (vm) => {
      signal(0)(vm);
      acknowledge(0)(vm);
    },
    vcpu1: ({ bus }) =>
      new GicDriver(bus, { gicdBase: VIRT_FRAMES.gicd, gicrBase: VIRT_FRAMES.gicr }).disableLpis(1),
  }),
];

/** Runs schedules for some time: the best of some windows, in processor time, as others are on the machine too. */
function measure(program: Scenario<State, KvmVm>, ms: number): VmSpeed {
  const limits = { maxSteps: 10_000, timeouts: 'never' } as const;
  return withSimulation(checkScenario(program), 1, limits, ({ simulator, memory }) => {
    const strategy = new RandomWalk(1);
    let best = { schedulesPerSecond: 0, stepsPerSecond: 0 };
    let index = 0;
    for (let window = 0; window < WINDOWS; window++) {
      const steps = simulator.totalSteps;
      const first = index;
      const start = cpuMs();
      while (cpuMs() - start < ms / WINDOWS) {
        const how = simulator.run(strategy, index++);
        if (how !== 'ended') throw new Error(`${program.name}: a schedule is ${how}`);
      }
      const seconds = (cpuMs() - start) / 1000;
      const stepsPerSecond = (simulator.totalSteps - steps) / seconds;
      if (stepsPerSecond > best.stepsPerSecond)
        best = { schedulesPerSecond: (index - first) / seconds, stepsPerSecond };
    }
    return { program: program.name ?? '', ...best, bytes: memory.size };
  });
}

/** Measures both programs. */
export function run(ms = 5000): VmSpeed[] {
  return PROGRAMS.map((program) => measure(program, ms));
}

export function format(speeds: readonly VmSpeed[]): string {
  const rows = speeds.map(
    ({ program, schedulesPerSecond, stepsPerSecond, bytes }) =>
      `  ${program.padEnd(44)}${Math.round(schedulesPerSecond).toLocaleString('en-US').padStart(12)}  ${Math.round(stepsPerSecond).toLocaleString('en-US').padStart(12)}  ${(bytes / 2 ** 20).toFixed(1)} MiB`,
  );
  return ['a VM of irqloom/kvm, random walk                 schedules/s       steps/s  shared', ...rows].join(
    '\n',
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(format(run()));
