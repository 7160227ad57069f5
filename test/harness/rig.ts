import { afterEach } from 'vitest';
import { type BootedMachine, type BootOptions, boot } from '../../src/index.ts';

/** A module of the fixtures. */
export const fixture = (name: string) => new URL(`./fixtures/${name}`, import.meta.url);

const open: BootedMachine[] = [];

afterEach(async () => {
  for (const machine of open.splice(0)) await machine.close().catch(() => undefined);
});

/** Boots a machine that the test's end closes. */
export async function booted(options: Omit<Partial<BootOptions>, 'guest'> & { guest?: URL }) {
  const shared = new SharedArrayBuffer(4 * 16_384);
  const guest = fixture('counting-guest.mjs');
  const machine = await boot({ shared, guest, ...options });
  open.push(machine);
  return { machine, words: new Int32Array(shared) };
}

/** Waits until a word has reached a value: the thread that stores the value notifies. */
export async function reached(words: Int32Array<SharedArrayBuffer>, index: number, value: number) {
  for (let now = Atomics.load(words, index); now < value; now = Atomics.load(words, index)) {
    const wait = Atomics.waitAsync(words, index, now, 20_000);
    if ((await wait.value) === 'timed-out')
      throw new Error(`word ${index} is ${Atomics.load(words, index)}, not ${value}`);
  }
}
