import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bootable } from './kernels.ts';

/**
 * The longest that an answer may take, ms: a boot of a kernel under emulation on a loaded machine included. Time in which this
 * process did not run, because it was stopped, does not count: its kernel was stopped as well.
 */
const PATIENCE_MS = 180_000;
/** The longest that one try counts, ms. */
const ONE_TRY_MS = 50;
const NAP = new Int32Array(new SharedArrayBuffer(4));

const machineOf = (gic: 2 | 3) => [
  ...['-M', `virt,virtualization=on,gic-version=${gic}`, '-cpu', 'cortex-a57', '-m', '768', '-nodefaults'],
  ...['-display', 'none', '-serial', 'stdio', '-append', 'console=ttyAMA0 rdinit=/init quiet'],
];

/**
 * A real kernel with KVM, booted in an emulator, whose /init obeys one command a line (see init.c). Everything is
 * synchronous: commands without an answer are only sent, a command with an answer waits for it, so that the target of a
 * vector can be synchronous as well.
 */
export class LiveKernel {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #in: number;
  readonly #out: number;
  readonly #patienceMs: number;
  readonly #chunk = Buffer.alloc(1 << 16);
  #text = '';
  #ended = false;
  /** What /init said went wrong, since the last look. */
  readonly complaints: string[] = [];
  /** The kernel's own name of its version, such as `6.1.0-57-arm64`. */
  readonly release: string;

  /**
   * @param processors - of the emulated machine; more than one only for what is concurrent
   * @param gic - version of the host's GIC: a GICv2 of KVM needs a host with one
   */
  constructor(boots: Bootable, processors = 1, gic: 2 | 3 = 3) {
    const { kernel, initrd, emulator = 'qemu-system-aarch64', machine = machineOf(gic) } = boots;
    this.#patienceMs = boots.patienceMs ?? PATIENCE_MS;
    this.#folder = mkdtempSync(join(tmpdir(), 'irqloom-kernel-'));
    const [input, output] = ['in', 'out'].map((name) => join(this.#folder, name));
    execFileSync('mkfifo', [input ?? '', output ?? '']);
    this.#in = openSync(input ?? '', constants.O_RDWR | constants.O_NONBLOCK);
    this.#out = openSync(output ?? '', constants.O_RDWR | constants.O_NONBLOCK);
    this.#process = spawn(
      emulator,
      [...machine, '-smp', String(processors), '-kernel', kernel, '-initrd', initrd],
      { stdio: [this.#in, this.#out, 'ignore'] },
    );
    process.once('exit', this.#kill);
    const ready = this.answer('the boot');
    if (!/^ready \d+/.test(ready)) throw new Error(`/init could not open /dev/kvm: it says "${ready}"`);
    this.release = this.ask('Y');
  }

  readonly #kill = () => this.#process.kill('SIGKILL');

  /** Sends a command that has no answer. */
  send(command: string): void {
    const bytes = Buffer.from(`${command}\n`);
    for (let at = 0; at < bytes.length; ) at += this.#try(() => writeSync(this.#in, bytes, at), command);
  }

  /** Sends a command and waits for its answer. @throws Error where there is none within the kernel's patience */
  ask(command: string): string {
    this.send(command);
    return this.answer(command);
  }

  /** Waits for the answer to a command that was sent. */
  answer(command: string): string {
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end < 0) {
        const bytes = this.#try(() => readSync(this.#out, this.#chunk), command);
        this.#text += this.#chunk.toString('latin1', 0, bytes);
        continue;
      }
      const line = this.#text.slice(0, end).trim();
      this.#text = this.#text.slice(end + 1);
      if (line.startsWith('=')) return line.slice(1).trim();
      if (line !== '') this.complaints.push(line);
    }
  }

  /** Repeats a call that is not ready yet. */
  #try(call: () => number, command: string): number {
    let waited = 0;
    for (let tries = 0, last = Date.now(); ; tries++) {
      if (this.#ended) throw new Error('the kernel was stopped');
      try {
        return call();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      }
      const now = Date.now();
      waited += Math.min(now - last, ONE_TRY_MS);
      last = now;
      if (waited > this.#patienceMs) {
        this.stop();
        throw new Error(
          `the kernel has not answered "${command.slice(0, 80)}" within ${this.#patienceMs / 1000} s`,
        );
      }
      if (tries > 20) Atomics.wait(NAP, 0, 0, tries > 2000 ? 2 : 0.1);
    }
  }

  stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#kill();
    process.removeListener('exit', this.#kill);
    closeSync(this.#in);
    closeSync(this.#out);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
