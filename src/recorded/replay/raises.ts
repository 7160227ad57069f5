import type { DeviceId } from '../../arch/intid.ts';
import { encodeCommand } from '../../arch/its-command.ts';
import type { InterruptHistories, InterruptHistory, Raise } from './interrupt-histories.ts';
import type { Item, ItemFields } from './replay-items.ts';
import { ACTION } from './script.ts';
import { eventKey, type Key, type SubmittedInt } from './touches.ts';

/** The command that {@link Raises} puts in place of an INT. */
export const NO_COMMAND: readonly number[] = encodeCommand({ name: 'SYNC', rdbase: 0 });

/**
 * The INT commands of a recording. An INT whose interrupt is taken before anything else concerns it keeps its place. An
 * INT that was pending over a write must not be taken earlier, and a command cannot be moved: the equivalent MSI after
 * the write replaces it. An INT whose interrupt was dropped before a vCPU took it is left out.
 */
export class Raises {
  readonly #histories: InterruptHistories;
  readonly #noCommand: number;
  readonly #threadOf: (deviceId: DeviceId) => number;
  /** INT commands in the queue, not submitted yet. */
  #laid: Item[] = [];

  /**
   * @param noCommand - the index of {@link NO_COMMAND} among the script's commands
   * @param threadOf - the thread that writes the messages of a device
   */
  constructor(histories: InterruptHistories, noCommand: number, threadOf: (deviceId: DeviceId) => number) {
    this.#histories = histories;
    this.#noCommand = noCommand;
    this.#threadOf = threadOf;
  }

  /** Records an INT that was written into the queue. */
  lay(command: Item): void {
    this.#laid.push(command);
  }

  /** The INTs that `write` submits, by their interrupts. */
  submit(write: Item, ints: readonly SubmittedInt[]): Submission {
    const commands = this.#laid;
    if (ints.length > 0) this.#laid = [];
    const byKey = new Map<Key, (Raise & Pick<SubmittedInt, 'isAlone'>)[]>();
    ints.forEach(({ key, deviceId, eventId, isAlone }, index) => {
      const command = commands[index];
      if (key === undefined || !command) return;
      byKey.set(key, [...(byKey.get(key) ?? []), { command, write, deviceId, eventId, isAlone }]);
    });
    return byKey;
  }

  /** Updates the INTs of one interrupt after the replay of `write`, which concerns that interrupt. */
  pass(key: Key, history: InterruptHistory, write: Item, submitted: Submission): void {
    const own = submitted.get(key) ?? [];
    const isPending = this.#histories.isPending(key);
    const isRaisedAgain = own.length > 0 && own.every(({ isAlone }) => isAlone);
    const stay: Raise[] = [];
    const withdraw = (raise: Raise) => {
      if (isPending) history.pending.push(this.#move(raise, write));
      else this.#leaveOut(raise);
    };
    for (const raise of history.raised) {
      if (isPending && isRaisedAgain) stay.push(raise);
      else withdraw(raise);
    }
    for (const raise of own) {
      if (!raise.isAlone) withdraw(raise);
      else if (isPending) stay.push(raise);
    }
    history.raised = stay;
  }

  /** Leaves out INTs that no vCPU took. */
  leaveOut(history: InterruptHistory): void {
    for (const raise of history.raised) this.#leaveOut(raise);
    history.raised = [];
  }

  #leaveOut({ command }: Raise): void {
    command.a = this.#noCommand;
    this.#histories.leftOut++;
  }

  #move({ command, deviceId, eventId }: Raise, write: Item): Item {
    command.a = this.#noCommand;
    const fields: ItemFields = {
      row: command.row,
      position: write.position + 0.25,
      action: ACTION.msi,
      thread: this.#threadOf(deviceId),
      a: deviceId,
      b: eventId,
      lane: eventKey(deviceId, eventId),
    };
    const message = this.#histories.add(fields);
    message.causes.add(write);
    return message;
  }
}

export type Submission = ReadonlyMap<Key, readonly (Raise & Pick<SubmittedInt, 'isAlone'>)[]>;
export const NOTHING_SUBMITTED: Submission = new Map();
