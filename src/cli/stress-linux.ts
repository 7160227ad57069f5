import { IrqError } from '../base/irq-error.ts';
import { shellWord } from '../base/shell-word.ts';
import type { Fault } from '../board/config.ts';
import { linuxHeld, runLinuxStress } from '../guest-stress/linux.ts';
import type { Dispatch } from '../kvm/irqfds.ts';
import { linuxStressText } from '../report/linux-stress-text.ts';
import { count } from '../report/units.ts';
import { alone } from './config-file.ts';
import { EXIT, interruptible } from './exit.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, say } from './stdout.ts';

type Flags = {
  kernel?: string;
  modules?: string;
  vcpus?: number;
  seconds: number;
  dispatch: Dispatch;
  fault: Fault;
  seed?: number;
  json?: boolean;
};

const VCPUS = 2;
const MOST_VCPUS = 16;

/** `irqloom stress --guest linux`. */
export async function stressLinux(flags: Flags): Promise<number> {
  const { kernel, modules, vcpus = VCPUS, seconds, dispatch, fault } = flags;
  if (kernel === undefined || modules === undefined) {
    throw new IrqError(
      'ERR_USAGE',
      '--guest linux needs --kernel FILE and --modules FOLDER (its /lib/modules/VERSION): "irqloom boot" without arguments says where they come from',
    );
  }
  if (vcpus > MOST_VCPUS)
    throw new IrqError('ERR_USAGE', `--guest linux runs on at most ${MOST_VCPUS} vCPUs, not ${vcpus}`);
  const seed = flags.seed ?? Math.floor(Math.random() * 2 ** 31);
  const line = new ProgressLine();
  line.note(`seed ${seed}; the guest boots first; Ctrl-C ends the run and prints the counts so far`);
  const result = await interruptible((signal) =>
    runLinuxStress(
      { kernel, modules, vcpus, seconds, dispatch, fault, seed },
      {
        signal,
        output: () => undefined,
        glance: (glance) =>
          line.show(() => `${glance.seconds.toFixed(1)} s  signalled ${count(glance.signals)}`),
      },
    ),
  );
  line.clear();
  printResult(result, flags.json ? undefined : () => linuxStressText(result));
  if (!linuxHeld(result)) {
    say(
      `to repeat this: ${alone(`npx irqloom stress --guest linux --kernel ${shellWord(kernel)} --modules ${shellWord(modules)} -v ${vcpus} -s ${seconds} --dispatch ${dispatch} --fault ${fault} --seed ${seed}`)}\n`,
    );
    return EXIT.failed;
  }
  if (result.interrupted) return EXIT.interrupted;
  return result.devices.some(({ counted }) => counted > 0) ? EXIT.held : EXIT.noAnswer;
}
