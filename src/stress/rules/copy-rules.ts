import type { Intid } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Machine } from '../../board/machine.ts';
import { migrate } from '../../board/migration.ts';
import { restoreSnapshot, takeSnapshot } from '../../board/snapshot.ts';
import { NONE } from '../../gic/interrupts.ts';
import { LPI_OFF, LPI_ON } from '../driver/context.ts';
import type { AtRest, Rule } from './at-rest.ts';

/** A copy takes tens of milliseconds: a run makes so many of each kind. */
const MOST_COPIES = 2;

/** A copy of the machine under load has the state of every interrupt, and says the same of every event. */
class Copies {
  #made = 0;

  snapshot(rest: AtRest): boolean {
    if (this.#made >= MOST_COPIES) return false;
    this.#made++;
    const { machine } = rest.context;
    const copy = copyOf(rest);
    if (copy === undefined) return false;
    for (let intid: Intid = 0; intid < machine.gic.interrupts.idLimit; intid++) {
      const at = machine.gic.interrupts.find(0, intid);
      if (at === NONE) continue;
      const [state, copied] = [machine.gic.interrupts.state(at), copy.gic.interrupts.state(at)];
      rest.expect(
        state === copied,
        `INTID ${intid} has the state 0x${copied.toString(16)} in a snapshot, not 0x${state.toString(16)}`,
      );
    }
    return true;
  }

  /** The ITS is saved to the guest's tables and made anew from them; an LPI that is pending and disabled is so in the copy. */
  migration(rest: AtRest): boolean {
    const { collections, targets } = rest.context;
    // MOVALL may have sent the LPI to another vCPU than that of its collection, and the tables hold the collection.
    const chosen = rest.choose('msi', ({ vcpu }, which) => targets.get(collections[which] ?? -1) === vcpu);
    if (this.#made >= MOST_COPIES || !chosen) return false;
    this.#made++;
    const { context } = rest;
    const { intid, deviceId, eventId } = chosen.source;
    context.putConfig(intid, LPI_OFF);
    context.its.send({ name: 'INV', deviceId, eventId });
    rest.stays(chosen, true, () => rest.signal(chosen), 'its LPI is disabled, so a signal waits');
    // Of a copy: saving writes into the guest's memory.
    const snapshot = copyOf(rest);
    const copy = snapshot && migrate(snapshot);
    if (copy !== undefined) this.#compare(rest, copy, intid);
    context.putConfig(intid, LPI_ON);
    rest.arrives(
      chosen,
      () => context.its.send({ name: 'INV', deviceId, eventId }),
      'it was pending when it was enabled',
    );
    return true;
  }

  #compare(rest: AtRest, copy: Machine, intid: Intid): void {
    const { machine } = rest.context;
    const said = (of: typeof machine) => JSON.stringify(of.itses.map((its) => its.mappings()));
    rest.expect(
      said(copy) === said(machine),
      'the events of the ITSes are not the same after their tables were saved and restored',
    );
    const pending = copy.gic.interrupts.state(copy.gic.interrupts.find(0, intid));
    const state = machine.gic.interrupts.state(machine.gic.interrupts.find(0, intid));
    rest.expect(
      pending === state,
      `LPI ${intid} has the state 0x${pending.toString(16)} after a migration, not 0x${state.toString(16)}`,
    );
  }
}

/** A copy of the machine; undefined where a vCPU does not halt in time, or is awake again: then nothing is judged. */
function copyOf(rest: AtRest): Machine | undefined {
  if (!rest.areAllHalted()) return undefined;
  try {
    return restoreSnapshot(takeSnapshot(rest.context.machine, 'copy'));
  } catch (error) {
    if (error instanceof IrqError && error.code === 'ERR_SNAPSHOT') return undefined;
    throw error;
  }
}

export function copyRules(): Rule[] {
  const [snapshots, migrations] = [new Copies(), new Copies()];
  return [
    { name: 'a snapshot is the machine', look: (rest) => snapshots.snapshot(rest) },
    { name: 'an ITS is saved and restored whole', look: (rest) => migrations.migration(rest) },
  ];
}
