import { Command, Option } from 'commander';
import { runApicStress } from '../apic-stress/index.ts';
import { IrqError } from '../base/irq-error.ts';
import { missingInNode } from '../base/node-environment.ts';
import { DISPATCHES, FAULTS } from '../board/config.ts';
import { runBareStress } from '../guest-stress/bare.ts';
import { PERTURBATIONS } from '../memory/perturbation/timing.ts';
import { stressText } from '../report/stress-text.ts';
import { count, rate } from '../report/units.ts';
import {
  CHURNS,
  held,
  LINE_MODES,
  runStress,
  runUntilViolation,
  type StressOptions,
  type StressResult,
  type StressWatch,
  type ViolationWatch,
} from '../stress/index.ts';
import { DESIGN_NAMES } from '../vmm/design.ts';
import { runVpeStress } from '../vpe-stress/index.ts';
import { withExamples } from './examples.ts';
import { EXIT, interruptibleUntil } from './exit.ts';
import { checkGuestFault } from './guest-faults.ts';
import { sharedOption } from './own-code.ts';
import { ProgressLine } from './progress-line.ts';
import { printResult, say } from './stdout.ts';
import { stressLinux } from './stress-linux.ts';
import { checkBare, checkIoApic, checkVpes, refuseOthers } from './stress-modes.ts';
import { DEFAULT_S, IRQCHIPS, optionsOf, ownRecording, type StressFlags } from './stress-options.ts';
import { checkOwn, isOwn, stressOwn } from './stress-own.ts';
import { programSeconds, replayCommand, withPrograms } from './stress-programs.ts';
import { repeatCommand } from './stress-repeat.ts';
import { stressResume } from './stress-resume.ts';
import { stressRotate } from './stress-rotate.ts';
import { StressFollower } from './stress-watch.ts';
import { number, wholeNumber } from './values.ts';

const EXAMPLES = [
  ['stress --dispatch inline --seconds 20', 'twice as long, routed in the signalling threads'],
  ['stress --guest guest.mjs --device device.mjs -v 4', 'your own code on four vCPUs'],
  ['stress --irqchip ioapic --fault lost-ack', "x86's IOAPIC, and one broken rule, which the proof finds"],
  ['stress --gicv4 -v 4', 'vLPIs, vSGIs and doorbells of nine vPEs on four PEs'],
] as const;

/** `irqloom stress`: injects from many threads while the machine is being changed, and proves that nothing was lost. */
export function stressCommand(): Command {
  const command = new Command('stress')
    .summary('inject from many threads and prove that no interrupt was lost, doubled or misrouted')
    .description(
      'Boots a machine whose vCPUs each run in a worker thread, signals its interrupts from device threads while a driver thread moves, masks, remaps and reroutes them, and proves that every signal was followed by its delivery.\n' +
        'Without -v, -d and -e the input is a recorded Linux guest: its own ITS commands set the machine up.',
    )
    .option('-v, --vcpus <n>', 'vCPUs, each a worker thread', wholeNumber(1, 512))
    .option('-d, --devices <n>', 'device threads', wholeNumber(1, 512))
    .option('-e, --events <n>', 'events (MSI vectors) of each device', wholeNumber(1, 4096))
    .option(
      '-i, --iterations <n>',
      'signals of each source, with --device calls of run(device); 0: as many as the time allows',
      wholeNumber(0, 2 ** 31 - 1),
      0,
    )
    .option(
      '-s, --seconds <n>',
      'longest time to inject (default: 8, of which 2 are for --programs; with --thorough 60, of which 30 are)',
      number(0.05, 86_400, 'seconds'),
    )
    .option('--thorough', 'take a minute: half of it for --programs')
    .option(
      '--programs <seconds>',
      'once the run has held, draw programs of a few threads for a small machine for so long, and run each under schedules of the explorer (default: 2; 30 with --thorough; 0 with --seconds, or with a guest, an irqchip, a fault or delays of your choice)',
      number(0, 86_400, 'seconds'),
    )
    .option(
      '--until-covered <n>',
      'end when the run met no new part of the machine for n seconds: commands, registers, transitions, windows',
      number(0.5, 3_600, 'seconds'),
    )
    .option(
      '--spis <n>',
      'SPIs beside the MSIs, edge-triggered and level-triggered in turn (default: 8; 0 with --guest)',
      wholeNumber(0, 512),
    )
    .addOption(
      new Option(
        '--lines <how>',
        'drive level-triggered SPIs with KVM_IRQ_LINE, with resampling irqfds (the last two of every three share a GSI), or some with each (default: both)',
      ).choices(LINE_MODES),
    )
    .addOption(
      new Option('--abi <design>', 'the design of the 2015 debate: how a source is named and found')
        .choices(DESIGN_NAMES)
        .default('merged'),
    )
    .addOption(
      new Option(
        '--irqchip <name>',
        "interrupt controller: arm64's GICv3 with its ITS, or x86's IOAPIC with a local APIC for each vCPU",
      )
        .choices(IRQCHIPS)
        .default('gicv3'),
    )
    .addOption(
      new Option(
        '--churn <how>',
        'rate at which the driver thread moves, masks and remaps interrupts during the run',
      )
        .choices(CHURNS)
        .default('heavy'),
    )
    .addOption(
      new Option(
        '--dispatch <where>',
        'thread that routes a signal: the main thread, the signalling thread (inline), or now one and now the other (both)',
      )
        .choices([...DISPATCHES, 'both'])
        .default('both'),
    )
    .addOption(
      new Option(
        '--perturb <how>',
        'delay threads at their shared operations: everywhere, one slow thread at a time, long stops in windows of the protocols, or these in turn (mixed)',
      )
        .choices(PERTURBATIONS)
        .default('mixed'),
    )
    .addOption(
      new Option('--fault <rule>', 'break a rule of the machine, to see the proof fail')
        .choices(FAULTS)
        .default('none'),
    )
    .option(
      '--recording <file>',
      'recorded guest whose devices and events are signalled (default: the recording that comes with irqloom)',
    )
    .option(
      '--guest <file>',
      'module of your own that exports interrupt(cpu, intid); or a real guest on AArch64 cores: bare, our own with its ITS driver, or linux',
    )
    .option(
      '--device <file>',
      'module of your own that exports run(device), called again until the time is over',
    )
    .addOption(sharedOption())
    .option('--kernel <file>', 'of --guest linux: an arm64 kernel (irqloom boot says where one comes from)')
    .option('--modules <folder>', "of --guest linux: the kernel's /lib/modules/VERSION")
    .option('--lrs <n>', 'list registers of each vCPU, as in KVM (default: none)', wholeNumber(1, 16))
    .option('--itses <n>', 'ITSes, which the devices take in turn', wholeNumber(1, 4), 1)
    .option(
      '--gicv4',
      'GICv4.1: vLPIs and vSGIs of more vPEs than vCPUs; the vCPU threads make vPEs resident, and doorbells wake those that sleep',
    )
    .option('--stamp-all', 'time every signal from device to handler, not one of 8 of each source')
    .option('--seed <n>', 'seed of every random choice', wholeNumber(0, 2 ** 31 - 1))
    .option('--json', 'print the result as one JSON object')
    .option('--junit <file>', 'write the result as a JUnit report, for CI')
    .option('--report <file>', 'write a report with pictures as one HTML file')
    .option(
      '--trace <file>',
      'write the last actions of each thread as a trace, for Perfetto and chrome://tracing',
    )
    .option('--watch', 'show live rates and latencies of each vCPU')
    .option('--metrics <file>', 'write OpenMetrics text each second and at the end')
    .option(
      '--rotate',
      'run one machine after the other for --seconds, each with settings drawn from --seed; check that memory, descriptors and threads do not grow',
    )
    .option(
      '--keep <file>',
      'end at the first violation and keep that moment: the machine, and the plan of its threads',
    )
    .option('--resume <file>', 'load a kept moment, show the moment, and let its vCPUs run once more')
    .action(async (flags: StressFlags, command: Command) => {
      const given = command.options
        .map((option) => option.attributeName())
        .filter((name) => command.getOptionValueSource(name) === 'cli');
      process.exitCode = await stress(flags, given);
    });
  return withExamples(command, EXAMPLES);
}

async function stress(flags: StressFlags, given: readonly string[]): Promise<number> {
  if (flags.irqchip === 'ioapic') checkIoApic(flags.abi, given);
  if (flags.gicv4) checkVpes(flags, given);
  if (isOwn(flags)) checkOwn(flags, (name) => given.includes(name));
  if (flags.junit !== undefined && (flags.rotate || flags.resume !== undefined || flags.guest === 'linux'))
    throw new IrqError(
      'ERR_USAGE',
      '--junit is of a single run that is proved: leave out --rotate, --resume and --guest linux',
    );
  if (flags.rotate)
    return stressRotate(
      { ...flags, seconds: flags.seconds ?? DEFAULT_S },
      (name) => given.includes(name),
      flags.recording ?? ownRecording(),
    );
  if (flags.resume !== undefined) {
    refuseOthers('--resume', given);
    return stressResume(flags.resume, flags);
  }
  checkGuestFault(flags.guest, flags.fault);
  if (flags.guest === 'linux') {
    refuseOthers('--guest linux', given);
    const dispatch = flags.dispatch === 'both' ? 'main' : flags.dispatch;
    return stressLinux({ ...flags, dispatch, seconds: flags.seconds ?? DEFAULT_S });
  }
  if (flags.guest === undefined && (flags.kernel ?? flags.modules) !== undefined)
    throw new IrqError('ERR_USAGE', '--kernel and --modules are for --guest linux: add that');
  if (given.includes('shared') && !isOwn(flags))
    throw new IrqError(
      'ERR_USAGE',
      '--shared is for a guest or devices of your own: add --guest FILE or --device FILE',
    );
  if (flags.guest === 'bare') checkBare(flags, given);
  const programs = programSeconds(flags, given);
  const options = optionsOf(flags, programs);
  const own = isOwn(flags);
  // Only the settings that the run had, so that the command line takes the command.
  const { perturb } = options;
  const { abi, irqchip, shared } = flags;
  const repeat = repeatCommand(
    {
      ...flags,
      perturb,
      abi: own ? undefined : abi,
      irqchip: irqchip === 'gicv3' ? undefined : irqchip,
      shared: own ? shared : undefined,
    },
    options.seed,
  );
  const line = new ProgressLine();
  const follower = new StressFollower({ ...flags, command: repeat });
  line.note(`seed ${options.seed}; Ctrl-C ends the run and prints the counts so far`);
  const running = interruptibleUntil<StressResult>((signal, ended) =>
    run(flags, options, {
      signal,
      ended,
      finished: (detail) => follower.finished(detail),
      traced: (tracks, plan) => follower.traced(tracks, plan),
      ...(flags.keep === undefined ? {} : { violated: (machine, plan) => follower.violated(machine, plan) }),
      glance: (glance) => {
        follower.glance(glance);
        if (flags.watch) return;
        const { seconds, injected, delivered, violations } = glance;
        line.show(
          () =>
            `${seconds.toFixed(1)} s  violations ${count(violations)}  injected ${count(injected)}  delivered ${count(delivered)} (${rate(delivered / seconds)})`,
        );
      },
    }),
  );
  const ran = await running.catch((error: unknown) => {
    line.clear();
    const known = error instanceof IrqError ? error : missingInNode(error);
    const neverBegan = known?.exitStatus === EXIT.usage;
    if (!neverBegan) say(`the run ended without an answer; to repeat this: ${repeat}\n`);
    throw error;
  });
  const result = await withPrograms(ran, options.seed, programs, line);
  line.clear();
  printResult(result, flags.json ? undefined : () => stressText(result));
  const { status, notes } = follower.close(result, exitOf(result));
  for (const note of notes) say(`${note}\n`);
  if (!held(result)) say(`to repeat this: ${replayCommand(result) ?? repeat}\n`);
  return status;
}

/** The machine with TypeScript functions as its guest, or with a real one. */
function run(
  flags: StressFlags,
  options: StressOptions,
  watch: StressWatch & Partial<ViolationWatch>,
): Promise<StressResult> {
  if (isOwn(flags)) return stressOwn(flags, options, watch);
  if (flags.irqchip === 'ioapic' && !('boot' in options.input))
    return runApicStress({ ...options, input: options.input }, watch);
  if (flags.gicv4 && !('boot' in options.input))
    return runVpeStress({ ...options, input: options.input }, watch);
  const { guest } = flags;
  const { violated } = watch;
  if (guest === undefined)
    return violated ? runUntilViolation(options, { ...watch, violated }) : runStress(options, watch);
  const { input, spis } = options;
  if ('boot' in input) throw new IrqError('ERR_USAGE', `--guest ${guest} takes no recorded guest`);
  return runBareStress({ ...options, input, spis }, watch);
}

function exitOf(result: StressResult): number {
  if (!held(result)) return EXIT.failed;
  if (result.interrupted) return EXIT.interrupted;
  return result.delivered === 0 ? EXIT.noAnswer : EXIT.held;
}
