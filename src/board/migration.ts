import { gits } from '../arch/registers.ts';
import { IrqError } from '../base/irq-error.ts';
import type { Machine } from './machine.ts';
import { restoreSnapshot, takeSnapshot } from './snapshot.ts';

const BASERS = 8;

/**
 * Moves an idle machine into a new buffer, as a migration does: writes pending LPIs and the tables of the ITS into the
 * guest's memory, copies the buffer, resets the ITS in the copy, and restores the ITS from registers and tables.
 *
 * The order is KVM's. Tables are saved while the registers still hold their addresses. Of the registers, CBASER comes
 * first, because it resets the others of the queue; then CREADR, CWRITER, the BASERs, then the tables, then CTLR.
 * @returns the new machine
 * @throws IrqError `ERR_SNAPSHOT` if the guest's tables cannot be saved or restored
 * @see Documentation/virt/kvm-abi/devices/arm-vgic-its.rst, "ITS Restore Sequence"
 */
export function migrate(machine: Machine): Machine {
  machine.gic.lpis.savePendingTables();
  refuse('saved', machine.its.saveTables());
  const registers = [gits.IIDR, gits.CBASER, gits.CREADR, gits.CWRITER, ...basers(), gits.CTLR].map(
    (offset) => [offset, machine.its.getRegister(offset)] as const,
  );
  const moved = restoreSnapshot(takeSnapshot(machine));
  moved.its.reset();
  for (const [offset, value] of registers) {
    if (typeof value === 'string') refuse('read', value);
    else if (offset !== gits.CTLR) refuse('restored', moved.its.setRegister(offset, value));
  }
  refuse('restored', moved.its.restoreTables());
  const control = registers.find(([offset]) => offset === gits.CTLR)?.[1];
  if (typeof control === 'bigint') refuse('restored', moved.its.setRegister(gits.CTLR, control));
  return moved;
}

const basers = () => Array.from({ length: BASERS }, (_, index) => gits.BASER + 8 * index);

function refuse(what: string, errno: string | undefined): void {
  if (errno !== undefined) throw new IrqError('ERR_SNAPSHOT', `the ITS cannot be ${what}: ${errno}`);
}
