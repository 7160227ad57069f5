/** KVM's generic code over the second irqchip: routing, irqfds, resamplers and MSIs of an x86 VM. */
import { describe, expect, test } from 'vitest';
import { ApicBoard, type ApicBoardConfig } from '../../src/board/apic-board.ts';
import { KvmError } from '../../src/kvm/kvm-error.ts';
import type { RoutingEntry } from '../../src/kvm-abi/routing-entry.ts';
import { X86KvmVm } from '../../src/kvm-abi/x86-kvm-vm.ts';
import { LEVEL, MASK, program } from '../apic/rig.ts';

const CONFIG: ApicBoardConfig = { vcpus: 2, eventfds: 8, threads: 2, dispatch: 'inline' };
const MSI_TO_1 = 0xfee0_1000;

/** Structs as userland fills them. */
const wire = (gsi: number, pin: number, irqchip = 2): RoutingEntry => ({
  gsi,
  type: 1,
  flags: 0,
  irqchip,
  pin,
});
const msi = (gsi: number, address: number, data: number): RoutingEntry => ({
  gsi,
  type: 2,
  flags: 0,
  address,
  data,
});

function ready(config: Partial<ApicBoardConfig> = {}): ApicBoard {
  const board = ApicBoard.create({ ...CONFIG, ...config });
  board.vm.createIrqchip();
  for (const local of board.apic.local) local.enable();
  return board;
}

/** Takes what a vCPU is signalled, and ends it. */
function takeOne(board: ApicBoard, vcpu: number): number {
  const vector = board.local(vcpu).acknowledge();
  if (vector >= 0) board.endOfInterrupt(vcpu);
  return vector;
}

function errnoOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof KvmError) return error.errno;
    throw error;
  }
  return '0';
}

const write = (board: ApicBoard, fd: number) => board.vm.irqfds.write(fd);
const read = (board: ApicBoard, fd: number) => Number(board.vm.irqfds.eventfd(fd).tryRead() ?? 0n);

test('the calls of a VMM on x86, with their structs and KVM_IRQ_LINE_STATUS', () => {
  const board = ApicBoard.create(CONFIG);
  const vmm = new X86KvmVm(board.vm);
  expect(errnoOf(() => vmm.irqLine(5, 1))).toBe('ENXIO');
  vmm.createIrqchip();
  for (const local of board.apic.local) local.enable();
  vmm.setGsiRouting({ flags: 0, entries: [wire(5, 5), msi(30, MSI_TO_1, 0x41)] });
  expect(vmm.irqLineStatus(5, 1), 'masked').toBe(-1);
  vmm.irqLine(5, 0);
  program(board.apic, 5, 0x51);
  expect([vmm.irqLineStatus(5, 1), vmm.irqLineStatus(5, 1), vmm.irqLineStatus(5, 0)]).toEqual([1, 0, 1]);
  const irqfd = { fd: 0, gsi: 30, flags: 0, resamplefd: -1 };
  vmm.irqfd(irqfd);
  expect(errnoOf(() => vmm.irqfd(irqfd))).toBe('EBUSY');
  expect(errnoOf(() => vmm.irqfd({ ...irqfd, flags: 4 }))).toBe('EINVAL');
  vmm.write(0);
  expect([takeOne(board, 0), takeOne(board, 1)]).toEqual([0x51, 0x41]);
  vmm.irqfd({ ...irqfd, flags: 1 });
  vmm.write(0);
  expect(takeOne(board, 1)).toBe(-1);
  expect(vmm.signalMsi({ address: MSI_TO_1, data: 0x42, flags: 0, deviceId: 0 })).toBe(1);
  expect(vmm.checkExtension('KVM_CAP_IRQ_INJECT_STATUS')).toBe(1);
  expect(vmm.checkExtension('KVM_CAP_MSI_DEVID')).toBe(0);
  expect(vmm.checkExtension('KVM_CAP_ARM_USER_IRQ')).toBe(0);
  expect(vmm.checkExtension('KVM_CAP_IRQFD_RESAMPLE')).toBe(1);
});

describe('KVM_CREATE_IRQCHIP', () => {
  test('comes before everything: lines ENXIO, the rest EINVAL; a second one is EEXIST', () => {
    const board = ApicBoard.create(CONFIG);
    const { vm } = board;
    const message = { address: MSI_TO_1, data: 0x41, flags: 0, deviceId: 0 };
    expect(errnoOf(() => vm.irqLine(0, true))).toBe('ENXIO');
    expect(errnoOf(() => board.setGsiRouting({ flags: 0, entries: [] }))).toBe('EINVAL');
    expect(errnoOf(() => vm.assignIrqFd(0, 0))).toBe('EINVAL');
    expect(errnoOf(() => vm.signalMsi(message))).toBe('EINVAL');
    vm.createIrqchip();
    expect(errnoOf(() => vm.createIrqchip())).toBe('EEXIST');
    expect(errnoOf(() => vm.assignIrqFd(0, 0))).toBe('0');
  });

  test('puts the default table in force: GSI n leads to pin n of the IOAPIC, for 24 pins', () => {
    const entries = ready().vm.routing.entries();
    const pins = Array.from({ length: 24 }, (_, n) => ({ type: 'irqchip', gsi: n, irqchip: 2, pin: n }));
    expect(entries).toEqual(pins);
  });
});

describe('KVM_SET_GSI_ROUTING on x86', () => {
  test('takes pins 0 to 23 of irqchip 2, and MSIs; the PIC and pin 24 are EINVAL', () => {
    const board = ready();
    const set = (entry: RoutingEntry) => errnoOf(() => board.setGsiRouting({ flags: 0, entries: [entry] }));
    expect(set(wire(300, 23))).toBe('0');
    expect(set(msi(301, MSI_TO_1, 0x41))).toBe('0');
    for (const refused of [wire(0, 0, 0), wire(0, 0, 1), wire(0, 0, 3), wire(0, 24), wire(4096, 0)])
      expect(set(refused), JSON.stringify(refused)).toBe('EINVAL');
    expect(board.vm.routing.entries()).toMatchObject([{ type: 'msi', gsi: 301, data: 0x41 }]);
  });

  test('a table that is replaced leads the same irqfd elsewhere', () => {
    const board = ready();
    board.setGsiRouting({ flags: 0, entries: [msi(40, MSI_TO_1, 0x41)] });
    board.vm.assignIrqFd(0, 40);
    write(board, 0);
    board.setGsiRouting({ flags: 0, entries: [msi(40, 0xfee0_0000, 0x52)] });
    write(board, 0);
    expect([takeOne(board, 1), takeOne(board, 0), takeOne(board, 1)]).toEqual([0x41, 0x52, -1]);
  });
});

describe('KVM_IRQ_LINE_STATUS', () => {
  test('an edge is delivered, coalesces while the line is up, and is ignored while the pin is masked', () => {
    const board = ready();
    const { vm } = board;
    expect(vm.irqLine(4, true), 'masked').toBe(-1);
    expect(vm.irqLine(4, true), 'behind an edge that the mask holds').toBe(0);
    vm.irqLine(4, false);
    program(board.apic, 4, 0x41, 1);
    expect([vm.irqLine(4, true), vm.irqLine(4, true), vm.irqLine(4, false)]).toEqual([1, 0, 1]);
    expect(takeOne(board, 1)).toBe(0x41);
    expect(vm.irqLine(4, true)).toBe(1);
  });

  test('a level is delivered, and ignored until its EOI, which delivers it again while the line is up', () => {
    const board = ready();
    const { vm } = board;
    program(board.apic, 4, 0x41 + LEVEL);
    expect([vm.irqLine(4, true), vm.irqLine(4, true)]).toEqual([1, -1]);
    expect([takeOne(board, 0), takeOne(board, 0)]).toEqual([0x41, 0x41]);
    vm.irqLine(4, false);
    // The delivery of the last EOI, which came before the line was lowered.
    expect([takeOne(board, 0), takeOne(board, 0)]).toEqual([0x41, -1]);
  });

  test('counts the vCPUs of a destination, goes by the table, and finds no route for a GSI without one', () => {
    const board = ready();
    program(board.apic, 7, 0x41, 0xff);
    board.setGsiRouting({ flags: 0, entries: [wire(200, 7)] });
    expect([board.vm.irqLine(200, true), board.vm.irqLine(7, true)]).toEqual([2, -1]);
    expect(board.vm.irqLine(0xffff_ffff, true)).toBe(-1);
  });
});

describe('an irqfd on x86', () => {
  test('of an MSI is injected by the thread that writes it', () => {
    const board = ready();
    board.setGsiRouting({ flags: 0, entries: [msi(30, MSI_TO_1, 0x61)] });
    board.vm.assignIrqFd(0, 30);
    write(board, 0);
    expect(board.vm.irqfds.anyPending).toBe(false);
    expect([takeOne(board, 1), takeOne(board, 1), read(board, 0)]).toEqual([0x61, -1, 0]);
  });

  test('of a pin is left to the main thread, which raises and lowers the line', () => {
    const board = ready();
    program(board.apic, 9, 0x41);
    board.vm.assignIrqFd(0, 9);
    for (let n = 0; n < 3; n++) {
      write(board, 0);
      expect(takeOne(board, 0)).toBe(-1);
      expect(board.vm.irqfds.dispatchPending()).toBe(1);
      expect([takeOne(board, 0), takeOne(board, 0)]).toEqual([0x41, -1]);
    }
  });

  test('that is deassigned leaves later writes in its eventfd', () => {
    const board = ready();
    board.vm.assignIrqFd(0, 9);
    board.vm.deassignIrqFd(0, 9);
    write(board, 0);
    expect([board.vm.irqfds.dispatchPending(), read(board, 0)]).toEqual([0, 1]);
  });
});

describe('a resampling irqfd on x86', () => {
  /** Two devices on one level-triggered pin, each with a resamplefd. */
  function shared() {
    const board = ready();
    program(board.apic, 10, 0x51 + LEVEL);
    board.vm.assignIrqFd(0, 10, { resamplefd: 1 });
    board.vm.assignIrqFd(2, 10, { resamplefd: 3 });
    const signal = (fd: number) => {
      write(board, fd);
      board.vm.irqfds.dispatchPending();
    };
    return { board, signal };
  }

  test('holds the line until the EOI, which lowers it once and tells every device of it', () => {
    const { board, signal } = shared();
    signal(0);
    signal(2);
    expect(board.apic.ioapic.pending).toBe(1 << 10);
    expect([takeOne(board, 0), takeOne(board, 0)]).toEqual([0x51, -1]);
    expect([board.apic.ioapic.pending, read(board, 1), read(board, 3)]).toEqual([0, 1, 1]);
  });

  test('is delivered again where its device still has something to say', () => {
    const { board, signal } = shared();
    for (let round = 0; round < 3; round++) {
      signal(2);
      expect(takeOne(board, 0)).toBe(0x51);
      expect([read(board, 1), read(board, 3)]).toEqual([1, 1]);
    }
    expect(takeOne(board, 0)).toBe(-1);
  });

  test('does not lower what userland holds up with KVM_IRQ_LINE: the sources of a line are ORed', () => {
    const { board, signal } = shared();
    board.vm.irqLine(10, true);
    signal(0);
    expect([takeOne(board, 0), read(board, 1)]).toEqual([0x51, 1]);
    expect(board.apic.ioapic.pending, "userland's level").toBe(1 << 10);
    expect(board.local(0).isRequested(0x51), 'delivered again by the EOI').toBe(true);
    board.vm.irqLine(10, false);
    expect(board.apic.ioapic.pending).toBe(0);
  });

  test('on an edge-triggered pin is told of each end, too', () => {
    const board = ready();
    program(board.apic, 11, 0x42);
    board.vm.assignIrqFd(0, 11, { resamplefd: 1 });
    for (let round = 0; round < 2; round++) {
      write(board, 0);
      board.vm.irqfds.dispatchPending();
      expect([takeOne(board, 0), read(board, 1)]).toEqual([0x42, 1]);
    }
  });

  test('leaves no line up when it is deassigned, and hears of no end afterwards', () => {
    const { board, signal } = shared();
    signal(0);
    board.vm.deassignIrqFd(2, 10);
    expect(board.apic.ioapic.pending, 'while the other holds it').toBe(1 << 10);
    board.vm.deassignIrqFd(0, 10);
    expect(board.apic.ioapic.pending).toBe(0);
    expect([takeOne(board, 0), read(board, 1), read(board, 3)]).toEqual([0x51, 0, 0]);
    expect(board.apic.ioapic.isWatched(10)).toBe(false);
  });

  test('follows its GSI to another pin', () => {
    const { board, signal } = shared();
    program(board.apic, 12, 0x61 + LEVEL, 1);
    board.setGsiRouting({ flags: 0, entries: [wire(10, 12)] });
    expect([board.apic.ioapic.isWatched(10), board.apic.ioapic.isWatched(12)]).toEqual([false, true]);
    signal(0);
    expect([takeOne(board, 1), read(board, 1)]).toEqual([0x61, 1]);
  });
});

describe('KVM_SIGNAL_MSI on x86', () => {
  const signal = ({ vm }: ApicBoard, address: number, data: number, flags = 0) =>
    vm.signalMsi({ address, data, flags, deviceId: 0 });

  test('answers how many vCPUs took it', () => {
    const board = ready();
    expect([signal(board, MSI_TO_1, 0x41), signal(board, 0xfeef_f000, 0x42)]).toEqual([1, 2]);
    board.local(1).spuriousVector = 0xff;
    expect(signal(board, MSI_TO_1, 0x43)).toBe(0);
    expect([takeOne(board, 1), takeOne(board, 0)]).toEqual([0x42, 0x42]);
  });

  test('is EPERM where no vCPU has the destination, EINVAL for an unknown flag; a DeviceID means nothing', () => {
    const board = ready();
    expect(errnoOf(() => signal(board, 0xfee0_9000, 0x41))).toBe('EPERM');
    expect(errnoOf(() => signal(board, MSI_TO_1, 0x41, 2))).toBe('EINVAL');
    expect(signal(board, MSI_TO_1, 0x41, 1)).toBe(1);
  });

  test('takes vectors by class, and a class that is in service holds back its own and those below', () => {
    const board = ready();
    for (const vector of [0x31, 0x45, 0x43]) signal(board, MSI_TO_1, vector);
    const local = board.local(1);
    expect([local.acknowledge(), local.acknowledge()]).toEqual([0x45, -1]);
    signal(board, MSI_TO_1, 0x90);
    expect([local.acknowledge(), local.acknowledge()]).toEqual([0x90, -1]);
    board.endOfInterrupt(1);
    expect(local.acknowledge()).toBe(-1);
    board.endOfInterrupt(1);
    expect([takeOne(board, 1), takeOne(board, 1), takeOne(board, 1)]).toEqual([0x43, 0x31, -1]);
  });
});

describe('a board with an IOAPIC', () => {
  test('is the same to every view of it', () => {
    const board = ready();
    const other = board.seenBy(1);
    program(other.apic, 3, 0x41, 1);
    expect(board.vm.irqLine(3, true)).toBe(1);
    expect(takeOne(other, 1)).toBe(0x41);
  });

  test.each([
    [{ vcpus: 256 }, 'vcpus is a whole number from 1 to 255, not 256'],
    [{ eventfds: 0 }, 'eventfds is a whole number from 1 to 65534, not 0'],
    [{ gsis: 4097 }, 'gsis is a whole number from 1 to 4096, not 4097'],
  ])('refuses sizes that none can have: %j', (wrong, message) => {
    expect(() => ApicBoard.create({ ...CONFIG, ...wrong })).toThrow(message);
  });

  test('a masked level comes when it is unmasked', () => {
    const board = ready();
    program(board.apic, 3, 0x41 + LEVEL + MASK);
    expect(board.vm.irqLine(3, true)).toBe(-1);
    program(board.apic, 3, 0x41 + LEVEL);
    expect(takeOne(board, 0)).toBe(0x41);
  });
});
