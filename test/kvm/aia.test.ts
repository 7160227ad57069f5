/** KVM's generic code over an AIA: what the recordings of a real kernel do not ask. */
import { describe, expect, test } from 'vitest';
import { AiaBoard } from '../../src/board/aia-board.ts';
import type { RoutingEntry } from '../../src/kvm-abi/routing-entry.ts';
import { CONFIG, createdAia, enableFile, errnoOf, FIRST_PAGE, madeAia, program } from '../aia/rig.ts';

const RISING = 4;
const HIGH = 6;

const msi = (gsi: number, address: number, data: number): RoutingEntry => ({
  gsi,
  type: 2,
  flags: 0,
  address,
  data,
});

describe('an irqfd on RISC-V', () => {
  test('of an MSI and of a source is injected by the thread that writes it', () => {
    const { board, aia } = madeAia();
    enableFile(aia, 1, 5, 7);
    program(aia, 3, RISING, 1, 7);
    board.kvm.setGsiRouting({
      flags: 0,
      entries: [msi(30, FIRST_PAGE + 0x1000, 5), { gsi: 31, type: 1, flags: 0, irqchip: 0, pin: 3 }],
    });
    for (const [fd, gsi] of [30, 31].entries()) board.kvm.irqfd({ fd, gsi, flags: 0, resamplefd: -1 });
    for (const fd of [0, 1]) board.kvm.write(fd);
    expect(board.vm.irqfds.anyPending).toBe(false);
    expect([board.file(1).claim(), board.file(1).claim(), board.file(1).claim()]).toEqual([5, 7, 0]);
  });

  test('of an MSI whose route is older than the device finds its file once the device is initialised', () => {
    const { board, aia, set } = createdAia({ vcpus: 1 });
    board.kvm.setGsiRouting({ flags: 0, entries: [msi(30, FIRST_PAGE, 5)] });
    board.kvm.irqfd({ fd: 0, gsi: 30, flags: 0, resamplefd: -1 });
    board.kvm.write(0);
    board.vm.irqfds.dispatchPending();
    set(1, 1, FIRST_PAGE);
    set(2, 0);
    enableFile(aia, 0, 5);
    expect(board.file(0).claim(), 'a signal from before').toBe(0);
    board.kvm.write(0);
    expect([board.vm.irqfds.anyPending, board.file(0).claim()]).toEqual([false, 5]);
  });

  test('that resamples is never told: no end of interrupt reaches the APLIC', () => {
    const { board, aia } = madeAia();
    enableFile(aia, 0, 9);
    program(aia, 4, HIGH, 0, 9);
    board.kvm.irqfd({ fd: 0, gsi: 4, flags: 2, resamplefd: 1 });
    for (let round = 0; round < 2; round++) {
      board.kvm.write(0);
      expect(board.file(0).claim()).toBe(9);
      expect(board.vm.serveAcks()).toBe(0);
    }
    expect([board.vm.irqfds.eventfd(1).tryRead() ?? 0n, aia.aplic.read(0x1d00)]).toEqual([0n, 1 << 4]);
    // The last resampler lowers the line.
    board.kvm.irqfd({ fd: 0, gsi: 4, flags: 1, resamplefd: -1 });
    expect(aia.aplic.read(0x1d00)).toBe(0);
  });
});

test('a level that stays up is sent once; software asks for it again, and gets nothing once the line is down', () => {
  const { board, aia } = madeAia();
  enableFile(aia, 0, 9);
  program(aia, 4, HIGH, 0, 9);
  board.kvm.irqLine(4, 1);
  expect([board.file(0).claim(), board.file(0).claim()]).toEqual([9, 0]);
  expect(aia.aplic.read(0x1d00), 'the rectified input').toBe(1 << 4);
  aia.aplic.write(0x2000, 4);
  expect(board.file(0).claim()).toBe(9);
  board.kvm.irqLine(4, 0);
  aia.aplic.write(0x2000, 4);
  expect(board.file(0).claim()).toBe(0);
});

test('an MSI goes by all bits of its address, to the page of guest 0', () => {
  const high = 0x12_0000_0000;
  const { board, aia, set } = createdAia();
  set(0, 6, 2);
  set(0, 5, 1);
  set(1, 1, high);
  set(1, 2, high + 0x4000);
  set(2, 0);
  enableFile(aia, 0, 5);
  enableFile(aia, 1, 5);
  const signal = (address: number) =>
    errnoOf(() => board.kvm.signalMsi({ address, data: 5, flags: 0, deviceId: 0 }));
  expect(signal(0x4000), 'no vCPU').toBe('0');
  expect(signal(high + 0x5000), 'guest 1').toBe('ENODEV');
  expect(signal(high + 0x4000)).toBe('0');
  expect([board.file(0).claim(), board.file(1).claim()]).toEqual([0, 5]);
});

test('a board with an AIA says what it can, and refuses sizes that none can have', () => {
  const { board } = madeAia();
  expect(board.kvm.checkExtension('KVM_CAP_IRQFD')).toBe(1);
  expect(board.kvm.checkExtension('KVM_CAP_MSI_DEVID')).toBe(0);
  expect(errnoOf(() => board.kvm.createDevice({ type: 7, flags: 0 }))).toBe('ENODEV');
  program(board.seenBy(1).aia, 3, RISING, 1, 7);
  enableFile(board.aia, 1, 7);
  board.kvm.irqLine(3, true);
  expect(board.seenBy(1).file(1).claim()).toBe(7);
  for (const [wrong, message] of [
    [{ vcpus: 513 }, 'vcpus is a whole number from 1 to 512, not 513'],
    [{ ids: 64 }, 'ids is one less than a multiple of 64, from 63 to 2047, not 64'],
  ] as const)
    expect(() => AiaBoard.create({ ...CONFIG, ...wrong })).toThrow(message);
});
