import { loadMutated, type Mutation } from '../../mutate.ts';

const FILES = {
  gic: 'gic/gic.ts',
  cpuInterface: 'gic/cpu-interface.ts',
  its: 'its/its.ts',
  itsRegions: 'its/regions.ts',
  itsPersonality: 'its/personality.ts',
  vm: 'kvm/vm.ts',
  designs: 'kvm/designs/designs.ts',
  vcpu: 'machine/vcpu.ts',
  vcpuControl: 'machine/vcpu-control.ts',
  halt: 'machine/halt.ts',
  guestMemory: 'memory/guest-memory.ts',
  readers: 'memory/readers.ts',
  clock: 'measure/clock.ts',
} as const;

/** What a small machine is made of: each file's exports. */
export type Modules = {
  readonly gic: typeof import('../../../src/gic/gic.ts');
  readonly cpuInterface: typeof import('../../../src/gic/cpu-interface.ts');
  readonly its: typeof import('../../../src/its/its.ts');
  readonly itsRegions: typeof import('../../../src/its/regions.ts');
  readonly itsPersonality: typeof import('../../../src/its/personality.ts');
  readonly vm: typeof import('../../../src/kvm/vm.ts');
  readonly designs: typeof import('../../../src/kvm/designs/designs.ts');
  readonly vcpu: typeof import('../../../src/machine/vcpu.ts');
  readonly vcpuControl: typeof import('../../../src/machine/vcpu-control.ts');
  readonly halt: typeof import('../../../src/machine/halt.ts');
  readonly guestMemory: typeof import('../../../src/memory/guest-memory.ts');
  readonly readers: typeof import('../../../src/memory/readers.ts');
  readonly clock: typeof import('../../../src/measure/clock.ts');
};

/** Tables of 4 GSIs and 2 pins, and locks that sleep at once: else each table is a thousand stores, each wait a hundred looks. */
const SMALL: readonly Mutation[] = [
  { file: 'kvm/gsi.ts', from: 'MAX_IRQ_ROUTES = 4096', to: 'MAX_IRQ_ROUTES = 4' },
  { file: 'kvm/gsi.ts', from: 'IRQCHIP_PINS = 988', to: 'IRQCHIP_PINS = 2' },
  { file: 'memory/mutex.ts', from: 'spins = 100', to: 'spins = 0' },
];

/** The real source with small sizes, and with these lines changed too. */
export function loadSmall(mutations: readonly Mutation[]): Modules {
  return loadMutated<Modules>(FILES, ...SMALL, ...mutations);
}
