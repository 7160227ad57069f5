/** A command line without its `npx irqloom`, and its purpose. */
export type Example = readonly [line: string, about: string];

/** Two examples for the help of each command. A test parses them all. */
export const EXAMPLES: Readonly<Record<string, readonly [Example, Example]>> = {
  stress: [
    ['stress --dispatch inline --seconds 20', 'twice as long, routed in the signalling threads'],
    ['stress --guest guest.mjs --device device.mjs -v 4', 'your own code on four vCPUs'],
  ],
  boot: [
    ['boot Image --append console=ttyAMA0 --initrd initrd.gz', 'a kernel with its RAM disk'],
    ['boot Image --scheduler controlled --seed 7', 'vCPUs in turns, the same in every run'],
  ],
  latency: [
    ['latency --source irqfd --dispatch inline', 'one way to signal, in detail'],
    [
      'latency --guest guest.mjs --json',
      'your own handler; a result to save, for compare-runs and --baseline',
    ],
  ],
  scale: [
    ['scale --vcpus 1,2,4 --devices none --lpis none', 'vCPUs alone'],
    ['scale --seconds 0.5 --report scale.html', 'all three sweeps, as a page with pictures'],
  ],
  compare: [
    ['compare --abi merged,rfc', 'two designs'],
    ['compare --seconds 60 --report compare.html', 'all designs, longer, as a page with pictures'],
  ],
  'compare-runs': [
    ['compare-runs a.json b.json', 'two saved results of latency --json'],
    ['compare-runs a.json b.json --tolerance 20 --relative', 'runs of two different machines'],
  ],
  explore: [
    ['explore counter.scenario.mjs', 'every interleaving of your scenario'],
    [
      'explore counter.scenario.mjs --strategy pct --seconds 10 --save counter.test.ts',
      'ten seconds at random; what fails becomes a test',
    ],
  ],
  replay: [
    [
      'replay x1:lost-update:1.l:1.1:BBFF:ijz713 examples/lost-update.mjs',
      'the schedule of a token, step by step',
    ],
    [
      'replay x1:lost-update:1.l:1.1:BBFF:ijz713 examples/lost-update.mjs --executor lockstep',
      'the same on real threads',
    ],
  ],
  races: [
    ['races --runs 0', 'the whole catalogue, without free threads'],
    ['races check-then-halt', 'the story of one race, and its schedule'],
  ],
  conform: [
    ['conform its.vec', 'compares with its.expected.jsonl'],
    ['conform its.vec --profile kvm:6.12', 'the answers of an older KVM'],
  ],
  ioctl: [
    [
      'ioctl KVM_IRQFD 0000000020000000000000000000000000000000000000000000000000000000',
      'an irqfd: eventfd 0, GSI 32',
    ],
    ['ioctl KVM_CHECK_EXTENSION 25', 'whether KVM has a capability'],
  ],
  layout: [
    ['layout', 'the map of the smallest machine'],
    ['layout --vcpus 8 --json', 'that of a larger one, for programs'],
  ],
  'replay-guest': [
    ['replay-guest guest.jsonl.gz', 'every answer that the guest got, in its order'],
    ['replay-guest guest.jsonl.gz --threads --runs 5', 'on real threads, five times'],
  ],
  init: [
    ['init --kind harness', 'into this folder: a guest, a device and a test'],
    ['init --kind scenario races', 'into a new folder: code under every interleaving'],
  ],
  completion: [
    ['completion bash', 'the script on stdout: source <(irqloom completion bash)'],
    ['completion fish', 'for ~/.config/fish/completions/irqloom.fish'],
  ],
  campaign: [
    ['campaign examples/campaign.ts', 'every item, on all cores; --resume goes on after a stop'],
    ['campaign campaign.json --redis redis://localhost --serve', 'on a fleet, with a live page'],
  ],
  worker: [
    ['worker --redis redis://localhost', 'all cores of this machine, for every campaign there'],
    ['worker --redis env --jobs 4', 'four threads; the URL from IRQLOOM_REDIS_URL'],
  ],
  guests: [
    ['guests', 'all of them'],
    ['guests ipi-self --json', 'one, as JSON'],
  ],
};

/** The examples of a command, as its help ends. */
export function examplesText(command: string): string {
  const lines = (EXAMPLES[command] ?? []).map(([line, about]) => `  npx irqloom ${line}\n      ${about}`);
  return lines.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`;
}
