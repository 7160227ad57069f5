import type { Intid, VcpuId } from '../../arch/intid.ts';
import type { Machine } from '../../board/machine.ts';
import { migrate } from '../../board/migration.ts';
import type { Delivery } from './noticeboard.ts';
import type { ProgramKey } from './programs.ts';
import type { RestoredActive } from './programs-inject.ts';
import { type LpiStress, PENDING_LPIS } from './programs-its.ts';
import { injectAll, injectNone, restoreActive, type Userspace } from './userspace.ts';

/** A part of a test: every vCPU runs the program once, in a thread of its own. */
export type Part = {
  readonly program: ProgramKey;
  readonly options?: unknown;
  /** Runs on the main thread before the threads start. */
  readonly before?: (machine: Machine) => void;
  /** Runs on the main thread while the threads run. */
  readonly userspace?: Userspace;
  /** Device threads that send messages. */
  readonly senders?: LpiStress;
  /** Runs after the threads have ended; returns the machine for the next part. */
  readonly after?: (machine: Machine) => Machine;
};

/** A guest and its expected deliveries. */
export type GuestTest = {
  readonly name: string;
  /** The original test, and its assertion. */
  readonly about: string;
  readonly vcpus: number;
  readonly parts: readonly Part[];
  /** The exact deliveries: any other delivery fails the test. */
  readonly expected: readonly Delivery[];
};

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index);
const one = (vcpu: VcpuId, intid: Intid, times = 1): Delivery => ({ vcpu, intid, times });

const STRESS: LpiStress = { devices: 8, events: 16, rounds: 20, threads: 2 };
const SPIS = 224;

const RESTORED: readonly RestoredActive[] = [
  { intid: 40, edge: true, eoiMode: 0 },
  { intid: 50, edge: true, eoiMode: 1 },
  { intid: 60, edge: false, eoiMode: 0 },
  { intid: 70, edge: false, eoiMode: 1 },
];

/** The tests of kvm-unit-tests and of the kernel's selftests for a GICv3 and its ITS. @see gicv3-its-model, section 12 */
export const GUESTS: readonly GuestTest[] = [
  {
    name: 'ipi-self',
    about: 'kvm-unit-tests gicv3-ipi: an SGI to the sender comes once, and to no other vCPU',
    vcpus: 4,
    parts: [{ program: 'ipiSelf' }],
    expected: [one(0, 1)],
  },
  {
    name: 'ipi-list',
    about: 'kvm-unit-tests gicv3-ipi: an SGI to a list comes once to each vCPU of it',
    vcpus: 4,
    parts: [{ program: 'ipiList' }],
    expected: [one(0, 2), one(2, 2)],
  },
  {
    name: 'ipi-broadcast',
    about: 'kvm-unit-tests gicv3-ipi: an SGI to all others comes once to each, and not to the sender',
    vcpus: 4,
    parts: [{ program: 'ipiBroadcast' }],
    expected: upTo(4).flatMap((from) => upTo(4).flatMap((to) => (to === from ? [] : [one(to, 3 + from)]))),
  },
  {
    name: 'active',
    about: 'kvm-unit-tests gicv3-active: ICACTIVER ends the active state without DIR, and it can come again',
    vcpus: 2,
    parts: [{ program: 'activeCleared' }],
    expected: [one(0, 4, 3)],
  },
  {
    name: 'its-introspection',
    about: 'kvm-unit-tests its-introspection: what the ITS says of itself',
    vcpus: 1,
    parts: [{ program: 'introspection', options: { idBits: 16 } }],
    expected: [],
  },
  {
    name: 'its-trigger',
    about: 'kvm-unit-tests its-trigger: INT, INV, INVALL and MAPD V=0',
    vcpus: 4,
    parts: [{ program: 'trigger' }],
    expected: [one(3, 8195, 3), one(2, 8196)],
  },
  {
    name: 'its-migration',
    about: 'kvm-unit-tests its-migration: mappings deliver after the machine was saved and restored',
    vcpus: 4,
    parts: [{ program: 'migrationBefore', after: migrate }, { program: 'migrationAfter' }],
    expected: [one(3, 8195, 2), one(2, 8196, 2)],
  },
  {
    name: 'its-pending-migration',
    about:
      'kvm-unit-tests its-pending-migration: LPIs pending in the tables come after the machine was moved',
    vcpus: 2,
    parts: [{ program: 'pendingBefore', after: migrate }, { program: 'pendingAfter' }],
    expected: upTo(PENDING_LPIS).map((index) => one(index % 2, 8192 + index)),
  },
  {
    name: 'its-migrate-unmapped-collection',
    about: 'kvm-unit-tests: an event whose collection is mapped only after the machine was moved',
    vcpus: 2,
    parts: [{ program: 'lateCollectionBefore', after: migrate }, { program: 'lateCollectionAfter' }],
    expected: [one(0, 8192)],
  },
  {
    name: 'vgic-irq-injection',
    about: 'selftest vgic_irq: every INTID by ISPENDR, KVM_IRQ_LINE, irqfd, and ISPENDR from userspace',
    vcpus: 2,
    parts: [{ program: 'injection', userspace: injectAll }],
    expected: upTo(32 + SPIS).map((intid) => {
      if (intid < 16) return one(0, intid, 2);
      return intid < 32 ? one(0, intid, 3) : one(intid % 2, intid, 4);
    }),
  },
  {
    name: 'vgic-irq-preemption',
    about: 'selftest vgic_irq: 31 nested priorities preempt, and unwind in order',
    vcpus: 1,
    parts: [{ program: 'preemption' }],
    expected: [...upTo(31).map((level) => one(0, 32 + level))],
  },
  {
    name: 'vgic-irq-injection-failure',
    about: 'selftest vgic_irq: interrupts that are not there are refused, and nothing comes',
    vcpus: 1,
    parts: [{ program: 'nothingComes', userspace: injectNone }],
    expected: [],
  },
  {
    name: 'vgic-irq-restore-active',
    about:
      'selftest vgic_irq: an active state that userspace restores counts; edge and level, EOImode 0 and 1',
    vcpus: 2,
    parts: RESTORED.map((options) => ({
      program: 'restoredActive',
      options,
      before: (machine) => restoreActive(machine, options),
    })),
    expected: RESTORED.flatMap(({ intid }) => [one(0, intid), one(0, intid + 1), one(0, intid + 2)]),
  },
  {
    name: 'vgic-irq-asym-dir',
    about: 'selftest vgic_irq: DIR on another vCPU deactivates',
    vcpus: 2,
    parts: [{ program: 'asymmetricDir' }],
    expected: [one(0, 40, 2)],
  },
  {
    name: 'vgic-irq-group',
    about: 'selftest vgic_irq: an SGI of group 0 waits for IGRPEN0',
    vcpus: 1,
    parts: [{ program: 'group0' }],
    expected: [one(0, 8)],
  },
  {
    name: 'vgic-lpi-stress',
    about: 'selftest vgic_lpi_stress: every KVM_SIGNAL_MSI returns 1, and its LPI is acknowledged',
    vcpus: 4,
    parts: [{ program: 'lpiStress', options: STRESS, senders: STRESS }],
    expected: upTo(STRESS.devices * STRESS.events).map((index) =>
      one((8192 + index) % 4, 8192 + index, STRESS.rounds),
    ),
  },
];
