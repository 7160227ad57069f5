import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Its } from '../its/its.ts';
import type { Machine } from './machine.ts';
import { restoreSnapshot, takeSnapshot } from './snapshot.ts';

/** The registers that are restored, in KVM's order; CTLR only behind the tables. */
const REGISTERS = [
  ...[gits.IIDR, gits.CBASER, gits.CREADR, gits.CWRITER],
  ...Array.from({ length: 8 }, (_, index) => gits.BASER + 8 * index),
  gits.CTLR,
];

/**
 * Moves an idle machine into a new buffer, as a migration does: writes pending LPIs and the tables of each ITS into
 * the guest's memory, copies the buffer, resets the ITSes in the copy, and restores them from registers and tables.
 *
 * The order is KVM's. Tables are saved while the registers still hold their addresses. Of the registers, CBASER comes
 * first, because it resets the others of the queue; then CREADR, CWRITER, the BASERs, then the tables, then CTLR.
 * @returns the new machine
 * @throws IrqError `ERR_SNAPSHOT` if the guest's tables cannot be saved or restored
 * @see Documentation/virt/kvm-abi/devices/arm-vgic-its.rst, "ITS Restore Sequence"
 */
export function migrate(machine: Machine): Machine {
  machine.gic.lpis.savePendingTables();
  const saved = machine.itses.map((its) => {
    refuse('saved', its.saveTables());
    return REGISTERS.map((offset) => [offset, its.getRegister(offset)] as const);
  });
  const moved = restoreSnapshot(takeSnapshot(machine));
  // An LPI may be mapped by events of several ITSes, so all are reset before one is restored.
  for (const its of moved.itses) its.reset();
  for (const [index, its] of moved.itses.entries()) restore(its, saved[index] ?? []);
  return moved;
}

function restore(its: Its, registers: readonly (readonly [offset: number, value: bigint | string])[]): void {
  for (const [offset, value] of registers) {
    if (typeof value === 'string') refuse('read', value);
    else if (offset !== gits.CTLR) refuse('restored', its.setRegister(offset, value));
  }
  refuse('restored', its.restoreTables());
  const control = registers.find(([offset]) => offset === gits.CTLR)?.[1];
  if (typeof control === 'bigint') refuse('restored', its.setRegister(gits.CTLR, control));
}

function refuse(what: string, errno: string | undefined): void {
  if (errno !== undefined) throw new IrqError('ERR_SNAPSHOT', `the ITS cannot be ${what}: ${errno}`);
}
