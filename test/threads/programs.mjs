// Guests and programs for the tests of threads; loaded in workers, so they use what is built.
import { IrqError } from '../../dist/src/base/irq-error.js';

export function idleGuest(_machine, vcpu) {
  return {
    boot() {
      vcpu.cpu.priorityMask = 0xf0;
      vcpu.cpu.groupEnable1 = true;
    },
    interrupt() {},
  };
}

export function finishedGuest() {
  return { interrupt() {}, finished: () => true };
}

export function throwingGuest() {
  return {
    interrupt() {},
    finished() {
      throw new Error('the guest is at fault');
    },
  };
}

export function addingProgram(_machine, { a, b }) {
  return { run: () => a + b };
}

export function dyingProgram() {
  return { run: () => process.exit(7) };
}

export function throwingProgram() {
  return {
    run() {
      throw new IrqError('ERR_CONFIG', 'thrown on purpose');
    },
  };
}

export function silentProgram() {
  return {
    run() {
      for (;;);
    },
  };
}

/** Never returns: one turns in a loop, one sleeps. */
export function busyProgram(_machine, { started }) {
  return {
    run() {
      begin(started);
      const turnForEver = () => {
        for (;;);
      };
      turnForEver();
    },
  };
}

export function sleepingProgram(_machine, { started }) {
  return {
    run() {
      begin(started);
      const words = new Int32Array(new SharedArrayBuffer(4));
      const sleepForEver = () => Atomics.wait(words, 0, 0);
      sleepForEver();
    },
  };
}

/** Tells the test that the program runs. */
function begin(started) {
  Atomics.add(started, 0, 1);
  Atomics.notify(started, 0);
}

export function hangingAtBoot() {
  const hangInBoot = () => {
    for (;;);
  };
  return hangInBoot();
}

/** Waits for another thread in vain, as a device waits for a handler. */
export function waitingInVain() {
  return {
    run() {
      throw new IrqError('ERR_THREAD_SILENT', 'no turn within 10 ms');
    },
  };
}
