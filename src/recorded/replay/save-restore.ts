import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import { restoreSnapshot, takeSnapshot } from '../../board/snapshot.ts';

const CTLR = 0x0;
const IIDR = 0x4;
const CBASER = 0x80;
const CWRITER = 0x88;
const CREADR = 0x90;
const BASER = 0x100;
const BASERS = 8;

/**
 * Moves a machine that stands still into a new buffer, as a migration does: pending LPIs and the tables of the ITS are
 * written into the guest's memory, the buffer is copied, and in the copy the ITS is reset and made anew from registers
 * and tables.
 *
 * The order is KVM's: tables are saved while the registers still say where they are; of the registers CBASER comes
 * first, because it resets the others of the queue, then CREADR, CWRITER, the BASERs, then the tables, then CTLR.
 * @returns the new machine
 * @throws IrqError `ERR_SNAPSHOT` where the guest's tables cannot be saved or restored
 * @see Documentation/virt/kvm/devices/arm-vgic-its.rst, "ITS Restore Sequence"
 */
export function migrate(machine: Machine): Machine {
  machine.gic.lpis.savePendingTables();
  refuse('saved', machine.its.saveTables());
  const registers = [IIDR, CBASER, CREADR, CWRITER, ...basers(), CTLR].map(
    (offset) => [offset, machine.its.getRegister(offset)] as const,
  );
  const moved = restoreSnapshot(takeSnapshot(machine));
  moved.its.reset();
  for (const [offset, value] of registers) {
    if (typeof value === 'string') refuse('read', value);
    else if (offset !== CTLR) refuse('restored', moved.its.setRegister(offset, value));
  }
  refuse('restored', moved.its.restoreTables());
  const control = registers.find(([offset]) => offset === CTLR)?.[1];
  if (typeof control === 'bigint') refuse('restored', moved.its.setRegister(CTLR, control));
  return moved;
}

const basers = () => Array.from({ length: BASERS }, (_, index) => BASER + 8 * index);

function refuse(what: string, errno: string | undefined): void {
  if (errno !== undefined) throw new IrqError('ERR_SNAPSHOT', `the ITS cannot be ${what}: ${errno}`);
}
