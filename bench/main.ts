import { format as formatArm64, run as runArm64 } from './arm64.ts';
import { format as formatCampaign, run as runCampaign } from './campaign.ts';
import { format as formatExplore, run as runExplore } from './explore.ts';
import { format as formatRealThreads, run as runRealThreads } from './explore-lockstep.ts';
import { format as formatExploreMemory, run as runExploreMemory } from './explore-memory.ts';
import { format as formatExploreVm, run as runExploreVm } from './explore-vm.ts';
import { faultOptionsFrom, format as formatFaults, run as runFaults } from './faults.ts';
import { format as formatGic, run as runGic } from './gic.ts';
import { format as formatIts, run as runIts } from './its.ts';
import { format as formatKvm, run as runKvm } from './kvm.ts';
import { format as formatLatency, run as runLatency } from './latency.ts';
import { format as formatMachine, run as runMachine } from './machine.ts';
import { format as formatMeasure, run as runMeasure } from './measure.ts';
import { format as formatMemory, run as runMemory } from './memory.ts';
import { format as formatMutations, run as runMutations } from './mutations.ts';
import { format as formatNative, run as runNative } from './native.ts';
import { format as formatPower, optionsFrom as powerOptionsFrom, run as runPower } from './power.ts';
import { format as formatSearches, run as runSearches } from './searches.ts';
import { format as formatSoundness, optionsFrom, run as runSoundness } from './soundness.ts';
import { format as formatStress, run as runStress, stressOptionsFrom } from './stress.ts';
import { format as formatTransfers, run as runTransfers } from './transfers.ts';

const args = process.argv.slice(2);
const firstOption = args.findIndex((arg) => arg.startsWith('--'));
const wanted = firstOption < 0 ? args : args.slice(0, firstOption);
/**
 * The arguments beside the names: `soundness` takes `--programs N` and `--seed N`, `faults` `--only TEXT`, `--node FILE` and
 * `--markdown`; power.ts and stress.ts list theirs.
 */
const options = args.slice(wanted.length);

/** Benchmarks that take options. */
const WITH_OPTIONS = ['soundness', 'faults', 'power', 'stress'];

/** Every benchmark, one after the other; `npm run bench -- machine its` runs some of them. */
const BENCHES = {
  memory: async () => formatMemory(await runMemory()),
  machine: async () => formatMachine(await runMachine()),
  gic: async () => formatGic(await runGic()),
  its: async () => formatIts(runIts()),
  kvm: async () => formatKvm(await runKvm()),
  measure: async () => formatMeasure(await runMeasure()),
  explore: async () =>
    [
      formatExplore(runExplore()),
      formatExploreMemory(runExploreMemory()),
      formatExploreVm(runExploreVm()),
    ].join('\n\n'),
  searches: async () => formatSearches(runSearches()),
  mutations: async () => formatMutations(await runMutations()),
  lockstep: async () => formatRealThreads(await runRealThreads()),
  arm64: async () => formatArm64(await runArm64()),
  stress: async () => formatStress(await runStress(stressOptionsFrom(options))),
  latency: async () => formatLatency(await runLatency()),
  transfers: async () => formatTransfers(runTransfers()),
  native: async () => formatNative(await runNative()),
  campaign: async () => formatCampaign(await runCampaign()),
  power: async () => formatPower(await runPower(powerOptionsFrom(options))),
  soundness: async () => {
    const found = runSoundness(optionsFrom(options));
    if (found.differing.length > 0) process.exitCode = 1;
    return formatSoundness(found);
  },
  faults: async () => {
    const { markdown, ...cells } = faultOptionsFrom(options);
    const outcomes = await runFaults(cells);
    if (outcomes.some(({ verdict }) => verdict === 'BROKEN')) process.exitCode = 1;
    return formatFaults(outcomes, markdown);
  },
} as const satisfies Record<string, () => Promise<string>>;

type Name = keyof typeof BENCHES;
const isName = (name: string): name is Name => Object.hasOwn(BENCHES, name);

const unknown = wanted.find((name) => !isName(name));
if (unknown !== undefined) {
  console.error(`there is no benchmark "${unknown}": there are ${Object.keys(BENCHES).join(', ')}`);
  process.exitCode = 2;
} else if (options.length > 0 && !(wanted.length === 1 && WITH_OPTIONS.includes(wanted[0] ?? ''))) {
  console.error(`only ${WITH_OPTIONS.join(' and ')} take options, each by itself: ${options.join(' ')}`);
  process.exitCode = 2;
} else {
  // An hour and more: only by name.
  const usual = (Object.keys(BENCHES) as Name[]).filter((name) => name !== 'power');
  for (const name of wanted.length > 0 ? wanted.filter(isName) : usual) {
    console.log(`\n# ${name}\n${await BENCHES[name]()}`);
  }
}
